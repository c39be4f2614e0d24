"""How a process is made to stop: SIGINT, SIGTERM, SIGKILL at 0, 5 and 10 s (protocol.md §5)."""

from __future__ import annotations

from typing import Final

SIGNALS: Final = ("SIGINT", "SIGTERM", "SIGKILL")


class Escalation:
    """The request to stop one process, and which signals are due.

    Args:
        grace: seconds from each signal to the next.

    >>> stop = Escalation()
    >>> stop.ask(100.0)
    >>> stop.due(100.0), stop.due(104.9), stop.due(111.0)
    (['SIGINT'], [], ['SIGTERM', 'SIGKILL'])
    """

    def __init__(self, grace: float = 5.0) -> None:
        self._steps = [(grace * i, name) for i, name in enumerate(SIGNALS)]
        self._asked: float | None = None
        self._done = 0

    @property
    def asked(self) -> bool:
        """Whether the process is to stop."""
        return self._asked is not None

    def ask(self, now: float) -> None:
        """It is to stop, from ``now`` (seconds) on; asking again changes nothing."""
        if self._asked is None:
            self._asked = now

    def hurry(self, now: float) -> None:
        """It is to stop at once: only the last step is left."""
        self.ask(now)
        self._asked = now - self._steps[-1][0]
        self._done = max(self._done, len(self._steps) - 1)

    def due(self, now: float) -> list[str]:
        """The signals to send now; each is named once."""
        found = []
        while (at := self.next_at()) is not None and at <= now:
            found.append(self._steps[self._done][1])
            self._done += 1
        return found

    def next_at(self) -> float | None:
        """When the next signal is due; None where there is none."""
        if self._asked is None or self._done == len(self._steps):
            return None
        return self._asked + self._steps[self._done][0]

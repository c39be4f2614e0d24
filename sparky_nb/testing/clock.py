"""A clock that stands still until it is told to move."""

from __future__ import annotations

import threading


class FakeClock:
    """A :class:`~sparky_nb.clock.Clock` for tests; both readings move together.

    Args:
        now_ms: milliseconds UTC at which it begins.

    >>> clock = FakeClock()
    >>> clock.advance(1.5)
    >>> clock.now_ms(), clock.monotonic()
    (1795381201500, 1.5)
    """

    def __init__(self, now_ms: int = 1_795_381_200_000) -> None:
        self._start, self._elapsed = now_ms, 0.0
        self._lock = threading.Lock()

    def now_ms(self) -> int:
        """Milliseconds UTC."""
        return self._start + round(self.monotonic() * 1000)

    def monotonic(self) -> float:
        """Seconds since it was made."""
        with self._lock:
            return self._elapsed

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        if seconds < 0:
            raise ValueError("time does not go back")
        with self._lock:
            self._elapsed += seconds

"""The thread that attends to the queue and to schedules, in a kernel or a worker."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final, Literal

from sparky_nb import api
from sparky_nb.errors import LogUnavailable
from sparky_nb.schedules import tick
from sparky_nb.tasks import Runner, capture
from sparky_nb.worker.taking import Taker
from sparky_nb.worker.works import find_work

POLL_SECONDS: Final = 0.25
"""Between two looks at the log's change token, which costs microseconds."""

LOOK_SECONDS: Final = 5.0
"""Between two looks at the queue where nothing has moved."""

_log = logging.getLogger(__name__)
_lock = threading.Lock()
_present: Attendant | None = None


class Attendant:
    """See the module.

    Args:
        runner: who executes.
        chores: what is done where something has moved, or is due.
        due_at: when something is due by the clock, ms UTC; None: nothing.
    """

    def __init__(
        self,
        runner: Runner,
        chores: Sequence[Callable[[], object]],
        due_at: Callable[[], int | None] = lambda: None,
    ) -> None:
        self.runner, self._chores, self._due_at = runner, chores, due_at
        self._moved, self._attends = threading.Event(), False
        self._thread = threading.Thread(target=self._run, name="sparky-attendant", daemon=True)

    def start(self) -> None:
        """Begin, as soon as the log can be written; it ends with the runner."""
        with contextlib.suppress(LogUnavailable):
            self._attend()
        self._thread.start()

    def _attend(self) -> None:
        self.runner.attend(self._moved.set)
        self._attends = True

    def _run(self) -> None:
        clock, token, look_at, troubled = self.runner.clock, -1, 0.0, False
        while not self.runner.closed:
            moved = self._moved.wait(POLL_SECONDS)
            self._moved.clear()
            try:
                if not self._attends:
                    self._attend()
                seen = self.runner.log.change_token()
                due = self._due_at()
                late = due is not None and clock.now_ms() >= due
                if moved or late or seen != token or clock.monotonic() >= look_at:
                    token, look_at = seen, clock.monotonic() + LOOK_SECONDS
                    capture.install()
                    for chore in self._chores:
                        chore()
                troubled = False
            except LogUnavailable as error:
                _log.debug("the queue can't be read now: %s", error)
                look_at = clock.monotonic() + LOOK_SECONDS
            except Exception:  # noqa: BLE001  a thread that ended would leave the queue unattended for good
                if not troubled and not self.runner.closed:
                    _log.exception("attending to the queue failed; it goes on")
                troubled, look_at = True, clock.monotonic() + LOOK_SECONDS


class Timetable:
    """Fires the schedules that ``runner`` attends to, and knows when the next is due."""

    def __init__(self, runner: Runner, chat_id: str | None) -> None:
        self._runner, self._chat_id = runner, chat_id
        self.due_at: int | None = None

    def tick(self) -> None:
        """Fire what is due now."""
        now_ms = self._runner.clock.now_ms()
        _, self.due_at = tick(self._runner.log, now_ms, chat_id=self._chat_id)


def attend(role: Literal["kernel", "worker"] = "kernel") -> None:
    """Attend to what is queued from now on: a kernel to its own chat, a worker to any.

    Calling it again does nothing.

    Raises:
        LogRefused, LogUnavailable: there is no log to attend to.
    """
    global _present
    with _lock:
        runner = api.runner()
        if _present is not None and _present.runner is runner:
            return
        runner.role = role
        chat_id = None if runner.role == "worker" else runner.chat_id
        taker = Taker(runner, lambda row: find_work(runner, row), chat_id=chat_id)
        timetable = Timetable(runner, chat_id)
        chores = [timetable.tick, taker.look]
        _present = Attendant(runner, chores, lambda: timetable.due_at)
        _present.start()

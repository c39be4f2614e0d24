"""A task in a process of its own, seen from outside."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from sparky_nb.errors import Conflict
from sparky_nb.events.states import TERMINAL
from sparky_nb.log.base import TaskRow
from sparky_nb.log.liveness import RunnerIdentity, is_alive
from sparky_nb.process.command import KILL
from sparky_nb.process.results import restored
from sparky_nb.tasks import Runner, TaskHandle

_REMEMBERED: Final = 200
_again: OrderedDict[str, Callable[[], ProcessHandle]] = OrderedDict()


class ProcessHandle(TaskHandle):
    """The handle of a task in a process of its own.

    All that it says is read from the log; so any process with the same log can have one.
    """

    def kill(self, reason: str | None = None) -> None:
        """Cancel the task, and end its process at once: its code gets no time to clean up.

        On another machine the process can't be reached: there it is a ``cancel`` like any other.
        """
        self.cancel(reason)
        runner_id = self.row().runner
        if runner_id is not None and is_alive(runner_id) and self.state not in TERMINAL:
            with suppress(ProcessLookupError):
                os.kill(RunnerIdentity.parse(runner_id).pid, KILL)

    def retry(self) -> TaskHandle:
        """Do the same work again in a new process.

        Raises:
            Conflict: it has not ended.
            NotFound: it was started by another process, which alone knows the work.
        """
        again = _again.get(self.task_id)
        if again is None:
            return super().retry()
        if self.state not in TERMINAL:
            raise Conflict(f"task {self.task_id} has not ended")
        return again()


def remember(task_id: str, again: Callable[[], ProcessHandle]) -> None:
    """How to do the work of ``task_id`` again."""
    _again[task_id] = again
    while len(_again) > _REMEMBERED:
        _again.popitem(last=False)


def handle_for(here: Runner, row: TaskRow) -> ProcessHandle | None:
    """The handle of the task of ``row``, where it has a process of its own."""
    own = row.task_id in _again or (
        row.state not in TERMINAL
        and any(r.runner_id == row.runner and r.role == "process" for r in here.log.runners())
    )
    return ProcessHandle(here, row.task_id, row.chat_id) if own else None


def restore(handle: TaskHandle, row: TaskRow) -> Any:
    """The result of a completed task that another process ran; for ``TaskHandle.restore``."""
    return restored(handle._runner.log, row)

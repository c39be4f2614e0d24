"""The views of one process: what the composition root makes once and hands to its task handles."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from sparky_nb.clock import Clock, SystemClock
from sparky_nb.events.model import JsonObject
from sparky_nb.log.base import Log
from sparky_nb.view.bundle import TaskView, in_kernel

if TYPE_CHECKING:
    from sparky_nb.view.feeder import Feeder

Submit = Callable[[str, str, str, JsonObject], None]


class Views:
    """Makes the views of tasks; all widgets of the process share one feeder.

    ipywidgets is imported with the first view in a Jupyter kernel, and never elsewhere.

    Args:
        log: where the tasks are.
        submit: takes a command (chat id, task id, name, arguments) for any task; what it raises of
            ours is told to the page that asked.
        clock: for the time that has passed.
        not_durable: whether what a task emits can't be stored now.
    """

    def __init__(
        self,
        log: Log,
        *,
        submit: Submit,
        clock: Clock | None = None,
        not_durable: Callable[[str], bool] = lambda task_id: False,
    ) -> None:
        self._log, self._submit, self._clock = log, submit, clock or SystemClock()
        self._not_durable = not_durable
        self._lock = threading.Lock()
        self._feeder: Feeder | None = None
        self._closed = False

    def task(self, task_id: str) -> TaskView:
        """The view of a task. Raises NotFound, LogUnavailable."""
        return TaskView(
            self._log,
            task_id,
            clock=self._clock,
            feeder=self._live() if in_kernel() else None,
            not_durable=self._not_durable,
        )

    def wake(self) -> None:
        """Say that the log has moved: any thread, as often as one likes, next to free."""
        if self._feeder is not None:
            self._feeder.wake()

    def close(self) -> None:
        """Show the last of it and stop. Closing twice is fine."""
        with self._lock:
            self._closed, feeder = True, self._feeder
        if feeder is not None:
            feeder.close()

    def _live(self) -> Feeder | None:
        with self._lock:
            if self._feeder is None and not self._closed:
                from sparky_nb.view.feeder import Feeder

                self._feeder = Feeder(
                    self._log,
                    submit=self._submit,
                    clock=self._clock,
                    not_durable=self._not_durable,
                )
            return self._feeder

"""The representations of one task, as Jupyter asks for them.

``application/vnd.sparky-nb.task.v1+json`` holds only ids, for a front end that connects itself;
``application/vnd.jupyter.widget-view+json`` is the live view that this kernel feeds; ``text/html``
and ``text/plain`` say how it stood when it was shown. All together stay under 20 kB a task.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from sparky_nb.clock import Clock, SystemClock
from sparky_nb.errors import InvalidArgument, SparkyError
from sparky_nb.events.model import JsonObject
from sparky_nb.ids import check_task_id
from sparky_nb.log.base import Log
from sparky_nb.view.brief import clip
from sparky_nb.view.cursor import TaskCursor
from sparky_nb.view.html import html
from sparky_nb.view.model import Picture
from sparky_nb.view.text import text
from sparky_nb.view.timeline import Bounds

if TYPE_CHECKING:
    from sparky_nb.view.feeder import Feeder
    from sparky_nb.view.widget import TaskWidget

MIME: Final = "application/vnd.sparky-nb.task.v1+json"
WIDGET_MIME: Final = "application/vnd.jupyter.widget-view+json"
HTML_MAX: Final = 7_000
TEXT_MAX: Final = 2_500

_SMALL: Final = Bounds(bars=4, entries=1400, output=1300, ending=900, text=200)
_logger = logging.getLogger(__name__)


class TaskView:
    """All views of one task, made from the log.

    Args:
        log: where the task is.
        task_id: a whole task id, or a unique prefix.
        clock: for the time that has passed.
        feeder: keeps the widget live; None: there is no widget.
        not_durable: whether what a task emits can't be stored now.

    Raises:
        NotFound: no task begins so. (Of a whole id that is not in the log, the methods say so.)
        InvalidArgument: several begin so.
        LogUnavailable: try again.
    """

    def __init__(
        self,
        log: Log,
        task_id: str,
        *,
        clock: Clock | None = None,
        feeder: Feeder | None = None,
        not_durable: Callable[[str], bool] = lambda task_id: False,
    ) -> None:
        self._log, self._clock, self._feeder = log, clock or SystemClock(), feeder
        self._not_durable = not_durable
        self.task_id = task_id if is_task_id(task_id) else log.task(task_id).task_id

    def picture(self, bounds: Bounds | None = None) -> Picture:
        """The task as the log has it now."""
        return self._picture(self._cursor(), bounds)

    def html(self) -> str:
        """At most ``HTML_MAX`` bytes of safe HTML."""
        return self._html(self._cursor())

    def text(self) -> str:
        """At most ``TEXT_MAX`` bytes of plain text."""
        return self._text(self._cursor())

    def widget(self) -> TaskWidget | None:
        """The live widget; None outside of a Jupyter kernel."""
        if self._feeder is None or not in_kernel():
            return None
        return self._feeder.widget(self._cursor())

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> JsonObject:
        try:
            cursor = self._cursor()
        except SparkyError as error:
            return {"text/plain": f"{self.task_id}: {error}"}
        bundle: JsonObject = {"text/plain": self._text(cursor)}
        if not in_kernel():
            return bundle
        bundle["text/html"] = self._html(cursor)
        if self._feeder is not None:
            try:
                widget = self._feeder.widget(cursor)
            except Exception:  # whatever keeps a widget from opening, the other forms are there
                _logger.debug("no widget for %s", self.task_id, exc_info=True)
            else:
                bundle[WIDGET_MIME] = {
                    "version_major": 2,
                    "version_minor": 0,
                    "model_id": widget.model_id,
                }
        bundle[MIME] = {
            "v": 1,
            "task_id": self.task_id,
            "chat_id": cursor.row.chat_id,
            "log_id": self._log.log_id,
            "epoch": cursor.epoch,
        }
        return bundle

    def __repr__(self) -> str:
        return f"<TaskView {self.task_id}>"

    def _cursor(self) -> TaskCursor:
        cursor = TaskCursor(self._log, self.task_id)
        cursor.catch_up()
        return cursor

    def _picture(self, cursor: TaskCursor, bounds: Bounds | None) -> Picture:
        return cursor.picture(not_durable=self._not_durable(cursor.row.task_id), bounds=bounds)

    def _html(self, cursor: TaskCursor) -> str:
        return self._bounded(cursor, html, HTML_MAX)

    def _text(self, cursor: TaskCursor) -> str:
        return self._bounded(cursor, text, TEXT_MAX)

    def _bounded(self, cursor: TaskCursor, draw: Callable[[Picture, int], str], most: int) -> str:
        """What ``draw`` makes of the largest picture that fits into ``most`` bytes."""
        now, bounds = self._clock.now_ms(), _SMALL
        for _ in range(12):
            drawn = draw(self._picture(cursor, bounds), now)
            if len(drawn.encode()) <= most:
                return drawn
            bounds = bounds.smaller()
        return clip(f"{cursor.row.task_id}: {cursor.row.state}", most)


def task_bundle(
    log: Log,
    task_id: str,
    *,
    clock: Clock | None = None,
    feeder: Feeder | None = None,
    not_durable: Callable[[str], bool] = lambda task_id: False,
) -> JsonObject:
    """The MIME bundle of a task; what a handle returns from ``_repr_mimebundle_``.

    It never raises: where the log can't be read, the text says so.
    """
    try:
        view = TaskView(log, task_id, clock=clock, feeder=feeder, not_durable=not_durable)
    except SparkyError as error:
        return {"text/plain": f"{task_id}: {error}"}
    return view._repr_mimebundle_()


def is_task_id(text: str) -> bool:
    """Whether ``text`` is a whole task id."""
    try:
        return bool(check_task_id(text))
    except InvalidArgument:
        return False


def in_kernel() -> bool:
    """Whether this process is a Jupyter kernel, without importing anything to find out."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None

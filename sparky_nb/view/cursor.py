"""A cursor over the log that follows one task and keeps its folded state.

It reads the chat from the task's first event on and leaves out what belongs to others, so that a
busy neighbour can't push the task's entries out of the bounded timeline.
"""

from __future__ import annotations

from typing import Final

from sparky_nb.errors import InvalidArgument, NotFound
from sparky_nb.events.codec import decode_event
from sparky_nb.events.fold import Fold, new_state
from sparky_nb.events.model import JsonObject
from sparky_nb.events.states import TERMINAL
from sparky_nb.log.base import Log, TaskRow
from sparky_nb.view.model import Picture, picture
from sparky_nb.view.timeline import Bounds

REPLAY_MAX: Final = 20_000
PAGE: Final = 500
PAGE_BYTES: Final = 1 << 20


class TaskCursor:
    """Where a view of ``task_id`` is in the log.

    Of a long task only the last ``REPLAY_MAX`` offsets are read; what came before is taken from the
    task's row (state, times, main progress), which is all that a bounded picture would keep of it.

    Args:
        log: where the task is. Each cursor is used by one thread at a time.
        task_id: a whole task id, or a unique prefix.

    Raises:
        NotFound: there is no such task.
        LogUnavailable: try again.
    """

    def __init__(self, log: Log, task_id: str) -> None:
        self._log = log
        self._begin(log.task(task_id))

    def _begin(self, row: TaskRow) -> None:
        position = self._log.position(row.chat_id)
        last = row.last if row.state in TERMINAL else position.head
        self.row = row
        self.epoch = position.epoch
        self.after = max(row.first - 1, position.earliest - 1, last - REPLAY_MAX)
        whole = self.after == row.first - 1
        self._fold = Fold(None if whole else _seed(row))
        self._mark = row.task_id.encode()

    @property
    def state(self) -> JsonObject:
        """The folded state; it holds this task only."""
        return self._fold.state

    @property
    def ended(self) -> bool:
        """Whether the task's terminal event has been applied."""
        task = self.state["tasks"].get(self.row.task_id)
        return task is not None and task["state"] in TERMINAL

    def picture(
        self, *, not_durable: bool, notice: str | None = None, bounds: Bounds | None = None
    ) -> Picture:
        """The task as it stands at this place; see ``model.picture``."""
        found = picture(
            self.state,
            self.row.task_id,
            chat_id=self.row.chat_id,
            log_id=self._log.log_id,
            not_durable=not_durable,
            notice=notice,
            bounds=bounds,
        )
        if found is None:
            raise NotFound("task", self.row.task_id)
        return found

    def advance(self, limit: int = PAGE) -> tuple[bool, bool]:
        """Read one page; (whether the task has changed, whether more is waiting).

        Raises:
            NotFound: the chat was deleted.
            LogUnavailable: try again.
        """
        page = self._log.read(self.row.chat_id, after=self.after, limit=limit, max_bytes=PAGE_BYTES)
        if page.epoch != self.epoch:
            self._begin(self._log.task(self.row.task_id))
            return True, True
        changed = False
        for wire in page.events:
            if self._mark in wire or b'"redaction"' in wire:
                changed |= self._apply(wire)
        self.after = max(self.after, page.first + len(page.events) - 1)
        return changed, self.after < page.head and not self.ended

    def catch_up(self) -> None:
        """Read all that is there now: up to the head, or to the task's ending."""
        while self.advance()[1]:
            pass

    def _apply(self, wire: bytes) -> bool:
        try:
            event = decode_event(wire)
        except InvalidArgument:
            return False
        if event.task_id != self.row.task_id and event.type != "redaction":
            return False
        try:
            self._fold.apply(event)
        except (TypeError, ValueError, AttributeError, KeyError):
            return False  # data of a shape that no version wrote: it costs its own place only
        return True


def _seed(row: TaskRow) -> JsonObject:
    """The state of which only the task's row is known."""
    state = new_state()
    task: JsonObject = {
        "task_id": row.task_id,
        "offset": row.first,
        "last": row.last,
        "state": row.state,
        "attempt": row.attempt,
        "name": row.name,
        "kind": row.kind,
        "instruction": row.instruction,
        "result": row.result,
        "error": row.error,
        "created": row.created,
        "started": row.started,
        "ended": row.ended,
        "cancelling": row.cancelling,
        "progress": {},
        "sources": {},
    }
    if row.progress is not None:
        began = row.started or row.created
        key = str(row.progress.get("key", "main"))
        task["progress"][key] = {
            **row.progress,
            "offset": row.first,
            "time": began,
            "since": began,
            "from": 0,
        }
    state["tasks"][row.task_id] = task
    return state

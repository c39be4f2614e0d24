"""What is queued → what this runner executes.

Which task may be taken is decided by looking; who gets it, by the log alone (``Runner.take``).
"""

from __future__ import annotations

from collections.abc import Callable

from sparky_nb.errors import LogUnavailable
from sparky_nb.events.states import ACTIVE, QUEUED
from sparky_nb.log.base import READ_LIMIT, TaskRow
from sparky_nb.log.rules import AGENT
from sparky_nb.tasks import Runner, TaskContext, Work

FindWork = Callable[[TaskRow], Work | None]
"""The work that a queued task means here; None: this process can't do it, perhaps another can.
What it raises is what the task fails with: those behind it in the queue go on."""


class Taker:
    """Takes queued tasks for one runner.

    Args:
        runner: who shall execute them.
        find_work: what they mean here.
        chat_id: only this chat's; None: any chat's.
    """

    def __init__(self, runner: Runner, find_work: FindWork, *, chat_id: str | None) -> None:
        self._runner, self._find_work, self._chat_id = runner, find_work, chat_id

    def look(self) -> list[str]:
        """Take whatever may be taken now, oldest first; the ids.

        Raises:
            LogUnavailable: try again later.
        """
        rows = self._runner.log.tasks(
            chat_id=self._chat_id, states=sorted(ACTIVE), limit=READ_LIMIT
        )
        taken = []
        for row in next_in_line(list(reversed(rows)), self._runner.runner_id):
            if self._runner.find(row.task_id) is not None:
                continue  # it waits in this runner's own queue
            work = self._work(row)
            if work is not None and self._runner.take(row, work) is not None:
                taken.append(row.task_id)
        return taken

    def _work(self, row: TaskRow) -> Work | None:
        try:
            return self._find_work(row)
        except LogUnavailable:
            raise
        except Exception as error:  # noqa: BLE001  one that can't be done must not hold up the others
            return _failing(row, error)


def next_in_line(active: list[TaskRow], runner_id: str) -> list[TaskRow]:
    """Those of ``active`` (tasks that have not ended, oldest first) that ``runner_id`` may take.

    Agent tasks of one chat share its memory, so each waits until all before it have ended: two
    runners that look at the same time want the same one, and the log gives it to one of them.
    """
    found, busy = [], set[str]()
    for row in active:
        in_lane = row.kind == AGENT
        free = row.state == QUEUED and row.runner in (None, runner_id)
        if free and not (in_lane and row.chat_id in busy):
            found.append(row)
        if in_lane:
            busy.add(row.chat_id)
    return found


def _failing(row: TaskRow, error: Exception) -> Work:
    """Taken, only to say why it can't be done."""

    def call(task: TaskContext) -> None:
        raise error

    return Work(
        call=call,
        name=row.name or (row.instruction or row.kind)[:60],
        kind=row.kind,
        chat_id=row.chat_id,
        instruction=row.instruction,
    )

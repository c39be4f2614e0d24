"""What is due becomes a queued task, once.

Any number of servers, workers and kernels call ``tick`` whenever they like, and may be killed at
any moment: the schedule's next time is moved on (by compare-and-set) in the transaction that stores
the task, whose id is made of the schedule, its revision and the time it was due.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec
from msgspec import Struct

from sparky_nb.errors import NotFound, UsageError
from sparky_nb.events.states import TERMINAL
from sparky_nb.ids import derived_task_id
from sparky_nb.log.base import Log, ScheduleRow
from sparky_nb.log.queueing import CALL_END, queued_task
from sparky_nb.schedules.rule import Rule, first_after, following

CLOCKS_DIFFER = 3_600_000
"""Milliseconds: more than the clocks of machines that share a log do; who is further ahead was
wrong."""


class Fired(Struct, frozen=True, kw_only=True):
    """A task that a schedule has made."""

    schedule_id: str
    chat_id: str
    task_id: str


def tick(log: Log, now_ms: int, *, chat_id: str | None = None) -> tuple[list[Fired], int | None]:
    """Fire what is due at ``now_ms``; (what this call has fired, when the next is due).

    One that is due while its task before has not ended waits for that, and then fires once. One
    that can't fire here, say because its rule can't be read, stays due for those who can; the
    others fire all the same.

    Args:
        chat_id: only this chat's schedules.

    Raises:
        LogUnavailable: try again later; nothing is fired twice.
    """
    fired, coming = [], []
    for row in log.schedules(chat_id=chat_id):
        if row.state != "active" or row.next_at is None:
            continue
        with suppress(UsageError):
            next_at = _by_this_clock(log, row, now_ms)
            if next_at > now_ms:
                coming.append(next_at)
            elif not under_way(log, row) and (one := fire(log, row, now_ms, due_ms=next_at)):
                fired.append(one)
    if fired:
        rows = log.schedules(chat_id=chat_id)
        coming = [it.next_at for it in rows if it.next_at is not None and it.next_at > now_ms]
    return fired, min(coming, default=None)


def _by_this_clock(log: Log, row: ScheduleRow, now_ms: int) -> int:
    """When ``row`` is due. One that was made, or has fired, in what is the future now is due when
    it would be had the clock never been ahead: else it would wait for that future. And whoever is
    ahead does not take what others have put right so for something that is late all the time."""
    assert row.next_at is not None
    seen = max(row.created, row.last_at or 0)
    we_are_behind, we_are_ahead = seen > now_ms + CLOCKS_DIFFER, row.next_at <= seen <= now_ms
    if row.kind == "at" or not (we_are_behind or we_are_ahead):
        return row.next_at
    rule = Rule(kind=row.kind, spec=row.spec, timezone=row.timezone)
    if we_are_ahead:
        return first_after(rule, seen) or row.next_at
    next_at = first_after(rule, now_ms)
    if next_at is None or next_at >= row.next_at:
        return row.next_at
    after = msgspec.structs.replace(row, next_at=next_at, revision=row.revision + 1)
    return next_at if log.change_schedule(after, actor="system", now_ms=now_ms) else row.next_at


def under_way(log: Log, row: ScheduleRow) -> bool:
    """Whether the task of the latest firing has not ended."""
    state = last_state(log, row)
    return state is not None and state not in TERMINAL


def last_state(log: Log, row: ScheduleRow) -> str | None:
    """The state of the task of the latest firing; None where there is none (any more)."""
    if row.last_task is None:
        return None
    try:
        return log.task(row.last_task).state
    except NotFound:
        return None


def fire(
    log: Log, row: ScheduleRow, now_ms: int, *, due_ms: int | None, actor: str = "system"
) -> Fired | None:
    """Make the task of one firing; None: somebody else did, or changed the schedule.

    Args:
        due_ms: when it was due; None: ``actor`` wants it now, beside its rule.

    Raises:
        InvalidArgument: its rule can't be read here: a time zone that only newer machines know.
    """
    changes: dict[str, Any] = {
        "last_at": now_ms,
        "fired": row.fired + 1,
        "revision": row.revision + 1,
    }
    if due_ms is None:
        task_id = derived_task_id(row.schedule_id, "now", str(row.revision))
    else:
        # The revision, as a clock that is put back comes to the same time again.
        task_id = derived_task_id(row.schedule_id, str(due_ms), str(row.revision))
        rule = Rule(kind=row.kind, spec=row.spec, timezone=row.timezone)
        next_at, missed = following(rule, due_ms, now_ms)
        changes |= {"next_at": next_at, "coalesced": row.coalesced + missed}
        if next_at is None:
            changes["state"] = "ended"
    _, append = queued_task(
        row.chat_id,
        asked_by=row.from_,
        now_ms=now_ms,
        instruction=row.instruction if row.call is None else row.call + CALL_END,
        name=row.name,
        model=row.model,
        task_id=task_id,
        schedule_id=row.schedule_id,
        kind="agent" if row.call is None else "call",
    )
    after = msgspec.structs.replace(row, last_task=task_id, **changes)
    if not log.change_schedule(after, append, actor=actor, now_ms=now_ms):
        return None
    return Fired(schedule_id=row.schedule_id, chat_id=row.chat_id, task_id=task_id)

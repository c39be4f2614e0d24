"""Making, pausing, resuming, removing schedules: what every face does alike."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from sparky_nb.errors import Conflict, InvalidArgument
from sparky_nb.events.model import JsonObject
from sparky_nb.events.states import QUEUED
from sparky_nb.ids import check_chat_id, check_model, new_schedule_id
from sparky_nb.log.base import Log, ScheduleRow
from sparky_nb.log.queueing import CALL_END, NAME_MAX, check_instruction, needs
from sparky_nb.schedules.rule import Rule, first_after, moment_words, words
from sparky_nb.schedules.ticker import Fired, fire, last_state, under_way

_TRIES = 20


def add(
    log: Log,
    rule: Rule,
    *,
    chat_id: str,
    now_ms: int,
    asked_by: str,
    instruction: str | None = None,
    call: str | None = None,
    name: str | None = None,
    model: str | None = None,
    title: str | None = None,
) -> ScheduleRow:
    """Keep a new schedule; its first firing is after one interval, or at its next time.

    Args:
        instruction: for an agent; or ``call``: the name of a function of the chat's notebook.
        title: of its chat, where that is new.

    Raises:
        InvalidArgument: naming the field and its rule.
    """
    check_chat_id(chat_id)
    if (instruction is None) == (call is None):
        raise InvalidArgument("instruction", "an instruction, or the name of a function")
    if instruction is not None:
        check_instruction(instruction)
    if call is not None and not call.isidentifier():
        raise InvalidArgument("call", "the name of a function of the notebook", call)
    if name is not None and not 0 < len(name) <= NAME_MAX:
        raise InvalidArgument("name", f"1 to {NAME_MAX} characters", name)
    if model is not None:
        check_model(model)
    row = ScheduleRow(
        schedule_id=new_schedule_id(),
        chat_id=chat_id,
        kind=rule.kind,
        spec=rule.spec,
        timezone=rule.timezone,
        instruction=instruction,
        call=call,
        name=name,
        model=model,
        from_=asked_by,
        created=now_ms,
        next_at=first_after(rule, now_ms),
    )
    if title is not None:
        actor = f"user:{asked_by}"
        log.create_chat(chat_id, title=title, owner=None, actor=actor, now_ms=now_ms)
    log.add_schedule(row)
    return row


def pause(log: Log, schedule_id: str, *, asked_by: str, now_ms: int) -> ScheduleRow:
    """It does not fire until it is resumed. Raises NotFound, Conflict."""

    def change(row: ScheduleRow) -> ScheduleRow:
        if row.state == "ended":
            raise Conflict(f"schedule {row.schedule_id} has ended")
        if row.state == "paused":
            return row
        return msgspec.structs.replace(row, state="paused", next_at=None)

    return _change(log, schedule_id, change, asked_by, now_ms)


def resume(log: Log, schedule_id: str, *, asked_by: str, now_ms: int) -> ScheduleRow:
    """It fires again, from now on: what fell into the pause is not made up for.

    Raises:
        NotFound, Conflict: its time has passed meanwhile.
    """

    def change(row: ScheduleRow) -> ScheduleRow:
        if row.state == "active":
            return row
        next_at = first_after(_rule(row), now_ms)
        if next_at is None:
            raise Conflict(f"the time of schedule {row.schedule_id} has passed")
        return msgspec.structs.replace(row, state="active", next_at=next_at)

    return _change(log, schedule_id, change, asked_by, now_ms)


def run_now(log: Log, schedule_id: str, *, asked_by: str, now_ms: int) -> Fired:
    """Fire it now, beside its rule. Raises NotFound, Conflict (its task has not ended)."""
    for _ in range(_TRIES):
        row = log.schedule(schedule_id)
        if under_way(log, row):
            raise Conflict(f"task {row.last_task} of schedule {row.schedule_id} has not ended")
        fired = fire(log, row, now_ms, due_ms=None, actor=f"user:{asked_by}")
        if fired is not None:
            return fired
    raise Conflict(f"schedule {schedule_id} is being changed by others")


def remove(log: Log, schedule_id: str, *, asked_by: str, now_ms: int) -> ScheduleRow:
    """Forget it; its tasks stay. Raises NotFound."""
    row = log.schedule(schedule_id)
    log.remove_schedule(row.schedule_id, actor=f"user:{asked_by}", now_ms=now_ms)
    return row


def listed(log: Log, now_ms: int, *, chat_id: str | None = None) -> list[JsonObject]:
    """All schedules, or a chat's, ``described``; oldest first."""
    return [described(log, row, now_ms) for row in log.schedules(chat_id=chat_id)]


def described(log: Log, row: ScheduleRow, now_ms: int) -> JsonObject:
    """A schedule as ``GET schedules`` shows it: its fields, its rule and its next firing in plain
    words, how its latest task goes, and what it needs."""
    fields: JsonObject = msgspec.to_builtins(row)
    rule, following = _words(row, now_ms)
    return {
        **fields,
        "words": rule,
        "next_words": following,
        "last_state": (state := last_state(log, row)),
        "last_words": _last_words(row, state),
        "needs": _needs(row),
    }


def _words(row: ScheduleRow, now_ms: int) -> tuple[str, str]:
    try:
        if row.state == "active":
            return words(_rule(row)), moment_words(row.next_at, now_ms, row.timezone)
        return words(_rule(row)), row.state
    except InvalidArgument as error:  # one that can't be read here must not hide the others
        return f"{row.kind} {row.spec} ({row.timezone})", f"not from here: {error}"


def _last_words(row: ScheduleRow, state: str | None) -> str:
    if state is None:
        return "not yet" if row.last_task is None else "gone"
    return f"waits for {_needs(row)}" if state == QUEUED and _needs(row) else state


def _needs(row: ScheduleRow) -> str | None:
    if row.call is not None:
        return needs("call", row.call + CALL_END, None)
    return needs("agent", row.instruction, row.model)


def _rule(row: ScheduleRow) -> Rule:
    return Rule(kind=row.kind, spec=row.spec, timezone=row.timezone)


def _change(
    log: Log,
    schedule_id: str,
    change: Callable[[ScheduleRow], ScheduleRow],
    asked_by: str,
    now_ms: int,
) -> ScheduleRow:
    for _ in range(_TRIES):
        row = log.schedule(schedule_id)
        after = change(row)
        if after is row:
            return row
        after = msgspec.structs.replace(after, revision=row.revision + 1)
        if log.change_schedule(after, actor=f"user:{asked_by}", now_ms=now_ms):
            return after
    raise Conflict(f"schedule {schedule_id} is being changed by others")

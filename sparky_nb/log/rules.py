"""What every backend decides alike: pure functions from (row, event) to (row | error).

1. A task's first event is a ``status``; its row begins there.
2. A task's own events need a fence that holds; ``command`` and ``message_received`` do not.
3. ``status`` moves the row by the table in events/states.py. The first ``running`` of a queued task
   that no runner holds is a *claim*: whoever commits it first holds the task.
4. Nothing is appended to a task that has ended.
5. Each ``status`` and ``chat`` event, and each change of a schedule, has a digest in ``_index``.
6. A command that is pending when its task ends expires just before the ending.
7. Agent tasks of one chat are a *lane*: none begins to run while another one runs or waits.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from sparky_nb.errors import Fenced, IllegalMove, InvalidArgument, LaneTaken
from sparky_nb.events.jsonable import jsonable
from sparky_nb.events.model import ChatChange, Command, NewEvent, ScheduleDigest, TaskDigest
from sparky_nb.events.states import (
    ACTIVE,
    QUEUED,
    RUNNING,
    STATES,
    TERMINAL,
    WAITING,
    check_move,
)
from sparky_nb.ids import check_task_id, derived_id
from sparky_nb.log.base import CommandRow, Fence, ScheduleRow, TaskRow

AGENT: Final = "agent"
"""The kind of task that shares its chat's memory with others of its kind."""

UNFENCED: Final = frozenset({"command", "message_received"})
"""Types that a server or a viewer's command may append for a task that another process runs."""


def apply_event(
    row: TaskRow | None,
    event: NewEvent,
    *,
    fence: Fence | None,
    chat_id: str,
    epoch: str,
    offset: int,
) -> TaskRow:
    """The task's row after ``event``, which is about to be stored at ``offset``; ``row`` itself
    where nothing but ``last`` would change, so that plain events cost no write of the row.

    Raises:
        InvalidArgument, IllegalMove, Fenced: see the rules; the row is unchanged.
    """
    task_id = event.task_id
    if row is None:
        task_id = check_task_id(task_id)
        if event.type != "status":
            raise InvalidArgument("events", f"a status as the first event of {task_id}", event.type)
        return _first(task_id, event, chat_id, epoch, offset)
    assert task_id is not None
    if row.chat_id != chat_id:
        raise InvalidArgument("task_id", f"a task of chat {chat_id}; it is of {row.chat_id}")
    if row.epoch != epoch:
        raise Fenced(task_id, "its chat was deleted or replaced")
    if event.type == "status":
        return _move(row, event, fence, offset)
    if row.state in TERMINAL:
        raise Fenced(task_id, f"it has ended ({row.state})")
    if event.type not in UNFENCED:
        check_fence(row, fence)
    if event.type == "progress":
        data = to_dict(event.data)
        shown, key = row.progress, data.get("key")
        # One bar stands for the task: the main one, or until it comes the first that there was.
        # What an agent has used up is no bar.
        first = "usage" not in data and (shown is None or key == shown.get("key"))
        if key == "main" or first:
            return msgspec.structs.replace(row, last=offset, progress=jsonable(data))
    elif event.type == "command":
        data = to_dict(event.data)
        if data.get("name") == "cancel":
            cancelling = data.get("outcome") in ("accepted", "applied")
            return msgspec.structs.replace(row, last=offset, cancelling=cancelling)
    return row


def check_fence(row: TaskRow, fence: Fence | None) -> None:
    """Raise :class:`Fenced` unless ``fence`` is the right to append for ``row`` (rule 2)."""
    if row.state in TERMINAL:
        raise Fenced(row.task_id, f"it has ended ({row.state})")
    if fence is None or fence.task_id != row.task_id:
        raise InvalidArgument("fence", f"the fence of {row.task_id}")
    if fence.attempt != row.attempt:
        raise Fenced(row.task_id, f"attempt {row.attempt} has replaced attempt {fence.attempt}")
    if fence.runner != row.runner:
        raise Fenced(row.task_id, "another runner has it")


def takes_lane(before: TaskRow | None, after: TaskRow) -> bool:
    """Whether the task begins to run in its chat's lane (rule 7)."""
    begins = before is None or before.state == QUEUED
    return begins and after.state == RUNNING and after.kind == AGENT


def check_lane(task_id: str, others: Iterable[TaskRow]) -> None:
    """Raise :class:`LaneTaken` where one of ``others`` has the lane that ``task_id`` is to take."""
    for row in others:
        if row.task_id != task_id and row.kind == AGENT and row.state in (RUNNING, WAITING):
            raise LaneTaken(task_id, row.task_id)


def _first(task_id: str, event: NewEvent, chat_id: str, epoch: str, offset: int) -> TaskRow:
    data = to_dict(event.data)
    state, attempt = _state_of(data), _attempt_of(data)
    check_move(task_id, None, state)
    row = TaskRow(
        task_id=task_id,
        chat_id=chat_id,
        epoch=epoch,
        state=state,
        attempt=attempt,
        kind=data.get("kind", "call"),
        created=event.time,
        started=None if state == QUEUED else event.time,
        first=offset,
        last=offset,
    )
    return _with_fields(row, data)


def _move(row: TaskRow, event: NewEvent, fence: Fence | None, offset: int) -> TaskRow:
    data = to_dict(event.data)
    state, attempt = _state_of(data), _attempt_of(data)
    if row.state in TERMINAL and fence is not None:
        raise Fenced(row.task_id, f"it has ended ({row.state})")
    new_attempt = attempt > row.attempt
    claim = row.state == QUEUED and row.runner is None and state not in TERMINAL
    check_move(row.task_id, row.state, state, new_attempt=new_attempt)
    if attempt < row.attempt:
        raise Fenced(row.task_id, f"attempt {row.attempt} has replaced attempt {attempt}")
    if new_attempt and row.state == QUEUED:
        raise IllegalMove(row.task_id, row.state, f"attempt {attempt}")
    if claim or new_attempt:
        if fence is None or data.get("runner") != fence.runner or fence.attempt != attempt:
            raise InvalidArgument("fence", "the fence of the runner that the status names")
    elif not (state in TERMINAL and event.actor == "system" and fence is None):
        check_fence(row, fence)
    row = msgspec.structs.replace(
        row,
        state=state,
        attempt=attempt,
        last=offset,
        started=event.time
        if state == RUNNING and (new_attempt or row.started is None)
        else row.started,
        ended=event.time if state in TERMINAL else None,
        progress=None if new_attempt else row.progress,
        cancelling=row.cancelling and state in ACTIVE and not new_attempt,
    )
    return _with_fields(row, data)


_ROW_FIELDS: Final = (
    "kind name instruction model runner origin schedule_id retry_of error result".split()
)


def _with_fields(row: TaskRow, data: dict[str, Any]) -> TaskRow:
    # As the codec stores it in the event itself: a text may hold half a surrogate pair.
    changes = {name: jsonable(data[name]) for name in _ROW_FIELDS if name in data}
    return msgspec.structs.replace(row, **changes) if changes else row


def _state_of(data: dict[str, Any]) -> str:
    state = data.get("state")
    if state not in STATES:
        raise InvalidArgument("data.state", f"one of {', '.join(sorted(STATES))}", state)
    return str(state)


def _attempt_of(data: dict[str, Any]) -> int:
    attempt = data.get("attempt")
    if not isinstance(attempt, int) or isinstance(attempt, bool) or attempt < 1:
        raise InvalidArgument("data.attempt", "an integer ≥ 1", attempt)
    return attempt


def to_dict(data: Any) -> dict[str, Any]:
    """Event data as the dict that goes over the wire."""
    return data if isinstance(data, dict) else msgspec.to_builtins(data)


def digest(chat_id: str, epoch: str, event: NewEvent, row: TaskRow | None) -> NewEvent | None:
    """What ``_index`` keeps of ``event`` (rule 5), or None. ``row``: of its task, after it; who
    hears only of an ending is told, too, what has ended."""
    data = to_dict(event.data)
    if event.type == "status":
        assert row is not None
        body: Any = _task_digest(row, data["state"])
    elif event.type == "chat":
        body = msgspec.convert(data, ChatChange)
    else:
        return None
    return NewEvent(
        id=derived_id("index", chat_id, epoch, event.id),
        type=event.type,
        time=event.time,
        task_id=event.task_id,
        actor=event.actor,
        data=body,
    )


def unnamed_digest(row: TaskRow, epoch: str, offset: int, *, now_ms: int) -> NewEvent:
    """What ``_index`` is told again of a task whose digests held a name that was redacted, by the
    ``redaction`` at ``offset``."""
    return NewEvent(
        id=derived_id("index", "unnamed", row.chat_id, epoch, str(offset), row.task_id),
        type="status",
        time=now_ms,
        task_id=row.task_id,
        actor="system",
        data=_task_digest(row, row.state),
    )


def _task_digest(row: TaskRow, state: str) -> TaskDigest:
    named = {} if row.name is None else {"name": row.name}
    return msgspec.convert(
        {"chat_id": row.chat_id, "state": state, "kind": row.kind, **named}, TaskDigest
    )


def chat_event(
    chat_id: str, change: str, title: str | None, *, event_id: str, actor: str, now_ms: int
) -> NewEvent:
    """The ``chat`` event of a creation, a renaming or a deletion."""
    fields = {} if title is None else {"title": title}
    data = msgspec.convert({"change": change, "chat_id": chat_id, **fields}, ChatChange)
    return NewEvent(id=event_id, type="chat", time=now_ms, task_id=None, actor=actor, data=data)


def schedule_event(
    before: ScheduleRow | None, after: ScheduleRow | None, *, actor: str, now_ms: int
) -> NewEvent:
    """What ``_index`` says of a schedule that was made (no ``before``), changed, or removed (no
    ``after``). It holds no instruction: what a person wrote is only where it can be deleted."""
    row = after or before
    assert row is not None
    if before is None:
        change = "created"
    elif after is None:
        change = "removed"
    elif after.fired > before.fired:
        change = "fired"
    else:
        change = "paused" if after.state == "paused" else "resumed"
    fields = {it: getattr(row, it) for it in ScheduleDigest.__struct_fields__ if it != "change"}
    return NewEvent(
        id=derived_id("schedule", row.schedule_id, change, str(row.revision)),
        type="schedule",
        time=now_ms,
        task_id=None,
        actor=actor,
        data=ScheduleDigest(change=change, **fields),  # type: ignore[arg-type]  # one of the five
    )


def expired(pending: list[CommandRow], now_ms: int) -> list[NewEvent]:
    """The endings of commands whose task is about to end (rule 6)."""
    return [command_event(row, "expired", now_ms) for row in pending]


def check_choice(choices: Any, answer: Any) -> None:
    """Raise InvalidArgument unless ``answer`` is a text, and one of the ``choices`` of its
    question where that has some."""
    if not isinstance(answer, str):
        raise InvalidArgument("answer", "a text", answer)
    if isinstance(choices, list) and choices and answer not in choices:
        raise InvalidArgument("answer", f"one of {', '.join(map(str, choices))}", answer)


def command_event(row: CommandRow, outcome: str, now_ms: int, actor: str = "system") -> NewEvent:
    """The event that ends a command with ``outcome``; repeating it stores it once."""
    command = row.command
    data = Command(
        command_id=command.command_id,
        name=command.name,
        args=command.args,
        from_=command.from_,
        outcome=outcome,  # type: ignore[arg-type]  # a Literal, checked where it is stored
    )
    return NewEvent(
        id=derived_id("command", row.key, "ended"),
        type="command",
        time=now_ms,
        task_id=row.task_id,
        actor=actor,
        data=data,
    )


def lost_event(row: TaskRow, *, reason: str, now_ms: int) -> NewEvent:
    """The ending of a task whose runner died; the same from whoever notices (P6).

    Whether it died because of a cancel, and how far the work had come with stopping, nobody knows.
    """
    if row.cancelling:
        reason += "; it had been asked to cancel the task"
    data = {
        "state": "lost",
        "attempt": row.attempt,
        "reason": reason,
        "error": {"type": "TaskLost", "message": reason},
    }
    if row.started is not None:
        data["duration_ms"] = max(0, now_ms - row.started)
    return NewEvent(
        id=derived_id("lost", row.task_id, str(row.attempt)),
        type="status",
        time=now_ms,
        task_id=row.task_id,
        actor="system",
        data=data,
    )

"""What every backend checks and counts alike when it reads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from sparky_nb.errors import InvalidArgument, NotFound, PayloadTooLarge
from sparky_nb.events.states import STATES
from sparky_nb.ids import check_chat_id
from sparky_nb.log.base import BLOB_MAX, READ_LIMIT, ChatInfo, ScheduleRow, TaskRow
from sparky_nb.log.records import ChatRow


def is_integer(value: object) -> bool:
    """True and False are none here."""
    return isinstance(value, int) and not isinstance(value, bool)


def check_read(chat_id: str, name: str, offset: int, limit: int) -> None:
    """Raise InvalidArgument unless chat, offset and limit are legal."""
    check_chat_id(chat_id, system=True)
    if not is_integer(offset) or not 0 <= offset < 2**53:
        raise InvalidArgument(name, "an integer ≥ 0", offset)
    if not is_integer(limit) or not 1 <= limit <= READ_LIMIT:
        raise InvalidArgument("limit", f"1 to {READ_LIMIT}", limit)


def take(wires: Iterable[bytes], max_bytes: int | None) -> list[bytes]:
    """As many of ``wires`` as fit into ``max_bytes``, and at least one."""
    if max_bytes is None:
        return list(wires)
    taken: list[bytes] = []
    size = 0
    for wire in wires:
        size += len(wire)
        if taken and size > max_bytes:
            break
        taken.append(wire)
    return taken


def chat_info(row: ChatRow, tasks: dict[str, int]) -> ChatInfo:
    return ChatInfo(
        chat_id=row.chat_id,
        title=row.title,
        epoch=row.epoch,
        earliest=row.earliest,
        head=row.head,
        created=row.created,
        updated=row.updated,
        owner=row.owner,
        tasks=tasks,
    )


def one_task(prefix: str, found: Sequence[TaskRow]) -> TaskRow:
    """The task that ``prefix`` means, of those whose ids begin with it."""
    for row in found:
        if row.task_id == prefix:
            return row
    if not found:
        raise NotFound("task", prefix)
    if len(found) > 1 or len(prefix) <= len("task-"):  # an empty variable of a shell means none
        raise InvalidArgument("task_id", "a prefix that only one task has", prefix)
    return found[0]


def one_schedule(prefix: str, found: Sequence[ScheduleRow]) -> ScheduleRow:
    """The schedule that ``prefix`` means, of those whose ids begin with it."""
    for row in found:
        if row.schedule_id == prefix:
            return row
    if not found:
        raise NotFound("schedule", prefix)
    if len(found) > 1 or len(prefix) <= len("sched-"):
        raise InvalidArgument("schedule_id", "a prefix that only one schedule has", prefix)
    return found[0]


def check_tasks(states: Sequence[str] | None, limit: int) -> None:
    for state in states or ():
        if state not in STATES:
            raise InvalidArgument("state", f"one of {', '.join(sorted(STATES))}", state)
    if not is_integer(limit) or not 1 <= limit <= READ_LIMIT:
        raise InvalidArgument("limit", f"1 to {READ_LIMIT}", limit)


def check_blob(chat_id: str, data: bytes) -> str:
    """The SHA-256 of ``data`` in hex."""
    check_chat_id(chat_id)
    if len(data) > BLOB_MAX:
        raise PayloadTooLarge("blob", len(data), BLOB_MAX)
    return hashlib.sha256(data).hexdigest()

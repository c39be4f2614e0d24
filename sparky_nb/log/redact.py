"""What a redaction takes out, wherever it went: events, rows, digests, folds, commands, blobs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from sparky_nb.errors import Conflict, InvalidArgument, NotFound
from sparky_nb.events.codec import decode_event, tombstone
from sparky_nb.events.model import REDACTED, Event, NewEvent, Redaction
from sparky_nb.ids import derived_id
from sparky_nb.log.base import TaskRow
from sparky_nb.log.folding import scrub_base
from sparky_nb.log.plan import Plan, encode
from sparky_nb.log.reading import is_integer
from sparky_nb.log.records import ChatRow, Records

_ROW_TEXTS: Final = ("name", "instruction", "result", "error")
_BLOB: Final = re.compile(rb'"sha256":"([0-9a-f]{64})"')


def redact_events(
    tx: Records, chat: ChatRow, offsets: Sequence[int], *, actor: str, now_ms: int
) -> tuple[int, list[str], list[TaskRow]]:
    """Make tombstones of the events at ``offsets`` and append a ``redaction``.

    An offset that was trimmed leaves the base of the snapshots.

    Returns:
        The offset of the ``redaction``, the ids that the digests of those events have, and the
        rows of tasks whose name is gone, which their other digests hold as well.
    """
    events, trimmed = [], []
    for offset in offsets:
        if not is_integer(offset):
            raise InvalidArgument("offsets", "integers", offset)
        wire = tx.wire(chat, offset)
        if wire is not None:
            events.append((decode_event(wire), wire))
        elif 1 <= offset < chat.earliest:
            trimmed.append(offset)
        else:
            raise NotFound("event", str(offset))
    rows = _rows(tx, chat, [event for event, _ in events])
    named = {task_id for task_id, row in rows.items() if row.name is not None}
    digests = []
    for event, wire in events:
        if event.type == REDACTED:
            continue
        tx.replace(chat, event.offset, tombstone(wire))
        epochs = (chat.epoch, *(it.epoch for it in chat.lineage))
        digests += [derived_id("index", chat.chat_id, epoch, event.id) for epoch in epochs]
        if event.task_id in rows:
            rows[event.task_id] = _without(rows[event.task_id], event)
    for row in rows.values():
        tx.save_task(msgspec.structs.replace(chat, head=chat.head + 1), row)
    title = _title(chat, [event for event, _ in events])
    tx.save_chat(msgspec.structs.replace(chat, scrubs=chat.scrubs + 1, title=title))
    tx.drop_checkpoint(chat)
    if trimmed and (base := tx.base(chat)) is not None:
        tx.save_base(chat, scrub_base(base, trimmed))
    tx.scrub_commands(chat, offsets)
    tx.drop_unused_blobs(chat, {m.decode() for _, wire in events for m in _BLOB.findall(wire)})
    out = Plan(chat.head)
    event_ = NewEvent(
        id=derived_id("redaction", chat.chat_id, chat.epoch, str(chat.head + 1)),
        type="redaction",
        time=now_ms,
        task_id=None,
        actor=actor,
        data=Redaction(offsets=list(offsets), from_=actor),
    )
    offset = out.put(event_, encode(event_))
    tx.add(chat, out.events)
    unnamed = [row for task_id, row in rows.items() if task_id in named and row.name is None]
    return offset, digests, unnamed


def blobs_in(wire: bytes) -> set[str]:
    """The blobs that an event refers to."""
    return {m.decode() for m in _BLOB.findall(wire)} if b'"sha256"' in wire else set()


def _rows(tx: Records, chat: ChatRow, events: Sequence[Event]) -> dict[str | None, TaskRow]:
    """The rows of the tasks that ``events`` belong to.

    Raises:
        Conflict: one of them is a task's newest status.
    """
    rows: dict[str | None, TaskRow] = {}
    for event in events:
        if event.task_id is not None and event.task_id not in rows:
            row = tx.task(event.task_id)
            if row is not None and row.chat_id == chat.chat_id:
                rows[event.task_id] = row
        if event.type == "status" and event.task_id in rows:
            row = rows[event.task_id]
            if tx.statuses(chat, row.task_id)[-1:] == [event.offset]:
                raise Conflict(
                    f"offset {event.offset} is the newest status of {event.task_id}, on which its "
                    "state rests"
                )
    return rows


def _without(row: TaskRow, event: Event) -> TaskRow:
    """``row`` less what ``event`` had said."""
    changes: dict[str, Any] = {}
    if event.type == "status":
        for name in _ROW_TEXTS:
            if name in event.data and getattr(row, name) == event.data[name]:
                changes[name] = None
    elif event.type == "progress" and row.progress == event.data:
        changes["progress"] = None
    return msgspec.structs.replace(row, **changes) if changes else row


def _title(chat: ChatRow, events: Sequence[Event]) -> str | None:
    said = {event.data.get("title") for event in events if event.type == "chat"}
    return None if chat.title in said else chat.title

"""What a transaction will store, decided before anything is stored: a pure function.

It looks at the present only through its arguments, so a backend may run it again with more
knowledge: first as if no event id were known (which is nearly always so), then, if that is refused,
with the ids that are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from sparky_nb.errors import IdConflict, InvalidArgument
from sparky_nb.events.codec import encode_body
from sparky_nb.events.model import HIDDEN, REDACTED, NewEvent
from sparky_nb.events.states import TERMINAL
from sparky_nb.ids import check_chat_id, check_title
from sparky_nb.log.base import Append, CommandRow, TaskRow
from sparky_nb.log.reading import is_integer
from sparky_nb.log.records import Known, Stored, content_digest
from sparky_nb.log.rules import apply_event, check_lane, expired, takes_lane, to_dict

TEXT_ID_MAX: Final = 64
TIME_MAX: Final = 8_640_000_000_000_000
"""The last millisecond that is a date in every browser (ECMA-262, "Time Values and Time Range")."""
TOLD: Final = frozenset({"status", "chat"})
"""Types that have a digest in ``_index``."""

RESERVED: Final = frozenset({REDACTED, HIDDEN, "redaction"})
"""Types that only the log itself writes."""

ENDINGS: Final = frozenset({"applied", "rejected", "expired"})


class Plan:
    """What one ``Append`` comes to.

    Attributes:
        events: what is to be stored, in order.
        offsets: one per event of the append; ``extra``: those that the log adds.
        rows: tasks whose row changes.
        asked: (task, question id) that open; ``answered``: (task, question id or None for all).
        told: whether ``_index`` is to hear of something.
    """

    __slots__ = ("answered", "asked", "events", "extra", "head", "offsets", "rows", "told")

    def __init__(self, head: int) -> None:
        self.head = head
        self.events: list[Stored] = []
        self.offsets: list[int] = []
        self.extra: list[int] = []
        self.rows: dict[str, TaskRow] = {}
        self.asked: list[tuple[str, str]] = []
        self.answered: list[tuple[str, str | None]] = []
        self.told = False

    def put(self, event: NewEvent, body: bytes) -> int:
        self.head += 1
        self.events.append(Stored(self.head, event, body))
        return self.head


def check_append(append: Append) -> None:
    """Raise InvalidArgument where ``append`` is wrong whatever the log holds."""
    check_chat_id(append.chat)
    if append.title is not None:
        check_title(append.title)
    if not append.events:
        raise InvalidArgument("events", "at least one event")
    for event in append.events:
        check_event(event)


def check_event(event: NewEvent) -> None:
    """Raise InvalidArgument unless the envelope of ``event`` is one."""
    if not (_is_text(event.id) and event.id.isascii()):
        raise InvalidArgument("event.id", f"1 to {TEXT_ID_MAX} ASCII characters", event.id)
    if not _is_text(event.type):
        raise InvalidArgument("event.type", f"1 to {TEXT_ID_MAX} characters", event.type)
    if event.type in RESERVED:
        raise InvalidArgument("event.type", "a type that the log does not reserve", event.type)
    if not (is_integer(event.time) and abs(event.time) <= TIME_MAX):
        raise InvalidArgument("event.time", "integer milliseconds of a date", event.time)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= TEXT_ID_MAX


def encode(event: NewEvent) -> bytes:
    """``codec.encode_body``, with one kind of error for an envelope that is no text."""
    try:
        return encode_body(event)
    except UnicodeError:
        raise InvalidArgument("event", "valid Unicode in id, type and actor") from None


def plan(
    append: Append,
    bodies: Sequence[bytes],
    *,
    epoch: str,
    head: int,
    task: Callable[[str], TaskRow | None],
    active: Callable[[], Iterable[TaskRow]],
    pending: Callable[[str], list[CommandRow]],
    known: Mapping[str, Known],
) -> Plan:
    """See the module.

    Args:
        bodies: ``encode`` of each event.
        epoch, head: of the chat, before.
        task, active, pending: look up a task's row, the chat's tasks that have not ended, and a
            task's commands that have not.
        known: what is stored under the ids, as far as it was looked up.

    Raises:
        IdConflict, InvalidArgument, IllegalMove, LaneTaken, Fenced: nothing may be stored.
    """
    out = Plan(head)
    mine: dict[str, tuple[int, bytes]] = {}
    rows: dict[str, TaskRow | None] = {}
    for event, body in zip(append.events, bodies, strict=True):
        if event.id in known:
            offset, digest = known[event.id]
            if digest is not None and digest != content_digest(body):
                raise IdConflict(event.id)
        elif event.id in mine:
            offset, first = mine[event.id]
            if first != body:
                raise IdConflict(event.id)
        else:
            if (task_id := event.task_id) is not None:
                if task_id not in rows:
                    rows[task_id] = task(task_id)
                _for_task(out, append, event, task_id, epoch, rows, active, pending)
            offset = out.put(event, body)
            mine[event.id] = offset, body
            if event.type in TOLD:
                out.told = True
        out.offsets.append(offset)
    return out


def _for_task(
    out: Plan,
    append: Append,
    event: NewEvent,
    task_id: str,
    epoch: str,
    rows: Mapping[str, TaskRow | None],
    active: Callable[[], Iterable[TaskRow]],
    pending: Callable[[str], list[CommandRow]],
) -> None:
    row = out.rows.get(task_id) or rows[task_id]
    after = apply_event(
        row, event, fence=append.fence, chat_id=append.chat, epoch=epoch, offset=out.head + 1
    )
    if event.type == "question":
        out.asked.append((task_id, str(to_dict(event.data).get("question_id", ""))))
    elif event.type == "message_received":
        question = to_dict(event.data).get("in_reply_to")
        if question is not None:
            out.answered.append((task_id, str(question)))
    if after is row:
        return
    if takes_lane(row, after):
        check_lane(task_id, {**{it.task_id: it for it in active()}, **out.rows}.values())
    if event.type == "status" and row is not None:
        if after.state in TERMINAL:
            waiting = [it for it in pending(task_id) if it.key not in append.commands]
            for end in expired(waiting, event.time):
                out.extra.append(out.put(end, encode(end)))
            if out.extra:
                after = apply_event(
                    row,
                    event,
                    fence=append.fence,
                    chat_id=append.chat,
                    epoch=epoch,
                    offset=out.head + 1,
                )
        if after.state in TERMINAL or after.attempt > row.attempt:
            out.answered.append((task_id, None))
    out.rows[task_id] = after


def ended_commands(append: Append) -> dict[str, str]:
    """{command_id: outcome} of the endings among the events of ``append``."""
    found = {}
    for event in append.events:
        if event.type == "command":
            data = to_dict(event.data)
            if data.get("outcome") in ENDINGS:
                found[str(data.get("command_id"))] = str(data["outcome"])
    return found

"""What a chat remembers: its earlier conversation, read back from the log, within bounds.

The log is the memory: it is there after a restart of the kernel, and whatever was redacted is gone
from it. Read backwards from the end, so the cost does not grow with the chat.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final, Literal

from msgspec import Struct

from sparky_nb.errors import NotFound
from sparky_nb.events.codec import decode_event
from sparky_nb.events.model import Event
from sparky_nb.events.states import COMPLETED, QUEUED, TERMINAL
from sparky_nb.log.base import Log, TaskRow

_RESULT_CHARS: Final = 2000
_SCAN_EVENTS: Final = 50_000
_PAGE: Final = 256
CUT: Final = "…"


class Said(Struct, frozen=True, kw_only=True):
    """Something that was said, whole."""

    who: Literal["user", "agent"]
    text: str


class Called(Struct, frozen=True, kw_only=True):
    """A tool call with what came of it; texts are shortened."""

    call_id: str
    name: str
    args: dict[str, Any]
    status: str = "error"
    result: str = "(interrupted)"


Line = Said | Called


class Past(Struct, frozen=True, kw_only=True):
    """One earlier agent task: what was said and done, in order, and how it ended.

    ``cut``: lines between the instruction and the rest are left out.
    """

    task_id: str
    lines: tuple[Line, ...]
    state: str
    cut: bool = False


def remember(log: Log, chat_id: str, task_id: str, *, chars: int, tasks: int) -> tuple[Past, ...]:
    """The agent tasks of the chat before ``task_id`` that have begun, oldest first.

    Args:
        log: where the chat is.
        chars: characters at most; of the task that does not fit any more the instruction and the
            newest lines are kept.
        tasks: at most so many.
    """
    found: list[Past] = []
    for row, events in _by_task(log, chat_id, task_id, chars, tasks):
        lines = _lines(row, events)
        size = sum(map(_size, lines))
        if size <= chars:
            found.append(Past(task_id=row.task_id, lines=lines, state=row.state))
            chars -= size
            continue
        if kept := _newest(lines, chars):
            past = Past(task_id=row.task_id, lines=kept, state=row.state, cut=True)
            found.append(past)
        break
    return tuple(reversed(found))


def _by_task(
    log: Log, chat_id: str, task_id: str, chars: int, tasks: int
) -> list[tuple[TaskRow, list[Event]]]:
    """Events by agent task, the newest task first, until the bounds are certainly filled."""
    rows: dict[str, TaskRow | None] = {task_id: None}
    events: dict[str, list[Event]] = {}
    enough = chars
    for event in _backwards(log, chat_id):
        if event.task_id is None:
            continue
        if event.task_id not in rows:
            rows[event.task_id] = _agent_row(log, event.task_id)
        row = rows[event.task_id]
        if row is None:
            continue
        if row.task_id not in events and (len(events) == tasks or enough < 0):
            break
        events.setdefault(row.task_id, []).append(event)
        enough -= len(_text(event.data.get("text", "")))
    return [(row, seen[::-1]) for name, seen in events.items() if (row := rows[name]) is not None]


def _agent_row(log: Log, task_id: str) -> TaskRow | None:
    try:
        row = log.task(task_id)
    except NotFound:
        return None
    return row if row.kind == "agent" and row.state != QUEUED else None


def _backwards(log: Log, chat_id: str) -> Iterator[Event]:
    before = log.position(chat_id).head + 1
    for _ in range(_SCAN_EVENTS // _PAGE):
        page = log.read_before(chat_id, before=before, limit=_PAGE)
        if not page.events:
            return
        for raw in reversed(page.events):
            yield decode_event(raw)
        before = page.first


def _lines(row: TaskRow, events: list[Event]) -> tuple[Line, ...]:
    texts: dict[str, tuple[Literal["user", "agent"], list[str]]] = {}
    calls: dict[str, Called] = {}
    order: list[str] = []
    for event in events:
        data = event.data
        if event.type in ("message_sent", "message_received") and "in_reply_to" not in data:
            key = f"said {data.get('message_id')}"
            if key not in texts:
                order.append(key)
                who: Literal["user", "agent"] = "agent" if event.type == "message_sent" else "user"
                texts[key] = (who, [])
            texts[key][1].append(_text(data.get("text", "")))
        elif event.type == "tool_use":
            key = str(data.get("tool_call_id"))
            args = data.get("args")
            order.append(key)
            calls[key] = Called(
                call_id=key,
                name=str(data.get("name")),
                args=args if isinstance(args, dict) and "ref" not in args else {},
            )
        elif event.type == "tool_result" and (key := str(data.get("tool_call_id"))) in calls:
            use = calls[key]
            calls[key] = Called(
                call_id=use.call_id,
                name=use.name,
                args=use.args,
                status=str(data.get("status")),
                result=_shortened(_text(data.get("result"))),
            )
    lines: list[Line] = []
    for key in order:
        if key in calls:
            lines.append(calls[key])
        elif text := "".join(texts[key][1]):
            lines.append(Said(who=texts[key][0], text=text))
    if row.instruction and not any(isinstance(one, Said) and one.who == "user" for one in lines):
        lines.insert(0, Said(who="user", text=row.instruction))
    return tuple(lines)


def _newest(lines: tuple[Line, ...], chars: int) -> tuple[Line, ...]:
    """The instruction, and the newest lines that fit."""
    chars -= _size(lines[0]) if lines else 0
    kept: list[Line] = []
    for line in reversed(lines[1:]):
        chars -= _size(line)
        if chars < 0:
            break
        kept.append(line)
    return (lines[0], *reversed(kept)) if kept else ()


def _size(line: Line) -> int:
    if isinstance(line, Said):
        return len(line.text)
    return len(line.result) + len(line.name) + sum(len(str(v)) for v in line.args.values())


def _text(value: Any) -> str:
    if isinstance(value, dict) and isinstance(ref := value.get("ref"), dict):
        return f"{ref.get('preview', '')}{CUT}"  # the rest is a blob
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _shortened(text: str) -> str:
    return text if len(text) <= _RESULT_CHARS else text[: _RESULT_CHARS - 1] + CUT


def ending_of(past: Past) -> str | None:
    """What the agent is told of a task that did not complete."""
    if past.state == COMPLETED:
        return None
    return f"(This task ended as {past.state}.)" if past.state in TERMINAL else "(Interrupted.)"

"""The reducer: events → the state that every view draws (P9: the TypeScript twin is
labextension/src/state/fold.ts; both run the cases in tests/wire/cases).

The state is plain JSON and bounded, whatever the length of the log::

    v         version of this reducer; a stored state of another version is stale
    title     the chat's title or null
    chats     {chat_id: {chat_id, title}} as far as ``chat`` events told
    tasks     {task_id: task}: all that have not ended, and of the others the 200 that began last
    questions {question_id: question}: the open ones
    counters  {type: number of events}
    timeline  the last 200 entries, oldest first
    dropped   entries that the bound has pushed out

An *entry* is what a person sees as one thing: the pieces of one message, consecutive output of one
task, a tool call with its result, a question with its answer, a command with its outcome::

    offset last type time task_id actor data      offset/last: its first and newest event
    pieces [[offset, text], …], chars, cut?       only entries of text; ``cut``: older text is gone
    result {offset time status result duration_ms}   only tool calls that have returned
    answer {offset time text from}                   only questions that were answered

An event of a known type whose ``data`` lack what is needed here (``SHAPES``), or have it in another
shape, is shown plainly like one of an unknown type: no event, however odd, makes a chat unreadable.

Lengths of text are counted in code points. Nothing here may depend on the order of dict keys other
than insertion, on floats, or on locale: TypeScript must be able to say the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sparky_nb.events.model import HIDDEN, REDACTED, Event, JsonObject
from sparky_nb.events.states import QUEUED, TERMINAL

FOLD_VERSION: Final = 1
TIMELINE_MAX: Final = 200
ENDED_TASKS_MAX: Final = 200
TEXT_MAX: Final = 20_000

SHAPES: Final[dict[str, dict[str, tuple[type, ...]]]] = {
    "status": {"state": (str,)},
    "progress": {"key": (str,), "done": (int, float)},
    "thought": {"message_id": (str,), "text": (str,)},
    "message_sent": {"message_id": (str,), "text": (str,)},
    "output": {"stream": (str,), "text": (str,)},
    "tool_use": {"tool_call_id": (str,)},
    "tool_result": {"tool_call_id": (str,)},
    "question": {"question_id": (str,)},
    "command": {"command_id": (str,)},
    "chat": {"chat_id": (str,)},
    "redaction": {"offsets": (list,)},
}
"""What the data of a type must have for more than a plain entry."""

_TASK_TEXT: Final = ("name", "instruction", "result", "error", "usage")
"""May be redacted: the offsets that these came from are kept in ``sources``."""
_TASK_FIELDS: Final = (
    *_TASK_TEXT,
    "chat_id",
    "kind",
    "model",
    "origin",
    "runner",
    "schedule_id",
    "retry_of",
    "duration_ms",
    "omitted_bytes",
    "reason",
)


def new_state() -> JsonObject:
    """The state of a chat of which nothing is known.

    >>> new_state()["timeline"]
    []
    """
    return {
        "v": FOLD_VERSION,
        "title": None,
        "chats": {},
        "tasks": {},
        "questions": {},
        "counters": {},
        "timeline": [],
        "dropped": 0,
    }


class Fold:
    """A state and what is needed to move it on.

    Args:
        state: a state to go on from (it is changed in place), or None to begin.

    >>> fold = Fold()
    >>> fold.state["dropped"]
    0
    """

    def __init__(self, state: JsonObject | None = None) -> None:
        self.state = new_state() if state is None else state
        self._by_key: dict[tuple[str, ...], JsonObject] = {}
        self._last_of_task: dict[str | None, JsonObject] = {}
        for entry in self.state["timeline"]:
            self._index(entry)

    def apply(self, event: Event) -> None:
        """Move the state on by ``event``. Unknown types become plain entries (P12)."""
        counters = self.state["counters"]
        counters[event.type] = counters.get(event.type, 0) + 1
        task = self.state["tasks"].get(event.task_id)
        if task is not None:
            task["last"] = event.offset
        act = _APPLY.get(event.type, Fold._plain) if _fits(event) else Fold._plain
        act(self, event)

    # -- the timeline

    def _add(self, event: Event, data: JsonObject) -> JsonObject:
        entry: JsonObject = {
            "offset": event.offset,
            "last": event.offset,
            "type": event.type,
            "time": event.time,
            "task_id": event.task_id,
            "actor": event.actor,
            "data": data,
        }
        timeline = self.state["timeline"]
        timeline.append(entry)
        self._index(entry)
        if len(timeline) > TIMELINE_MAX:
            self._forget(timeline.pop(0))
            self.state["dropped"] += 1
        return entry

    def _index(self, entry: JsonObject) -> None:
        self._last_of_task[entry["task_id"]] = entry
        if (key := _key(entry)) is not None:
            self._by_key[key] = entry

    def _forget(self, entry: JsonObject) -> None:
        if self._last_of_task.get(entry["task_id"]) is entry:
            del self._last_of_task[entry["task_id"]]
        key = _key(entry)
        if key is not None and self._by_key.get(key) is entry:
            del self._by_key[key]

    def _plain(self, event: Event) -> None:
        self._add(event, event.data)

    def _text(self, event: Event) -> None:
        text = event.data["text"]
        data = {k: v for k, v in event.data.items() if k != "text"}
        entry = self._same_text(event)
        if entry is None:
            entry = self._add(event, data)
            entry["pieces"], entry["chars"] = [], 0
        entry["data"].update(data)
        entry["last"] = event.offset
        entry["pieces"].append([event.offset, text])
        entry["chars"] += len(text)
        while entry["chars"] > TEXT_MAX and len(entry["pieces"]) > 1:
            entry["chars"] -= len(entry["pieces"].pop(0)[1])
            entry["cut"] = True

    def _same_text(self, event: Event) -> JsonObject | None:
        """The entry that the text of ``event`` continues."""
        if event.type == "output":
            last = self._last_of_task.get(event.task_id)
            stream = event.data["stream"]
            if last is None or last["type"] != "output" or stream not in ("stdout", "stderr"):
                return None
            return last if last["data"].get("stream") == stream and "pieces" in last else None
        key = (event.type, str(event.task_id), event.data["message_id"])
        entry = self._by_key.get(key, {})
        return entry if "pieces" in entry else None  # one whose first event was odd is left alone

    def _output(self, event: Event) -> None:
        if "mime" in event.data:
            self._plain(event)
        else:
            self._text(event)

    # -- tasks

    def _status(self, event: Event) -> None:
        if event.task_id is None:
            self._plain(event)
            return
        tasks, data = self.state["tasks"], event.data
        task = tasks.get(event.task_id)
        if task is None:
            task = tasks[event.task_id] = _new_task(event)
        if (attempt := _attempt(data)) > task["attempt"]:
            _begin_attempt(task, attempt)
            self._close_questions(event.task_id)
        for name in _TASK_FIELDS:
            if name in data:
                task[name] = data[name]
                if name in _TASK_TEXT:
                    task["sources"][name] = event.offset
        task["state"] = data["state"]
        if task["state"] in TERMINAL:
            task["ended"], task["cancelling"] = event.time, False
            self._close_questions(event.task_id)
            self._drop_oldest_ended()
        elif task["state"] != QUEUED and task["started"] is None:
            task["started"] = event.time
        self._plain(event)

    def _drop_oldest_ended(self) -> None:
        """Of the tasks that have ended keep the 200 that began last."""
        tasks = self.state["tasks"]
        ended = [task_id for task_id, task in tasks.items() if task["state"] in TERMINAL]
        for task_id in ended[:-ENDED_TASKS_MAX]:
            del tasks[task_id]

    def _close_questions(self, task_id: str | None) -> None:
        questions = self.state["questions"]
        for question_id in [q for q, it in questions.items() if it["task_id"] == task_id]:
            del questions[question_id]

    def _progress(self, event: Event) -> None:
        task = self.state["tasks"].get(event.task_id)
        if task is None:
            return
        if isinstance(event.data.get("usage"), dict):
            task["usage"], task["sources"]["usage"] = event.data["usage"], event.offset
            return  # what it costs is no bar
        key, bars = event.data["key"], task["progress"]
        first = bars.get(key, {})
        bars[key] = {
            **event.data,
            "offset": event.offset,
            "time": event.time,
            "since": first.get("since", event.time),
            "from": first.get("from", event.data["done"]),
        }

    # -- pairs

    def _tool_result(self, event: Event) -> None:
        call = event.data["tool_call_id"]
        entry = self._by_key.get(("tool_use", str(event.task_id), call))
        if entry is None:
            self._plain(event)
            return
        result: JsonObject = {"offset": event.offset, "time": event.time}
        for name in ("status", "result", "duration_ms"):
            result[name] = event.data.get(name)
        entry["result"], entry["last"] = result, event.offset

    def _question(self, event: Event) -> None:
        question_id = event.data["question_id"]
        self.state["questions"][question_id] = {
            **event.data,
            "task_id": event.task_id,
            "offset": event.offset,
            "time": event.time,
        }
        self._plain(event)

    def _message_received(self, event: Event) -> None:
        question_id = event.data.get("in_reply_to")
        if isinstance(question_id, str):
            self.state["questions"].pop(question_id, None)
            asked = self._by_key.get(("question", str(event.task_id), question_id))
            if asked is not None:
                asked["answer"] = {
                    "offset": event.offset,
                    "time": event.time,
                    "text": event.data.get("text"),
                    "from": event.data.get("from"),
                }
        self._plain(event)

    def _command(self, event: Event) -> None:
        task, outcome = self.state["tasks"].get(event.task_id), event.data.get("outcome")
        if task is not None and event.data.get("name") == "cancel":
            task["cancelling"] = outcome in ("accepted", "applied") and (
                task["state"] not in TERMINAL
            )
        entry = self._by_key.get(("command", "", event.data["command_id"]))
        if entry is None:
            self._plain(event)
            return
        entry["data"] = {**entry["data"], "outcome": outcome}
        entry["last"] = event.offset

    # -- the chat

    def _chat(self, event: Event) -> None:
        chat_id, chats = event.data["chat_id"], self.state["chats"]
        if event.data.get("change") == "deleted":
            chats.pop(chat_id, None)
        else:
            title = event.data.get("title")
            title = title if isinstance(title, str) else None
            chats[chat_id] = {"chat_id": chat_id, "title": title}
            self.state["title"] = title
        self._plain(event)

    def _nothing(self, event: Event) -> None:
        """Tombstones and hidden places only count."""

    def _redaction(self, event: Event) -> None:
        gone = {offset for offset in event.data["offsets"] if _is_number(offset)}
        state = self.state
        for entry in list(state["timeline"]):
            _redact_entry(entry, gone)
            if entry["offset"] in gone and not entry.get("pieces"):
                state["timeline"].remove(entry)
                self._forget(entry)
        for question_id in [q for q, it in state["questions"].items() if it["offset"] in gone]:
            del state["questions"][question_id]
        for task in state["tasks"].values():
            for name in [n for n, offset in task["sources"].items() if offset in gone]:
                task[name] = None
                del task["sources"][name]
            for key in [k for k, bar in task["progress"].items() if bar["offset"] in gone]:
                del task["progress"][key]
        self._plain(event)


_APPLY: Final[dict[str, Callable[[Fold, Event], None]]] = {
    "status": Fold._status,
    "progress": Fold._progress,
    "thought": Fold._text,
    "message_sent": Fold._text,
    "output": Fold._output,
    "message_received": Fold._message_received,
    "tool_result": Fold._tool_result,
    "question": Fold._question,
    "command": Fold._command,
    "chat": Fold._chat,
    "redaction": Fold._redaction,
    REDACTED: Fold._nothing,
    HIDDEN: Fold._nothing,
}


def _fits(event: Event) -> bool:
    """Whether the data have what is needed here (``SHAPES``)."""
    data = event.data
    for name, kinds in SHAPES.get(event.type, {}).items():
        value = data.get(name)
        if not isinstance(value, kinds) or isinstance(value, bool):
            return event.type == "output" and name == "text" and "mime" in data
    return True


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _attempt(data: JsonObject) -> int:
    """Digests in ``_index`` have none."""
    attempt = data.get("attempt")
    return attempt if isinstance(attempt, int) and not isinstance(attempt, bool) else 0


_KEYS: Final = {
    "thought": "message_id",
    "message_sent": "message_id",
    "tool_use": "tool_call_id",
    "question": "question_id",
    "command": "command_id",
}


def _key(entry: JsonObject) -> tuple[str, ...] | None:
    """What later events find the entry by, if any do."""
    kind = entry["type"]
    name = entry["data"].get(_KEYS.get(kind))
    if not isinstance(name, str):
        return None
    return (kind, "" if kind == "command" else str(entry["task_id"]), name)


def _new_task(event: Event) -> JsonObject:
    return {
        "task_id": event.task_id,
        "offset": event.offset,
        "last": event.offset,
        "state": None,
        "attempt": _attempt(event.data),
        "name": None,
        "created": event.time,
        "started": None,
        "ended": None,
        "cancelling": False,
        "progress": {},
        "sources": {},
    }


def _begin_attempt(task: JsonObject, attempt: int) -> None:
    """A higher attempt starts over; what the one before had reached is shown no more."""
    task.update(attempt=attempt, started=None, ended=None, cancelling=False, progress={})
    for name in ("result", "error", "duration_ms", "usage", "reason"):
        task.pop(name, None)
        task["sources"].pop(name, None)


def _redact_entry(entry: JsonObject, gone: set[int]) -> None:
    """Take out of ``entry`` what came from the offsets in ``gone``."""
    if "pieces" in entry:
        entry["pieces"] = [piece for piece in entry["pieces"] if piece[0] not in gone]
        entry["chars"] = sum(len(piece[1]) for piece in entry["pieces"])
        if entry["pieces"]:
            entry["offset"] = entry["pieces"][0][0]
    for part in ("result", "answer"):
        if part in entry and entry[part]["offset"] in gone:
            del entry[part]

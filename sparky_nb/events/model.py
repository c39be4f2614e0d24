"""The event and the data of each type (protocol.md §1).

An :class:`Event` carries its ``data`` as a plain dict, so that types and fields which this version
does not know are kept and passed on (P12). The structs below are what *producers* fill in and what
the wire schema is generated from; a field that is ``UNSET`` is absent on the wire.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from msgspec import UNSET, Struct, UnsetType

State = Literal["queued", "running", "waiting", "completed", "failed", "cancelled", "lost"]
JsonObject = dict[str, Any]
_FROM: Final = {"from_": "from"}  # a keyword in Python


class NewEvent(Struct, frozen=True, kw_only=True):
    """What a producer hands to the log; the log adds the ``offset``.

    Attributes:
        id: a UUID, unique per chat: storing the same event again has no effect (P5).
        type: see ``DATA_TYPES``; others are allowed.
        time: milliseconds UTC; for display only.
        task_id: the task it belongs to, None for an event of the chat itself.
        actor: ``agent``, ``task``, ``system`` or ``user:<name>``.
        data: an object by type: one of the structs below, or a dict.
    """

    id: str
    type: str
    time: int
    task_id: str | None
    actor: str
    data: Data | JsonObject


class Event(Struct, frozen=True, kw_only=True):
    """A stored event. ``extra`` holds envelope fields that this version does not know."""

    offset: int
    id: str
    type: str
    time: int
    task_id: str | None
    actor: str
    data: JsonObject
    extra: JsonObject | None = None


class Data(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of the data of known types."""


class Origin(Data, frozen=True, kw_only=True, omit_defaults=True):
    """Where a task came from: the notebook's path, the cell's id, and the id of the request that
    ran the cell then, which all tasks of one execution share."""

    path: str | UnsetType = UNSET
    cell_id: str | UnsetType = UNSET
    run: str | UnsetType = UNSET


class TaskErrorInfo(Data, frozen=True, kw_only=True, omit_defaults=True):
    """Why a task failed. ``traceback`` may hold ANSI colours."""

    type: str
    message: str
    traceback: str | UnsetType = UNSET


class Status(Data, frozen=True, kw_only=True, omit_defaults=True):
    """A move of a task. ``attempt`` counts from 1."""

    state: State
    attempt: int
    name: str | UnsetType = UNSET
    kind: Literal["agent", "cell", "call"] | str | UnsetType = UNSET
    instruction: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    origin: Origin | UnsetType = UNSET
    runner: str | UnsetType = UNSET
    schedule_id: str | UnsetType = UNSET
    retry_of: str | UnsetType = UNSET
    result: Any = UNSET
    error: TaskErrorInfo | UnsetType = UNSET
    duration_ms: int | UnsetType = UNSET
    usage: JsonObject | UnsetType = UNSET
    omitted_bytes: int | UnsetType = UNSET
    reason: str | UnsetType = UNSET


class Progress(Data, frozen=True, kw_only=True, omit_defaults=True):
    """``done`` of ``total`` (absent: unknown) under ``key``. One with ``usage`` is no bar: it says
    what the task has used up so far, as its ending will."""

    key: str
    done: int | float
    total: int | float | UnsetType = UNSET
    message: str | UnsetType = UNSET
    unit: str | UnsetType = UNSET
    usage: JsonObject | UnsetType = UNSET


class Thought(Data, frozen=True, kw_only=True, omit_defaults=True):
    """A piece of a thought; pieces with one ``message_id`` concatenate."""

    message_id: str
    text: str
    final: bool


class MessageSent(Data, frozen=True, kw_only=True, omit_defaults=True):
    """A piece of a message from the agent or task to the user."""

    message_id: str
    text: str
    final: bool


class MessageReceived(Data, frozen=True, kw_only=True, omit_defaults=True, rename=_FROM):
    """A message from the user; ``in_reply_to`` is the question it answers."""

    message_id: str
    text: str
    from_: str
    in_reply_to: str | UnsetType = UNSET


class ToolUse(Data, frozen=True, kw_only=True, omit_defaults=True):
    """A tool is called."""

    tool_call_id: str
    name: str
    args: JsonObject


class ToolResult(Data, frozen=True, kw_only=True, omit_defaults=True):
    """What the tool gave back. ``duration_ms`` is integer milliseconds."""

    tool_call_id: str
    name: str
    status: Literal["success", "error", "denied"]
    result: Any
    duration_ms: int


class Output(Data, frozen=True, kw_only=True, omit_defaults=True):
    """Something printed, logged or displayed; ``mime`` is a Jupyter MIME bundle."""

    stream: Literal["stdout", "stderr", "log", "display"]
    text: str | UnsetType = UNSET
    level: str | UnsetType = UNSET
    mime: JsonObject | UnsetType = UNSET
    truncated: bool | UnsetType = UNSET


class Approval(Data, frozen=True, kw_only=True, omit_defaults=True):
    """The tool call that an approval question is about."""

    tool_call_id: str


class Question(Data, frozen=True, kw_only=True, omit_defaults=True):
    """A question to whoever watches; ``expires`` is ms UTC."""

    question_id: str
    prompt: str
    choices: list[str] | UnsetType = UNSET
    approval: Approval | UnsetType = UNSET
    expires: int | UnsetType = UNSET


class Command(Data, frozen=True, kw_only=True, omit_defaults=True, rename=_FROM):
    """Who asked for what, and what came of it. One ``accepted`` at most, then one ending."""

    command_id: str
    name: Literal["cancel", "message", "answer"]
    args: JsonObject
    from_: str
    outcome: Literal["accepted", "applied", "rejected", "expired"]


class ChatChange(Data, frozen=True, kw_only=True, omit_defaults=True):
    """A chat came into being, was renamed, or was deleted."""

    change: Literal["created", "renamed", "deleted"]
    chat_id: str
    title: str | UnsetType = UNSET


class Redaction(Data, frozen=True, kw_only=True, omit_defaults=True, rename=_FROM):
    """The events at ``offsets`` are tombstones now."""

    offsets: list[int]
    from_: str


class TaskDigest(Data, frozen=True, kw_only=True, omit_defaults=True):
    """In ``_index`` only: the ``data`` of a ``status`` digest; its envelope has the ``task_id``."""

    chat_id: str
    state: State
    name: str | UnsetType = UNSET
    kind: str | UnsetType = UNSET


class ScheduleDigest(Data, frozen=True, kw_only=True, omit_defaults=True):
    """In ``_index`` only: the ``data`` of a ``schedule`` event: what happened to a schedule, and
    all of it that can change, as it is now. ``GET schedules`` has the rest."""

    change: Literal["created", "paused", "resumed", "fired", "removed"]
    schedule_id: str
    chat_id: str
    state: Literal["active", "paused", "ended"]
    next_at: int | None
    last_at: int | None
    last_task: str | None
    fired: int
    coalesced: int
    revision: int


class BlobRef(Data, frozen=True, kw_only=True, omit_defaults=True):
    """Stands where a payload above 64 KiB was; ``preview`` is its beginning as text."""

    sha256: str
    size: int
    media_type: str
    preview: str


DATA_TYPES: Final[dict[str, type[Data]]] = {
    "status": Status,
    "progress": Progress,
    "thought": Thought,
    "message_sent": MessageSent,
    "message_received": MessageReceived,
    "tool_use": ToolUse,
    "tool_result": ToolResult,
    "output": Output,
    "question": Question,
    "command": Command,
    "chat": ChatChange,
    "redaction": Redaction,
}
REDACTED: Final = "redacted"
HIDDEN: Final = "hidden"

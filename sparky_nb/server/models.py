"""What the routes take and give (protocol.md §2), for validation and for the OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from sparky_nb.ids import TITLE_MAX
from sparky_nb.log.base import ChatInfo
from sparky_nb.stream.frames import Gap

Title = Annotated[str, Meta(max_length=TITLE_MAX)]
Text = Annotated[str, Meta(min_length=1, max_length=60_000)]
Instruction = Annotated[str, Meta(min_length=1, max_length=60_000, pattern=r"\S")]
CommandId = Annotated[str, Meta(min_length=1, max_length=128)]


class ChatAnswer(Struct, frozen=True, kw_only=True):
    """A chat. ``tasks`` counts its tasks by state, ``viewers`` who watches on this server."""

    chat_id: str
    title: str | None
    epoch: str
    earliest: int
    head: int
    created: int
    updated: int
    owner: str | None
    tasks: dict[str, int]
    viewers: int

    @classmethod
    def of(cls, info: ChatInfo, viewers: int) -> ChatAnswer:
        """``info`` with the live count."""
        fields = {name: getattr(info, name) for name in ChatInfo.__struct_fields__}
        return cls(**fields, viewers=viewers)


class NewChat(Struct, frozen=True, kw_only=True):
    """``POST chats``. Without ``chat_id`` one is made."""

    chat_id: str | None = None
    title: Title | None = None


class ChatPatch(Struct, frozen=True, kw_only=True):
    """``PATCH chats/{chat}``."""

    title: Title


class Redact(Struct, frozen=True, kw_only=True):
    """``POST chats/{chat}/redact``."""

    offsets: Annotated[list[Annotated[int, Meta(ge=1)]], Meta(min_length=1, max_length=10_000)]


class Trim(Struct, frozen=True, kw_only=True):
    """``POST chats/{chat}/trim``: remove what is before ``before``."""

    before: Annotated[int, Meta(ge=0, le=(1 << 53) - 1)]


class RedactAnswer(Struct, frozen=True, kw_only=True):
    """The offset of the ``redaction``."""

    offset: int


class PositionAnswer(Struct, frozen=True, kw_only=True):
    """Where the chat is now."""

    epoch: str
    earliest: int
    head: int


class EventsAnswer(Struct, frozen=True, kw_only=True):
    """A page of events, oldest first. ``gap``: a trimmed start, asked for without an epoch."""

    epoch: str
    earliest: int
    head: int
    events: list[dict[str, Any]]
    gap: Gap | UnsetType = UNSET


class SnapshotAnswer(Struct, frozen=True, kw_only=True):
    """The folded state up to ``offset``."""

    epoch: str
    offset: int
    state: dict[str, Any]


class NewTask(Struct, frozen=True, kw_only=True):
    """``POST chats/{chat}/tasks``: an instruction in plain words."""

    instruction: Instruction
    name: Title | None = None
    model: Annotated[str, Meta(min_length=1, max_length=200)] | None = None


class CancelTask(Struct, frozen=True, kw_only=True):
    """``POST tasks/{task}/cancel``. ``command_id`` makes a repetition harmless."""

    command_id: CommandId | None = None
    reason: Text | None = None


class MessageTask(Struct, frozen=True, kw_only=True):
    """``POST tasks/{task}/message``."""

    text: Text
    command_id: CommandId | None = None


class AnswerTask(Struct, frozen=True, kw_only=True):
    """``POST tasks/{task}/answer``."""

    question_id: Text
    answer: Text
    command_id: CommandId | None = None


class CommandAnswer(Struct, frozen=True, kw_only=True):
    """The command is in the log, at ``offset``."""

    command_id: str
    offset: int


class NewSchedule(Struct, frozen=True, kw_only=True):
    """``POST schedules``. One of ``every``, ``cron`` and ``at``; one of ``instruction`` and
    ``call`` (the name of a function of the chat's notebook)."""

    chat_id: str
    every: str | None = None
    cron: str | None = None
    at: str | None = None
    timezone: str | None = None
    instruction: Annotated[str, Meta(max_length=60_000)] | None = None
    call: str | None = None
    name: str | None = None
    model: str | None = None


class SchedulePatch(Struct, frozen=True, kw_only=True):
    """``PATCH schedules/{schedule}``: pause or resume it, or ``run`` it now beside its rule."""

    state: Literal["active", "paused"] | None = None
    run: bool = False


class ScheduleAnswer(Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """A schedule. ``next_at`` is ms UTC, null where it will not fire by itself; ``words`` and
    ``next_words`` say its rule and its next firing plainly. ``last_state`` is the state of
    ``last_task``, plainly in ``last_words``; ``needs``: what it can't run without, beside a
    runner."""

    schedule_id: str
    chat_id: str
    kind: str
    spec: str
    timezone: str
    instruction: str | None
    call: str | None
    name: str | None
    model: str | None
    from_: str
    state: str
    created: int
    next_at: int | None
    last_at: int | None
    last_task: str | None
    fired: int
    coalesced: int
    revision: int
    words: str
    next_words: str
    last_state: str | None
    last_words: str
    needs: str | None


class HealthAnswer(Struct, frozen=True, kw_only=True):
    """``ok``: the log can be used. ``log`` is null where it can't; ``warnings`` says why."""

    ok: bool
    version: str
    log: dict[str, Any] | None
    runners: list[dict[str, Any]]
    viewers: int
    warnings: list[dict[str, Any]]


class ErrorBody(Struct, frozen=True, kw_only=True):
    """``field`` and ``rule`` with 400, ``gap`` with 409 where it is one."""

    code: str
    message: str
    retryable: bool
    field: str | UnsetType = UNSET
    rule: str | UnsetType = UNSET
    gap: Gap | UnsetType = UNSET


class ErrorAnswer(Struct, frozen=True, kw_only=True):
    """Every answer from 400 on."""

    error: ErrorBody

"""The contract of a log: whatever keeps events keeps this (protocol.md §4).

A log is one shared, durable place with many *chats*; each chat is a stream of events, numbered
1, 2, 3 … within an *epoch*. Everything that must be true together (the events of a chat, their
digests in ``_index``, the rows of tasks and commands) is stored by one ``commit``, all or nothing.

Rows of tasks are a projection: the log derives them from ``status`` and ``progress`` events with
the pure rules of ``rules.py``, so no writer can tell the table what the events do not say.

All methods may be called from any thread and block at most as long as they say. Whoever writes a
backend runs ``sparky_nb.testing.log_contract`` against it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from msgspec import Struct

from sparky_nb.errors import Conflict
from sparky_nb.events.model import Command, JsonObject, NewEvent
from sparky_nb.log.schedule_row import ScheduleRow as ScheduleRow

READ_LIMIT: Final = 10_000
BATCH_EVENTS: Final = 256
BATCH_BYTES: Final = 256 * 1024
BLOB_MAX: Final = 32 * 1024 * 1024
LEASE_SECONDS: Final = 45.0


class Fence(Struct, frozen=True, kw_only=True):
    """The right to append for a task: it holds while the task is not ended and its row still
    names this attempt and this runner."""

    task_id: str
    attempt: int
    runner: str


class Append(Struct, frozen=True, kw_only=True):
    """One transaction on one chat.

    Attributes:
        chat: the chat; it comes into being with its first append.
        events: stored in this order, at contiguous offsets. Those whose id is stored already (with
            the same content) keep their first offset and are not stored again (P5).
        fence: required for a task's own events. Without one, only ``command``,
            ``message_received`` and the first ``status`` of a task may name a task.
        epoch: append only to this life of the chat, else ``Fenced`` (or ``Conflict`` where the
            append has no fence). None: to the life that is.
        commands: ids of commands that end with this transaction; each needs its ``command`` event
            with the ending ``outcome`` among ``events``.
        title: for a chat that is created by this append.
        owner: likewise.
    """

    chat: str
    events: tuple[NewEvent, ...]
    fence: Fence | None = None
    epoch: str | None = None
    commands: tuple[str, ...] = ()
    title: str | None = None
    owner: str | None = None


class Committed(Struct, frozen=True, kw_only=True):
    """Where the events are: one offset per event of the ``Append``, in its order.

    ``extra_offsets`` has the events that the log itself had to add (commands that expired with the
    end of their task). ``head`` is the chat's last offset after the commit.
    """

    epoch: str
    offsets: tuple[int, ...]
    head: int
    extra_offsets: tuple[int, ...] = ()


class Position(Struct, frozen=True, kw_only=True):
    """Where a chat is. With nothing kept, ``earliest == head + 1``.

    ``lineage`` has, newest first, the lives before this one: offsets up to ``valid_to`` have the
    same bytes in this life as in that one.
    """

    epoch: str
    earliest: int
    head: int
    lineage: tuple[Ancestor, ...] = ()


class Ancestor(Struct, frozen=True, kw_only=True):
    """An earlier epoch of a chat, and how far its offsets are still true."""

    epoch: str
    valid_to: int


class Page(Struct, frozen=True, kw_only=True):
    """A contiguous run of stored events.

    Attributes:
        epoch, earliest, head: the chat's position in the same read transaction.
        first: the offset of the first event of ``events`` (``head + 1`` where there are none).
        events: the wire bytes of each, offsets ``first, first + 1, …``.
    """

    epoch: str
    earliest: int
    head: int
    first: int
    events: tuple[bytes, ...]


class Snapshot(Struct, frozen=True, kw_only=True):
    """The folded state of a chat up to ``offset`` (events/fold.py)."""

    epoch: str
    offset: int
    state: JsonObject


class ChatInfo(Struct, frozen=True, kw_only=True):
    """One row of ``GET chats`` (less its live viewers)."""

    chat_id: str
    title: str | None
    epoch: str
    earliest: int
    head: int
    created: int
    updated: int
    owner: str | None
    tasks: dict[str, int]


class TaskRow(Struct, frozen=True, kw_only=True):
    """What the log knows of a task beside its events; ``GET tasks`` shows it.

    ``first`` and ``last`` are the offsets of its first and its last event so far (``last`` is exact
    once it has ended). ``epoch`` is the life of the chat in which it began.
    """

    task_id: str
    chat_id: str
    epoch: str
    state: str
    attempt: int
    kind: str
    name: str | None = None
    instruction: str | None = None
    model: str | None = None
    runner: str | None = None
    origin: JsonObject | None = None
    schedule_id: str | None = None
    retry_of: str | None = None
    progress: JsonObject | None = None
    error: JsonObject | None = None
    result: Any = None
    created: int
    started: int | None = None
    ended: int | None = None
    first: int
    last: int
    cancelling: bool = False


class CommandRow(Struct, frozen=True, kw_only=True):
    """A command that has been accepted and not ended yet.

    ``command.command_id`` is the id its sender gave it, unique per sender and chat; ``key`` is the
    log's own id of it.
    """

    key: str
    chat_id: str
    task_id: str
    command: Command
    offset: int


class Submitted(Struct, frozen=True, kw_only=True):
    """``offset`` is that of the command's event. ``repeated``: it had been submitted before."""

    key: str
    offset: int
    outcome: str
    repeated: bool = False


class RunnerRow(Struct, frozen=True, kw_only=True):
    """A process that has registered: a runner (role ``kernel``, ``worker``, ``process``) or only a
    listener (``server``, ``watch``).

    ``runner_id`` says who it is (liveness.py); ``endpoint`` is its doorbell; ``chat_id`` is the
    chat whose queue a kernel attends to; ``version`` grows with each renewal of its lease.
    """

    runner_id: str
    role: str
    endpoint: str | None
    chat_id: str | None
    version: int
    started: int
    info: JsonObject


class Blob(Struct, frozen=True, kw_only=True):
    """A payload that is too large for an event."""

    sha256: str
    media_type: str
    data: bytes


class Problem(Struct, frozen=True, kw_only=True):
    """Something that ``verify`` found: ``what`` and, where it can be mended, how."""

    chat_id: str | None
    offset: int | None
    what: str
    mend: str | None = None


class Log(ABC):
    """See the module. ``log_id`` names the log for good; ``kind`` is ``sqlite``, ``memory``, …"""

    url: str
    kind: str
    log_id: str
    durability: Literal["process", "power"]

    # -- writing

    @abstractmethod
    def commit(self, append: Append) -> Committed:
        """Store ``append``, all or nothing, and return where.

        Raises:
            InvalidArgument: a chat id, an event without task where one is needed, …
            IllegalMove: a ``status`` that may not follow the task's state.
            LaneTaken: the first ``running`` of an agent task while another one of its chat runs or
                waits: they take turns, and this transaction decides whose it is.
            Fenced: the fence does not hold, the task has ended, or the chat's life is another.
            IdConflict: an event id is stored with other content.
            LogUnavailable: busy beyond 10 s, full, read-only, unreachable. Nothing was stored.
        """

    @abstractmethod
    def create_chat(
        self, chat_id: str, *, title: str | None, owner: str | None, actor: str, now_ms: int
    ) -> tuple[ChatInfo, bool]:
        """Make a chat (its first event is ``chat created``); (info, whether it is new).

        Idempotent: an existing chat is returned unchanged.
        """

    @abstractmethod
    def rename_chat(self, chat_id: str, title: str, *, actor: str, now_ms: int) -> ChatInfo:
        """Give a chat another title. Raises NotFound."""

    @abstractmethod
    def delete_chat(self, chat_id: str, *, actor: str, now_ms: int) -> None:
        """Delete a chat's events, blobs, tasks and commands; its name and last epoch stay known, so
        that what is created under the name later is another life.

        Raises:
            NotFound: no such chat.
            Conflict: a task of it has not ended.
        """

    @abstractmethod
    def trim(self, chat_id: str, before: int) -> Position:
        """Remove events with an offset below ``before`` (at most ``head + 1``); the fold of what
        goes becomes the base of snapshots in the same transaction. In slices of ≤ 1,000 rows."""

    @abstractmethod
    def redact(self, chat_id: str, offsets: Sequence[int], *, actor: str, now_ms: int) -> int:
        """Make tombstones of the events at ``offsets`` and append a ``redaction``; its offset.

        Texts of a redacted ``status`` also leave the task's row and its digest in ``_index``.

        Raises:
            NotFound: no such chat, or an offset that is not kept.
            Conflict: an offset is the newest ``status`` of a task, which its state rests on.
        """

    # -- reading

    @abstractmethod
    def position(self, chat_id: str) -> Position:
        """Where the chat is. Raises NotFound; reading never creates a chat."""

    @abstractmethod
    def read(
        self,
        chat_id: str,
        *,
        after: int = 0,
        limit: int = BATCH_EVENTS,
        max_bytes: int | None = None,
    ) -> Page:
        """The events after offset ``after``: at most ``limit``, and at most ``max_bytes`` together
        unless the first alone is larger. Where ``after + 1`` is trimmed, the page begins at the
        earliest kept event: compare ``first``.

        Raises:
            NotFound: no such chat.
        """

    @abstractmethod
    def read_before(self, chat_id: str, *, before: int, limit: int = BATCH_EVENTS) -> Page:
        """The last ``limit`` events with an offset below ``before``, oldest first."""

    @abstractmethod
    def snapshot(self, chat_id: str) -> Snapshot:
        """The fold of the whole chat up to its head, trimmed events included."""

    @abstractmethod
    def chats(self) -> list[ChatInfo]:
        """All chats that are not deleted and not the system's, last updated first."""

    @abstractmethod
    def chat(self, chat_id: str) -> ChatInfo:
        """One chat. Raises NotFound."""

    @abstractmethod
    def task(self, task_id: str) -> TaskRow:
        """The task whose id is, or begins uniquely with, ``task_id``.

        Raises:
            NotFound: no such task.
            InvalidArgument: the prefix is shared by several.
        """

    @abstractmethod
    def tasks(
        self,
        *,
        chat_id: str | None = None,
        states: Sequence[str] | None = None,
        runner: str | None = None,
        limit: int = 100,
    ) -> list[TaskRow]:
        """Tasks, newest first."""

    # -- commands

    @abstractmethod
    def submit(
        self, chat_id: str, task_id: str, command: Command, *, now_ms: int, event_id: str
    ) -> Submitted:
        """Accept a command: its ``command`` event and its row, in one transaction.

        A queued task that no runner holds is cancelled in that transaction. The same command id of
        the same sender is accepted once; a repetition returns the first answer.

        Raises:
            NotFound: no such task in that chat.
            Conflict: the task has ended, or it does not wait for that answer.
            InvalidArgument: the answer is not among the choices of its question (as far as the
                log has them: of a question that was redacted only the runner knows).
            IdConflict: the command id was used with other content.
        """

    @abstractmethod
    def pending_commands(self, runner: str) -> list[CommandRow]:
        """Commands for the tasks that ``runner`` holds, oldest first."""

    # -- runners and listeners

    @abstractmethod
    def register(self, row: RunnerRow) -> None:
        """Make a process known; it renews its lease from now on."""

    @abstractmethod
    def renew(self, runner_id: str) -> bool:
        """Raise the lease's version. False: the runner was declared dead meanwhile."""

    @abstractmethod
    def unregister(self, runner_id: str) -> None:
        """Forget a process that leaves cleanly. Unknown ids are ignored."""

    @abstractmethod
    def runners(self) -> list[RunnerRow]:
        """All that are registered, listeners included, in the order in which they first were."""

    @abstractmethod
    def declare_lost(self, runner_id: str, *, reason: str, now_ms: int) -> list[str]:
        """End every task that ``runner_id`` holds as ``lost`` and forget the runner.

        Whoever notices may call it, also at the same time as others: each task gets exactly one
        ending (P6). Returns the ids of the tasks that this call ended.
        """

    # -- schedules: each change is told in ``_index``, in its own transaction

    @abstractmethod
    def add_schedule(self, row: ScheduleRow) -> None:
        """Keep a new schedule. Raises IdConflict."""

    @abstractmethod
    def change_schedule(
        self, row: ScheduleRow, append: Append | None = None, *, actor: str, now_ms: int
    ) -> bool:
        """Replace the schedule whose revision is one less than ``row.revision``, and store
        ``append`` in the same transaction; False, and nothing is stored: somebody was faster.

        So several may notice at once that a schedule is due, and one of them makes its task.
        """

    @abstractmethod
    def remove_schedule(self, schedule_id: str, *, actor: str, now_ms: int) -> None:
        """Raises NotFound."""

    @abstractmethod
    def schedule(self, schedule_id: str) -> ScheduleRow:
        """The schedule whose id is, or begins uniquely with, ``schedule_id``.

        Raises:
            NotFound, InvalidArgument: as for ``task``.
        """

    @abstractmethod
    def schedules(self, *, chat_id: str | None = None) -> list[ScheduleRow]:
        """Schedules, oldest first."""

    # -- blobs

    @abstractmethod
    def put_blob(self, chat_id: str, data: bytes, media_type: str) -> str:
        """Keep ``data`` (≤ 32 MiB) for the chat; its SHA-256 in hex. Raises PayloadTooLarge."""

    @abstractmethod
    def get_blob(self, chat_id: str, sha256: str) -> Blob:
        """Raises NotFound."""

    # -- the whole

    @abstractmethod
    def change_token(self) -> int:
        """A cheap number that differs when somebody else has written since this thread's last
        call. It says *that*, not *what*: the fallback where a doorbell was lost."""

    @abstractmethod
    def health(self) -> JsonObject:
        """``{kind, id, size, durability, warnings: [{code, message}]}``."""

    @abstractmethod
    def maintain(self) -> None:
        """Chores that must not run in a task's thread (checkpoints). Call it now and then."""

    @abstractmethod
    def verify(self) -> Iterator[Problem]:
        """Check every chat: contiguous offsets, decodable events, tasks that agree with them."""

    def backup(self, path: Path) -> None:
        """Copy the log as it is now to ``path`` (replaced if it is there) while it is in use.

        Raises:
            Conflict: this kind of log is backed up with its own tools.
            LogUnavailable: the copy can't be written; what was at ``path`` is untouched.
        """
        raise Conflict(f"a log of kind {self.kind} is not backed up this way: use its own tools")

    def repair(self) -> list[Problem]:
        """Mend what ``verify`` finds and can be mended; what was mended. Nothing is lost by it but
        what is lost already: where events are missing, the chat ends before the hole, in a new
        epoch whose lineage says so.

        Raises:
            LogRefused: the file itself is damaged, and nothing else is wrong.
        """
        return []

    @abstractmethod
    def close(self) -> None:
        """Close cleanly; closing twice is fine."""

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

"""What a backend with transactions has to offer; ``engine.py`` makes a whole log of it.

``Records`` is the inside of one write transaction. Whatever it raises takes everything back, so
the engine makes all its checks first where a backend (memory) can't take back.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from msgspec import Struct

from sparky_nb.events.model import NewEvent
from sparky_nb.log.base import Ancestor, CommandRow, Position, ScheduleRow, TaskRow


class ChatRow(Struct, frozen=True, kw_only=True):
    """A chat as its log keeps it.

    Attributes:
        key: the log's own number of this life of the chat; never used again.
        scrubs: how often events were made tombstones: a fold made before is stale.
    """

    key: int
    chat_id: str
    epoch: str
    earliest: int = 1
    head: int = 0
    title: str | None = None
    owner: str | None = None
    created: int = 0
    updated: int = 0
    scrubs: int = 0
    lineage: tuple[Ancestor, ...] = ()

    def position(self) -> Position:
        return Position(
            epoch=self.epoch, earliest=self.earliest, head=self.head, lineage=self.lineage
        )


class Stored(NamedTuple):
    """An event that is about to be stored; ``body`` is ``codec.encode_body`` of it."""

    offset: int
    event: NewEvent
    body: bytes


class Known(NamedTuple):
    """What is stored under an event id. ``digest`` None: its content is gone (a tombstone)."""

    offset: int
    digest: bytes | None


class CommandState(NamedTuple):
    """A command that was submitted before, ended or not."""

    row: CommandRow
    digest: bytes
    outcome: str


class StoredFold(NamedTuple):
    """A fold that was put by: the base (of what is trimmed) or a checkpoint."""

    offset: int
    version: int
    state: bytes


class DuplicateIdError(Exception):
    """An event id is stored already; the engine looks it up and plans again."""


def content_digest(body: bytes) -> bytes:
    """What two bodies are compared by where the first is not kept."""
    return hashlib.sha256(body).digest()


class Records(ABC):
    """The inside of one write transaction."""

    # -- chats

    @abstractmethod
    def chat(self, chat_id: str) -> ChatRow | None:
        """The living chat of that name."""

    def chat_to_append(self, chat_id: str) -> ChatRow | None:
        """The same where only key, epoch, earliest and head matter."""
        return self.chat(chat_id)

    @abstractmethod
    def make_chat(self, row: ChatRow) -> ChatRow:
        """Store a new chat; the row with its ``key``."""

    @abstractmethod
    def save_chat(self, row: ChatRow) -> None:
        """Store title, earliest and scrubs."""

    @abstractmethod
    def drop_chat(self, row: ChatRow) -> None:
        """Nothing of the chat is visible from now on but its name and last epoch."""

    # -- events

    @abstractmethod
    def add(self, chat: ChatRow, events: Sequence[Stored]) -> None:
        """Store ``events`` and move the chat's head. Raises DuplicateIdError."""

    @abstractmethod
    def find(self, chat: ChatRow, ids: Iterable[str]) -> dict[str, Known]:
        """Those of ``ids`` that are stored, or were before a trim and still count."""

    @abstractmethod
    def wire(self, chat: ChatRow, offset: int) -> bytes | None:
        """The stored bytes at ``offset``."""

    @abstractmethod
    def replace(self, chat: ChatRow, offset: int, wire: bytes) -> None:
        """Put a tombstone in the place of an event."""

    # -- tasks

    @abstractmethod
    def task(self, task_id: str) -> TaskRow | None:
        """The row of exactly that id."""

    @abstractmethod
    def statuses(self, chat: ChatRow, task_id: str) -> list[int]:
        """The offsets of the task's ``status`` events that the chat keeps, oldest first."""

    @abstractmethod
    def save_task(self, chat: ChatRow, row: TaskRow) -> None:
        """Insert or replace; ``chat`` has its head as it is after this transaction."""

    @abstractmethod
    def active_tasks(self, chat: ChatRow) -> list[TaskRow]:
        """Those of the chat that have not ended."""

    @abstractmethod
    def tasks_of_runner(self, runner: str) -> list[TaskRow]:
        """Those that have not ended and that ``runner`` holds, oldest first."""

    @abstractmethod
    def end_task(self, chat: ChatRow, task_id: str) -> None:
        """Forget what only a task that may go on needs: the ids of its trimmed events."""

    # -- questions

    @abstractmethod
    def open_question(self, chat: ChatRow, task_id: str, question_id: str) -> None: ...

    @abstractmethod
    def close_questions(self, chat: ChatRow, task_id: str, question_id: str | None) -> None:
        """Close one, or with None all of the task."""

    @abstractmethod
    def has_question(self, chat: ChatRow, task_id: str, question_id: str) -> bool: ...

    # -- commands

    @abstractmethod
    def pending(self, task_id: str) -> list[CommandRow]:
        """The commands of a task that have not ended, oldest first."""

    @abstractmethod
    def command(self, key: str) -> CommandState | None: ...

    @abstractmethod
    def add_command(self, chat: ChatRow, state: CommandState) -> None: ...

    @abstractmethod
    def end_command(self, key: str, outcome: str) -> None:
        """The command has ended; of what it said only the digest is kept."""

    @abstractmethod
    def scrub_commands(self, chat: ChatRow, offsets: Sequence[int]) -> None:
        """Empty the arguments of commands whose events are at ``offsets``."""

    # -- runners

    @abstractmethod
    def forget_runner(self, runner_id: str) -> None: ...

    # -- schedules

    @abstractmethod
    def schedule(self, schedule_id: str) -> ScheduleRow | None:
        """The schedule of exactly that id."""

    @abstractmethod
    def save_schedule(self, row: ScheduleRow) -> None:
        """Insert or replace."""

    @abstractmethod
    def drop_schedules(self, schedule_id: str | None, chat_id: str | None = None) -> None:
        """Remove one, or all of a chat."""

    # -- folds and blobs

    @abstractmethod
    def base(self, chat: ChatRow) -> StoredFold | None:
        """The fold of what was trimmed."""

    @abstractmethod
    def save_base(self, chat: ChatRow, fold: StoredFold) -> None: ...

    @abstractmethod
    def cut(self, chat: ChatRow, before: int) -> list[bytes]:
        """Remove the events below ``before`` and return them; the ids of those whose task has not
        ended still count in ``find``."""

    @abstractmethod
    def drop_checkpoint(self, chat: ChatRow) -> None:
        """Forget the checkpoint of the fold: it holds what is to be forgotten."""

    @abstractmethod
    def drop_unused_blobs(self, chat: ChatRow, sha256s: Iterable[str]) -> None:
        """Drop those to which no event and no base refers."""

"""The inside of a transaction on dicts. See ``memory.py``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from sparky_nb.events.codec import decode_event, with_offset, without_offset
from sparky_nb.events.model import REDACTED
from sparky_nb.events.states import TERMINAL
from sparky_nb.log.base import Blob, CommandRow, RunnerRow, ScheduleRow, TaskRow
from sparky_nb.log.records import (
    ChatRow,
    CommandState,
    DuplicateIdError,
    Known,
    Records,
    Stored,
    StoredFold,
    content_digest,
)
from sparky_nb.log.redact import blobs_in


class Life:
    """One life of a chat: its events by offset, and where each id is."""

    def __init__(self) -> None:
        self.events: dict[int, bytes] = {}
        self.ids: dict[str, Known] = {}
        self.owners: dict[str, str | None] = {}
        self.questions: set[tuple[str, str]] = set()
        self.base: StoredFold | None = None


class MemoryRecords(Records):
    """All that a log keeps. Its owner holds the lock."""

    def __init__(self) -> None:
        self.chats: dict[str, ChatRow] = {}
        self.lives: dict[int, Life] = {}
        self.tasks: dict[str, TaskRow] = {}
        self.commands: dict[str, CommandState] = {}
        self.runners: dict[str, RunnerRow] = {}
        self.schedules: dict[str, ScheduleRow] = {}
        # By chat name: a blob is put before the event that refers to it, perhaps the chat's first.
        self.blobs: dict[tuple[str, str], Blob] = {}
        self.last_epochs: dict[str, str] = {}

    # -- chats

    def chat(self, chat_id: str) -> ChatRow | None:
        return self.chats.get(chat_id)

    def make_chat(self, row: ChatRow) -> ChatRow:
        row = msgspec.structs.replace(row, key=len(self.lives) + 1)
        self.chats[row.chat_id], self.lives[row.key] = row, Life()
        return row

    def save_chat(self, row: ChatRow) -> None:
        self.chats[row.chat_id] = msgspec.structs.replace(
            self.chats[row.chat_id], title=row.title, earliest=row.earliest, scrubs=row.scrubs
        )

    def drop_chat(self, row: ChatRow) -> None:
        del self.chats[row.chat_id]
        self.last_epochs[row.chat_id] = row.epoch
        self.lives[row.key] = Life()
        self.blobs = {k: it for k, it in self.blobs.items() if k[0] != row.chat_id}
        self.tasks = {k: it for k, it in self.tasks.items() if it.chat_id != row.chat_id}
        self.commands = {k: it for k, it in self.commands.items() if it.row.chat_id != row.chat_id}

    # -- events

    def add(self, chat: ChatRow, events: Sequence[Stored]) -> None:
        life = self.lives[chat.key]
        if any(stored.event.id in life.ids for stored in events):
            raise DuplicateIdError
        for offset, event, body in events:
            life.events[offset] = with_offset(offset, body)
            life.ids[event.id] = Known(offset, content_digest(body))
            life.owners[event.id] = event.task_id
        last = events[-1]
        self.chats[chat.chat_id] = msgspec.structs.replace(
            self.chats[chat.chat_id], head=last.offset, updated=last.event.time
        )

    def find(self, chat: ChatRow, ids: Iterable[str]) -> dict[str, Known]:
        known = self.lives[chat.key].ids
        return {it: known[it] for it in ids if it in known}

    def wire(self, chat: ChatRow, offset: int) -> bytes | None:
        return self.lives[chat.key].events.get(offset)

    def replace(self, chat: ChatRow, offset: int, wire: bytes) -> None:
        life = self.lives[chat.key]
        life.events[offset] = wire
        life.ids[decode_event(wire).id] = Known(offset, None)

    # -- tasks

    def task(self, task_id: str) -> TaskRow | None:
        return self.tasks.get(task_id)

    def statuses(self, chat: ChatRow, task_id: str) -> list[int]:
        events = map(decode_event, self.lives[chat.key].events.values())
        return sorted(e.offset for e in events if e.task_id == task_id and e.type == "status")

    def save_task(self, chat: ChatRow, row: TaskRow) -> None:
        self.tasks[row.task_id] = row

    def active_tasks(self, chat: ChatRow) -> list[TaskRow]:
        rows = self.tasks.values()
        return [it for it in rows if it.chat_id == chat.chat_id and it.state not in TERMINAL]

    def tasks_of_runner(self, runner: str) -> list[TaskRow]:
        rows = self.tasks.values()
        return [it for it in rows if it.runner == runner and it.state not in TERMINAL]

    def end_task(self, chat: ChatRow, task_id: str) -> None:
        life = self.lives[chat.key]
        for id_ in [it for it, owner in life.owners.items() if owner == task_id]:
            if life.ids[id_].offset < chat.earliest:
                del life.ids[id_], life.owners[id_]

    # -- questions

    def open_question(self, chat: ChatRow, task_id: str, question_id: str) -> None:
        self.lives[chat.key].questions.add((task_id, question_id))

    def close_questions(self, chat: ChatRow, task_id: str, question_id: str | None) -> None:
        questions = self.lives[chat.key].questions
        for it in list(questions):
            if it[0] == task_id and question_id in (None, it[1]):
                questions.discard(it)

    def has_question(self, chat: ChatRow, task_id: str, question_id: str) -> bool:
        return (task_id, question_id) in self.lives[chat.key].questions

    # -- commands

    def pending(self, task_id: str) -> list[CommandRow]:
        rows = self.commands.values()
        return [it.row for it in rows if it.row.task_id == task_id and it.outcome == "accepted"]

    def command(self, key: str) -> CommandState | None:
        return self.commands.get(key)

    def add_command(self, chat: ChatRow, state: CommandState) -> None:
        self.commands[state.row.key] = state

    def end_command(self, key: str, outcome: str) -> None:
        row = _emptied(self.commands[key].row)
        self.commands[key] = self.commands[key]._replace(row=row, outcome=outcome)

    def scrub_commands(self, chat: ChatRow, offsets: Sequence[int]) -> None:
        for key, state in self.commands.items():
            if state.row.chat_id == chat.chat_id and state.row.offset in offsets:
                self.commands[key] = state._replace(row=_emptied(state.row))

    def forget_runner(self, runner_id: str) -> None:
        self.runners.pop(runner_id, None)

    # -- schedules

    def schedule(self, schedule_id: str) -> ScheduleRow | None:
        return self.schedules.get(schedule_id)

    def save_schedule(self, row: ScheduleRow) -> None:
        self.schedules[row.schedule_id] = row

    def drop_schedules(self, schedule_id: str | None, chat_id: str | None = None) -> None:
        gone = [k for k, it in self.schedules.items() if k == schedule_id or it.chat_id == chat_id]
        for key in gone:
            del self.schedules[key]

    # -- folds and blobs

    def base(self, chat: ChatRow) -> StoredFold | None:
        return self.lives[chat.key].base

    def save_base(self, chat: ChatRow, fold: StoredFold) -> None:
        self.lives[chat.key].base = fold

    def cut(self, chat: ChatRow, before: int) -> list[bytes]:
        life = self.lives[chat.key]
        removed = [life.events.pop(it) for it in range(chat.earliest, before)]
        active = {it.task_id for it in self.active_tasks(chat)}
        for wire in removed:
            event = decode_event(wire)
            if event.task_id not in active:
                del life.ids[event.id], life.owners[event.id]
            elif event.type != REDACTED:
                assert content_digest(without_offset(wire)) == life.ids[event.id].digest
        return removed

    def drop_checkpoint(self, chat: ChatRow) -> None:
        """There are none: what the process keeps is in its cache."""

    def drop_unused_blobs(self, chat: ChatRow, sha256s: Iterable[str]) -> None:
        life = self.lives[chat.key]
        texts = [*life.events.values(), life.base.state if life.base else b""]
        used = set().union(*map(blobs_in, texts))
        for sha256 in set(sha256s) - used:
            self.blobs.pop((chat.chat_id, sha256), None)


def _emptied(row: CommandRow) -> CommandRow:
    return msgspec.structs.replace(row, command=msgspec.structs.replace(row.command, args={}))

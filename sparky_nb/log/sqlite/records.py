"""The inside of a write transaction on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

import msgspec

from sparky_nb.events.codec import decode_event, with_offset, without_offset
from sparky_nb.events.model import REDACTED
from sparky_nb.events.states import ACTIVE
from sparky_nb.log.base import Ancestor, CommandRow, ScheduleRow, TaskRow
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

HEAD: Final = "coalesce((SELECT max(offset) FROM events WHERE chat_key = chats.key), earliest - 1)"
"""A chat's head: kept only here, so that an append has one page less to write."""

CHAT_COLUMNS: Final = (
    f"key, chat_id, epoch, earliest, {HEAD}, title, owner, created, updated, scrubs, lineage"
)
_TO_APPEND: Final = (
    f"SELECT key, epoch, earliest, {HEAD}, synced_head FROM chats WHERE chat_id = ? AND deleted = 0"
)
T = TypeVar("T")

BASE: Final = "base"
CHECKPOINT: Final = "checkpoint"
ACTIVE_SQL: Final = "state IN ('queued', 'running', 'waiting')"
assert frozenset({"queued", "running", "waiting"}) == ACTIVE

_CACHED: Final = 256
_tasks: Final = msgspec.json.Decoder(TaskRow)
_commands: Final = msgspec.json.Decoder(CommandRow)
_lineages: Final = msgspec.json.Decoder(tuple[Ancestor, ...])
encode_row: Final = msgspec.json.Encoder().encode
task_from: Final = _tasks.decode
command_from: Final = _commands.decode
schedule_from: Final = msgspec.json.Decoder(ScheduleRow).decode


class NeedsSyncError(Exception):
    """This transaction has to be fsynced (recovery.py), and was begun without."""


def chat_from(row: Sequence[Any]) -> ChatRow:
    """The chat in a row of ``CHAT_COLUMNS``."""
    key, chat_id, epoch, earliest, head, title, owner, created, updated, scrubs, lineage = row[:11]
    return ChatRow(
        key=key,
        chat_id=chat_id,
        epoch=epoch,
        earliest=earliest,
        head=head,
        title=title,
        owner=owner,
        created=created,
        updated=updated,
        scrubs=scrubs,
        lineage=() if lineage == "[]" else _lineages.decode(lineage),
    )


class SqliteRecords(Records):
    """One connection's transactions; ``synced`` says how the present one is committed.

    A chat's head and a task's row are remembered from one transaction to the next, as long as
    nobody else has written: neither another connection (SQLite's ``data_version``) nor this one
    beside these records (``total_changes``).

    Args:
        connection: in autocommit mode; its owner begins and ends transactions.
        always_synced: each commit is fsynced.
    """

    def __init__(self, connection: sqlite3.Connection, *, always_synced: bool) -> None:
        self._run = connection.cursor().execute
        self._connection = connection
        self._always_synced = always_synced
        self.synced = always_synced
        self._synced_heads: dict[int, int] = {}
        self._chats: dict[str, ChatRow] = {}
        self._tasks: dict[str, TaskRow] = {}
        self._remembered: tuple[int, int] | None = None

    def run(self, work: Callable[[Records], T]) -> T:
        """``work`` inside of a transaction that has begun."""
        version: int = self._run("PRAGMA data_version").fetchone()[0]
        if self._remembered != (version, self._connection.total_changes):
            self._chats.clear()
            self._tasks.clear()
        self._remembered = None
        result = work(self)
        self._remembered = version, self._connection.total_changes
        return result

    def forget(self) -> None:
        """After a rollback: nothing that was read or written counts."""
        self._remembered = None

    def _remember(self, cache: dict[str, T], name: str, value: T) -> T:
        if len(cache) >= _CACHED:
            cache.clear()
        cache[name] = value
        return value

    # -- chats

    def chat(self, chat_id: str) -> ChatRow | None:
        row = self._run(
            f"SELECT {CHAT_COLUMNS}, synced_head FROM chats WHERE chat_id = ? AND deleted = 0",
            (chat_id,),
        ).fetchone()
        if row is None:
            return None
        self._synced_heads[row[0]] = row[11]
        return chat_from(row)

    def chat_to_append(self, chat_id: str) -> ChatRow | None:
        if (chat := self._chats.get(chat_id)) is not None:
            return chat
        row = self._run(_TO_APPEND, (chat_id,)).fetchone()
        if row is None:
            return None
        key, epoch, earliest, head, self._synced_heads[key] = row
        return ChatRow(key=key, chat_id=chat_id, epoch=epoch, earliest=earliest, head=head)

    def make_chat(self, row: ChatRow) -> ChatRow:
        made = self._run(
            "INSERT INTO chats (chat_id, epoch, earliest, synced_head, title, owner, created,"
            " updated, scrubs, lineage) VALUES (?, ?, 1, 0, ?, ?, ?, ?, 0, '[]')",
            (row.chat_id, row.epoch, row.title, row.owner, row.created, row.updated),
        )
        key = made.lastrowid
        assert key is not None
        # If a crash takes all of it back, the name's next life has another epoch anyway.
        self._synced_heads[key] = -1
        return msgspec.structs.replace(row, key=key)

    def save_chat(self, row: ChatRow) -> None:
        self._chats.pop(row.chat_id, None)
        self._run(
            "UPDATE chats SET title = ?, earliest = ?, scrubs = ? WHERE key = ?",
            (row.title, row.earliest, row.scrubs, row.key),
        )

    def drop_chat(self, row: ChatRow) -> None:
        self._chats.pop(row.chat_id, None)
        # The rows go in slices (chores.py); what hides them is this one.
        self._run(
            "UPDATE chats SET deleted = 1, title = NULL, earliest = ? WHERE key = ?",
            (row.head + 1, row.key),
        )

    # -- events

    def add(self, chat: ChatRow, events: Sequence[Stored]) -> None:
        if not self.synced and self._synced_heads[chat.key] == chat.head:
            raise NeedsSyncError
        key = chat.key
        if chat.earliest > 1:
            self._refuse_kept(key, events)
        rows = [
            (key, offset, event.id, event.type, event.task_id, with_offset(offset, body))
            for offset, event, body in events
        ]
        sql = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)"
        try:
            if len(rows) == 1:
                self._run(sql, rows[0])
            else:
                self._connection.executemany(sql, rows)
        except sqlite3.IntegrityError:
            raise DuplicateIdError from None
        for row in rows:
            if b'"sha256"' in row[5]:
                self._connection.executemany(
                    "INSERT OR IGNORE INTO blob_refs VALUES (?, ?, ?)",
                    [(key, sha256, row[1]) for sha256 in blobs_in(row[5])],
                )
        if self._always_synced:
            self._run("UPDATE chats SET synced_head = ? WHERE key = ?", (events[-1].offset, key))
        self._synced_heads[key] = -1
        self._remember(
            self._chats,
            chat.chat_id,
            ChatRow(
                key=key,
                chat_id=chat.chat_id,
                epoch=chat.epoch,
                earliest=chat.earliest,
                head=events[-1].offset,
            ),
        )

    def _refuse_kept(self, key: int, events: Sequence[Stored]) -> None:
        sql = "SELECT 1 FROM kept_ids WHERE chat_key = ? AND id = ?"
        for stored in events:
            if self._run(sql, (key, stored.event.id)).fetchone() is not None:
                raise DuplicateIdError

    def find(self, chat: ChatRow, ids: Iterable[str]) -> dict[str, Known]:
        known: dict[str, Known] = {}
        for id_ in ids:
            row = self._run(
                "SELECT offset, type, body FROM events WHERE chat_key = ? AND id = ?",
                (chat.key, id_),
            ).fetchone()
            if row is not None:
                gone = row[1] == REDACTED
                digest = None if gone else content_digest(without_offset(row[2]))
                known[id_] = Known(row[0], digest)
                continue
            row = self._run(
                "SELECT offset, digest FROM kept_ids WHERE chat_key = ? AND id = ?",
                (chat.key, id_),
            ).fetchone()
            if row is not None:
                known[id_] = Known(row[0], row[1])
        return known

    def wire(self, chat: ChatRow, offset: int) -> bytes | None:
        row = self._run(
            "SELECT body FROM events WHERE chat_key = ? AND offset = ?", (chat.key, offset)
        ).fetchone()
        return None if row is None else bytes(row[0])

    def replace(self, chat: ChatRow, offset: int, wire: bytes) -> None:
        self._run(
            "UPDATE events SET type = ?, body = ? WHERE chat_key = ? AND offset = ?",
            (decode_event(wire).type, wire, chat.key, offset),
        )
        self._run("DELETE FROM blob_refs WHERE chat_key = ? AND offset = ?", (chat.key, offset))

    # -- tasks

    def task(self, task_id: str) -> TaskRow | None:
        if (row := self._tasks.get(task_id)) is not None:
            return row
        found = self._run("SELECT body FROM tasks WHERE task_id = ?", (task_id,)).fetchone()
        return None if found is None else self._remember(self._tasks, task_id, task_from(found[0]))

    def statuses(self, chat: ChatRow, task_id: str) -> list[int]:
        found = self._run(
            "SELECT offset FROM events WHERE chat_key = ? AND task_id = ? AND type = 'status'"
            " ORDER BY offset",
            (chat.key, task_id),
        )
        return [offset for (offset,) in found]

    def save_task(self, chat: ChatRow, row: TaskRow) -> None:
        self._tasks.pop(row.task_id, None)
        self._run(
            "INSERT INTO tasks (task_id, chat_key, state, runner, rev, body)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (task_id) DO UPDATE SET"
            " state = excluded.state, runner = excluded.runner, rev = excluded.rev,"
            " body = excluded.body",
            (row.task_id, chat.key, row.state, row.runner, chat.head, encode_row(row)),
        )

    def active_tasks(self, chat: ChatRow) -> list[TaskRow]:
        rows = self._run(
            f"SELECT body FROM tasks WHERE chat_key = ? AND {ACTIVE_SQL} ORDER BY seq", (chat.key,)
        )
        return [task_from(body) for (body,) in rows.fetchall()]

    def tasks_of_runner(self, runner: str) -> list[TaskRow]:
        rows = self._run(
            f"SELECT body FROM tasks WHERE runner = ? AND {ACTIVE_SQL} ORDER BY seq", (runner,)
        )
        return [task_from(body) for (body,) in rows.fetchall()]

    def end_task(self, chat: ChatRow, task_id: str) -> None:
        self._run("DELETE FROM kept_ids WHERE chat_key = ? AND task_id = ?", (chat.key, task_id))

    # -- questions

    def open_question(self, chat: ChatRow, task_id: str, question_id: str) -> None:
        self._run(
            "INSERT OR IGNORE INTO questions VALUES (?, ?, ?)", (chat.key, task_id, question_id)
        )

    def close_questions(self, chat: ChatRow, task_id: str, question_id: str | None) -> None:
        self._run(
            "DELETE FROM questions WHERE chat_key = ?1 AND task_id = ?2"
            " AND (?3 IS NULL OR question_id = ?3)",
            (chat.key, task_id, question_id),
        )

    def has_question(self, chat: ChatRow, task_id: str, question_id: str) -> bool:
        found = self._run(
            "SELECT 1 FROM questions WHERE chat_key = ? AND task_id = ? AND question_id = ?",
            (chat.key, task_id, question_id),
        )
        return found.fetchone() is not None

    # -- commands

    def pending(self, task_id: str) -> list[CommandRow]:
        rows = self._run(
            "SELECT body FROM commands WHERE task_id = ? AND outcome = 'accepted' ORDER BY seq",
            (task_id,),
        )
        return [command_from(body) for (body,) in rows.fetchall()]

    def command(self, key: str) -> CommandState | None:
        row = self._run(
            "SELECT body, digest, outcome FROM commands WHERE key = ?", (key,)
        ).fetchone()
        return None if row is None else CommandState(command_from(row[0]), row[1], row[2])

    def add_command(self, chat: ChatRow, state: CommandState) -> None:
        row = state.row if state.outcome == "accepted" else _emptied(state.row)
        self._run(
            "INSERT INTO commands (key, chat_key, task_id, offset, outcome, digest, body)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                row.key,
                chat.key,
                row.task_id,
                row.offset,
                state.outcome,
                state.digest,
                encode_row(row),
            ),
        )

    def end_command(self, key: str, outcome: str) -> None:
        self._empty("key = ?", (key,))
        self._run("UPDATE commands SET outcome = ? WHERE key = ?", (outcome, key))

    def scrub_commands(self, chat: ChatRow, offsets: Sequence[int]) -> None:
        for offset in offsets:
            self._empty("chat_key = ? AND offset = ?", (chat.key, offset))

    def _empty(self, where: str, values: tuple[Any, ...]) -> None:
        found = self._run(f"SELECT seq, body FROM commands WHERE {where}", values).fetchall()
        for seq, body in found:
            body = encode_row(_emptied(command_from(body)))
            self._run("UPDATE commands SET body = ? WHERE seq = ?", (body, seq))

    # -- runners

    def forget_runner(self, runner_id: str) -> None:
        self._run("DELETE FROM runners WHERE runner_id = ?", (runner_id,))

    # -- schedules

    def schedule(self, schedule_id: str) -> ScheduleRow | None:
        row = self._run(
            "SELECT body FROM schedules WHERE schedule_id = ?", (schedule_id,)
        ).fetchone()
        return None if row is None else schedule_from(row[0])

    def save_schedule(self, row: ScheduleRow) -> None:
        self._run(
            "INSERT INTO schedules (schedule_id, chat_id, body) VALUES (?, ?, ?)"
            " ON CONFLICT (schedule_id) DO UPDATE SET body = excluded.body",
            (row.schedule_id, row.chat_id, encode_row(row)),
        )

    def drop_schedules(self, schedule_id: str | None, chat_id: str | None = None) -> None:
        self._run(
            "DELETE FROM schedules WHERE schedule_id = ? OR chat_id = ?", (schedule_id, chat_id)
        )

    # -- folds and blobs

    def base(self, chat: ChatRow) -> StoredFold | None:
        row = self._run(
            "SELECT offset, version, state FROM folds WHERE chat_key = ? AND kind = ?",
            (chat.key, BASE),
        ).fetchone()
        return None if row is None else StoredFold(*row)

    def save_base(self, chat: ChatRow, fold: StoredFold) -> None:
        self._run("INSERT OR REPLACE INTO folds VALUES (?, ?, ?, ?, ?)", (chat.key, BASE, *fold))

    def cut(self, chat: ChatRow, before: int) -> list[bytes]:
        key = chat.key
        rows = self._run(
            "SELECT offset, id, task_id, body, type FROM events"
            " WHERE chat_key = ? AND offset < ? ORDER BY offset",
            (key, before),
        ).fetchall()
        active = {it.task_id for it in self.active_tasks(chat)}
        kept = [
            (
                key,
                id_,
                offset,
                None if type_ == REDACTED else content_digest(without_offset(body)),
                task_id,
            )
            for offset, id_, task_id, body, type_ in rows
            if task_id in active
        ]
        self._connection.executemany("INSERT OR REPLACE INTO kept_ids VALUES (?, ?, ?, ?, ?)", kept)
        if rows:
            self._run(
                "UPDATE chats SET updated = ? WHERE key = ?", (decode_event(rows[-1][3]).time, key)
            )
        self._run("DELETE FROM events WHERE chat_key = ? AND offset < ?", (key, before))
        self._run("DELETE FROM blob_refs WHERE chat_key = ? AND offset < ?", (key, before))
        return [row[3] for row in rows]

    def drop_checkpoint(self, chat: ChatRow) -> None:
        self._run("DELETE FROM folds WHERE chat_key = ? AND kind = ?", (chat.key, CHECKPOINT))

    def drop_unused_blobs(self, chat: ChatRow, sha256s: Iterable[str]) -> None:
        wanted = set(sha256s)
        if not wanted:
            return
        base = self.base(chat)
        for sha256 in wanted - (blobs_in(base.state) if base else set()):
            self._run(
                "DELETE FROM blobs WHERE chat_id = ?1 AND sha256 = ?2 AND NOT EXISTS"
                " (SELECT 1 FROM blob_refs WHERE chat_key = ?3 AND sha256 = ?2)",
                (chat.chat_id, sha256, chat.key),
            )


def _emptied(row: CommandRow) -> CommandRow:
    return msgspec.structs.replace(row, command=msgspec.structs.replace(row.command, args={}))

"""What the SQLite log reads; each call is one short read transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from sparky_nb.errors import NotFound
from sparky_nb.events.codec import decode_event
from sparky_nb.events.fold import FOLD_VERSION
from sparky_nb.ids import INDEX_CHAT, check_chat_id
from sparky_nb.log.base import (
    BATCH_EVENTS,
    ChatInfo,
    CommandRow,
    Log,
    Page,
    Position,
    RunnerRow,
    ScheduleRow,
    TaskRow,
)
from sparky_nb.log.reading import (
    chat_info,
    check_read,
    check_tasks,
    one_schedule,
    one_task,
    take,
)
from sparky_nb.log.records import ChatRow, StoredFold
from sparky_nb.log.sqlite.connection import Connections
from sparky_nb.log.sqlite.records import (
    ACTIVE_SQL,
    BASE,
    CHAT_COLUMNS,
    CHECKPOINT,
    HEAD,
    chat_from,
    command_from,
    schedule_from,
    task_from,
)

_CHAT: Final = f"SELECT {CHAT_COLUMNS} FROM chats WHERE chat_id = ? AND deleted = 0"
_LIVING: Final = "chat_key IN (SELECT key FROM chats WHERE deleted = 0)"
CHUNK: Final = 64
_BODIES: Final = (
    "SELECT body FROM events WHERE chat_key = ? AND offset >= ? AND offset < ? ORDER BY offset"
)
_JOINED: Final = f"SELECT count(*), CAST(group_concat(body, char(10)) AS BLOB) FROM ({_BODIES})"
_runner: Final = msgspec.json.Decoder(RunnerRow).decode


class SqliteReads(Log):
    """The reading half of ``SqliteLog``."""

    _files: Connections

    def position(self, chat_id: str) -> Position:
        check_chat_id(chat_id, system=True)
        with self._files.reading() as connection:
            return _chat(connection, chat_id).position()

    def read(
        self,
        chat_id: str,
        *,
        after: int = 0,
        limit: int = BATCH_EVENTS,
        max_bytes: int | None = None,
    ) -> Page:
        check_read(chat_id, "after", after, limit)
        with self._files.reading() as connection:
            chat = _chat(connection, chat_id)
            first = max(after + 1, chat.earliest)
            rows = _events(connection, chat, first, first + limit)
            return _page(chat, first, take(rows, max_bytes))

    def read_before(self, chat_id: str, *, before: int, limit: int = BATCH_EVENTS) -> Page:
        check_read(chat_id, "before", before, limit)
        with self._files.reading() as connection:
            chat = _chat(connection, chat_id)
            end = min(before, chat.head + 1)
            first = max(chat.earliest, end - limit)
            return _page(chat, first, list(_events(connection, chat, first, end)))

    def chats(self) -> list[ChatInfo]:
        with self._files.reading() as connection:
            found = connection.execute(
                f"SELECT {CHAT_COLUMNS} FROM chats WHERE deleted = 0 AND chat_id != ?",
                (INDEX_CHAT,),
            ).fetchall()
            rows = [_updated(connection, chat_from(row)) for row in found]
            counted: dict[int, dict[str, int]] = {}
            for key, state, number in connection.execute(
                "SELECT chat_key, state, count(*) FROM tasks GROUP BY chat_key, state"
            ):
                counted.setdefault(key, {})[state] = number
        rows.sort(key=lambda it: (it.updated, it.key), reverse=True)
        return [chat_info(it, counted.get(it.key, {})) for it in rows]

    def chat(self, chat_id: str) -> ChatInfo:
        check_chat_id(chat_id, system=True)
        with self._files.reading() as connection:
            chat = _updated(connection, _chat(connection, chat_id))
            tasks = connection.execute(
                "SELECT state, count(*) FROM tasks WHERE chat_key = ? GROUP BY state", (chat.key,)
            ).fetchall()
        return chat_info(chat, dict(tasks))

    def _living(self) -> list[ChatRow]:
        with self._files.reading() as connection:
            rows = connection.execute(f"SELECT {CHAT_COLUMNS} FROM chats WHERE deleted = 0")
            return [chat_from(row) for row in rows]

    # -- tasks and commands

    def task(self, task_id: str) -> TaskRow:
        # A range instead of LIKE, which would read _ and % as patterns.
        with self._files.reading() as connection:
            rows = connection.execute(
                f"SELECT body FROM tasks WHERE task_id >= ?1 AND task_id < ?1 || char(1114111)"
                f" AND {_LIVING} ORDER BY task_id LIMIT 2",
                (task_id,),
            ).fetchall()
        return one_task(task_id, [task_from(body) for (body,) in rows])

    def tasks(
        self,
        *,
        chat_id: str | None = None,
        states: Sequence[str] | None = None,
        runner: str | None = None,
        limit: int = 100,
    ) -> list[TaskRow]:
        check_tasks(states, limit)
        where, values = [_LIVING], list[Any]()
        if chat_id is not None:
            where.append("chat_key = (SELECT key FROM chats WHERE chat_id = ? AND deleted = 0)")
            values.append(chat_id)
        if states is not None:
            where.append(f"state IN ({', '.join('?' * len(states))})")
            values += states
        if runner is not None:
            where.append("runner = ?")
            values.append(runner)
        with self._files.reading() as connection:
            rows = connection.execute(
                f"SELECT body FROM tasks WHERE {' AND '.join(where)} ORDER BY seq DESC LIMIT ?",
                (*values, limit),
            ).fetchall()
        return [task_from(body) for (body,) in rows]

    def pending_commands(self, runner: str) -> list[CommandRow]:
        with self._files.reading() as connection:
            rows = connection.execute(
                "SELECT commands.body FROM tasks JOIN commands USING (task_id)"
                f" WHERE tasks.runner = ? AND {ACTIVE_SQL} AND outcome = 'accepted'"
                " ORDER BY commands.seq",
                (runner,),
            ).fetchall()
        return [command_from(body) for (body,) in rows]

    def runners(self) -> list[RunnerRow]:
        with self._files.reading() as connection:
            rows = connection.execute("SELECT version, body FROM runners ORDER BY rowid").fetchall()
        return [msgspec.structs.replace(_runner(body), version=version) for version, body in rows]

    def schedule(self, schedule_id: str) -> ScheduleRow:
        with self._files.reading() as connection:
            rows = connection.execute(
                "SELECT body FROM schedules WHERE schedule_id >= ?1"
                " AND schedule_id < ?1 || char(1114111) ORDER BY schedule_id LIMIT 2",
                (schedule_id,),
            ).fetchall()
        return one_schedule(schedule_id, [schedule_from(body) for (body,) in rows])

    def schedules(self, *, chat_id: str | None = None) -> list[ScheduleRow]:
        with self._files.reading() as connection:
            rows = connection.execute(
                "SELECT body FROM schedules WHERE ?1 IS NULL OR chat_id = ?1 ORDER BY seq",
                (chat_id,),
            ).fetchall()
        return [schedule_from(body) for (body,) in rows]

    # -- folds

    def _fold_start(
        self, chat_id: str, after: int | None
    ) -> tuple[ChatRow, StoredFold | None] | None:
        check_chat_id(chat_id, system=True)
        with self._files.reading() as connection:
            row = connection.execute(_CHAT, (chat_id,)).fetchone()
            if row is None:
                return None
            chat = chat_from(row)
            if after is not None:
                return chat, None
            folds = connection.execute(
                "SELECT kind, offset, version, state FROM folds WHERE chat_key = ?"
                " ORDER BY offset DESC",
                (chat.key,),
            ).fetchall()
        for kind, offset, version, state in folds:
            if kind == BASE or (version == FOLD_VERSION and offset >= chat.earliest - 1):
                return chat, StoredFold(offset, version, state)
        return chat, None

    def _wires(self, chat: ChatRow, after: int, limit: int) -> Sequence[bytes]:
        with self._files.reading() as connection:
            return list(_events(connection, chat, after + 1, after + 1 + limit))

    def _cold_chats(self, events: int) -> list[str]:
        """Chats with at least ``events`` events after whatever fold was put by."""
        with self._files.reading() as connection:
            rows = connection.execute(
                "SELECT chat_id FROM chats WHERE deleted = 0"
                f" AND {HEAD} - ? >= coalesce("
                "(SELECT max(offset) FROM folds WHERE chat_key = key"
                f" AND (kind = '{BASE}' OR (kind = '{CHECKPOINT}' AND version = ?))), 0)",
                (events, FOLD_VERSION),
            ).fetchall()
        return [chat_id for (chat_id,) in rows]


def _chat(connection: sqlite3.Connection, chat_id: str) -> ChatRow:
    row = connection.execute(_CHAT, (chat_id,)).fetchone()
    if row is None:
        raise NotFound("chat", chat_id)
    return chat_from(row)


def _updated(connection: sqlite3.Connection, chat: ChatRow) -> ChatRow:
    """With the time of its last event; the row itself has that of the last one that was trimmed."""
    last = connection.execute(
        "SELECT body FROM events WHERE chat_key = ? ORDER BY offset DESC LIMIT 1", (chat.key,)
    ).fetchone()
    if last is None:
        return chat
    return msgspec.structs.replace(chat, updated=decode_event(last[0]).time)


def _events(connection: sqlite3.Connection, chat: ChatRow, first: int, end: int) -> Iterator[bytes]:
    """The bytes of the events from ``first`` until before ``end``, in order.

    SQLite joins them, a chunk at a time: a step of a query lets go of the interpreter's lock, and a
    step for each event makes readers that run side by side wait for each other most of the time.
    """
    for start in range(first, min(end, chat.head + 1), CHUNK):
        row = (chat.key, start, min(start + CHUNK, end))
        count, joined = connection.execute(_JOINED, row).fetchone()
        wires = joined.split(b"\n") if count else []
        if len(wires) != count:  # JSON has no bare line feed, unless another program wrote it
            wires = [body for (body,) in connection.execute(_BODIES, row)]
        yield from wires


def _page(chat: ChatRow, first: int, wires: list[bytes]) -> Page:
    return Page(
        epoch=chat.epoch,
        earliest=chat.earliest,
        head=chat.head,
        first=first if wires else chat.head + 1,
        events=tuple(wires),
    )

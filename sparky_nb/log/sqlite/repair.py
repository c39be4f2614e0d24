"""Mending what ``verify`` found, one problem in one transaction."""

from __future__ import annotations

import sqlite3
from typing import Any

from sparky_nb.errors import SparkyError
from sparky_nb.events.codec import decode_event
from sparky_nb.events.model import NewEvent
from sparky_nb.log.base import Fence, Problem, TaskRow
from sparky_nb.log.rules import apply_event
from sparky_nb.log.sqlite.records import CHAT_COLUMNS, chat_from, encode_row
from sparky_nb.log.sqlite.recovery import new_lives
from sparky_nb.log.verify import CUT


def mend(connection: sqlite3.Connection, problem: Problem) -> None:
    """Mend ``problem``, if it is still there."""
    row = connection.execute(
        f"SELECT {CHAT_COLUMNS} FROM chats WHERE chat_id = ? AND deleted = 0", (problem.chat_id,)
    ).fetchone()
    if row is None or problem.offset is None:
        return
    key = row[0]
    if problem.mend == CUT:
        _cut(connection, key, problem.offset)
    else:
        _make_row(connection, row, problem.offset)


def _cut(connection: sqlite3.Connection, key: int, hole: int) -> None:
    """End the chat before ``hole``: what comes after can never be reached in order."""
    there = connection.execute(
        "SELECT 1 FROM events WHERE chat_key = ? AND offset = ?", (key, hole)
    ).fetchone()
    if there is not None:
        return
    tasks = connection.execute(
        "SELECT DISTINCT task_id FROM events WHERE chat_key = ? AND offset > ? AND type = 'status'",
        (key, hole),
    ).fetchall()
    connection.execute("DELETE FROM events WHERE chat_key = ? AND offset > ?", (key, hole))
    connection.execute("DELETE FROM blob_refs WHERE chat_key = ? AND offset > ?", (key, hole))
    connection.execute("DELETE FROM folds WHERE chat_key = ? AND offset >= ?", (key, hole))
    connection.execute(
        "UPDATE chats SET synced_head = min(synced_head, ?) WHERE key = ?", (hole - 1, key)
    )
    new_lives(connection, "key = ?", (key,))
    row = connection.execute(f"SELECT {CHAT_COLUMNS} FROM chats WHERE key = ?", (key,)).fetchone()
    for (task_id,) in tasks:
        _row_from_events(connection, row, task_id)


def _make_row(connection: sqlite3.Connection, chat: Any, offset: int) -> None:
    wire = connection.execute(
        "SELECT body FROM events WHERE chat_key = ? AND offset = ?", (chat[0], offset)
    ).fetchone()
    if wire is not None and (task_id := decode_event(wire[0]).task_id) is not None:
        _row_from_events(connection, chat, task_id)


def _row_from_events(connection: sqlite3.Connection, chat: Any, task_id: str) -> None:
    """The row of a task as its kept events tell it."""
    info = chat_from(chat)
    wires = connection.execute(
        "SELECT body FROM events WHERE chat_key = ? AND task_id = ? AND type = 'status'"
        " ORDER BY offset",
        (info.key, task_id),
    ).fetchall()
    row = _fold(info.chat_id, info.epoch, [wire for (wire,) in wires])
    connection.execute("DELETE FROM tasks WHERE task_id = ?", (task_id,))
    if row is not None:
        connection.execute(
            "INSERT INTO tasks (task_id, chat_key, state, runner, rev, body)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (task_id, info.key, row.state, row.runner, info.head, encode_row(row)),
        )


def _fold(chat_id: str, epoch: str, wires: list[bytes]) -> TaskRow | None:
    row: TaskRow | None = None
    for wire in wires:
        event = decode_event(wire)
        new = NewEvent(
            **{f: getattr(event, f) for f in ("id", "type", "time", "task_id", "actor", "data")}
        )
        attempt = event.data.get("attempt", 1)
        runner = event.data.get("runner") or (row.runner if row else None) or ""
        fence = Fence(task_id=str(event.task_id), attempt=attempt, runner=runner)
        if event.actor == "system" and event.data.get("runner") is None:
            fence_or_none = None
        else:
            fence_or_none = fence
        try:
            row = apply_event(
                row, new, fence=fence_or_none, chat_id=chat_id, epoch=epoch, offset=event.offset
            )
        except SparkyError:  # a move that is illegal now: the row keeps what was legal
            continue
    return row

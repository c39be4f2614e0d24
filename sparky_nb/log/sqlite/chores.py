"""Work that must not run in a task's thread: checkpoints, and what deletions leave behind."""

from __future__ import annotations

import sqlite3
from typing import Final

from sparky_nb.clock import Clock
from sparky_nb.log.sqlite.place import Place
from sparky_nb.log.sqlite.recovery import sync_heads

WAL_MAX: Final = 8 << 20
SLICE: Final = 1000
_LEFT: Final = "SELECT key FROM chats WHERE deleted = 1 AND scrubs >= 0"
_OF_A_CHAT: Final = (
    ("events", "chat_key, offset"),
    ("kept_ids", "chat_key, id"),
    ("blob_refs", "chat_key, sha256, offset"),
    ("questions", "chat_key, task_id, question_id"),
    ("tasks", "seq"),
    ("commands", "seq"),
    ("folds", "rowid"),
)


def checkpoint(connection: sqlite3.Connection, place: Place, clock: Clock | None = None) -> bool:
    """Merge the WAL into the file and empty it; whether this call did.

    Never two at once (a rare corruption in SQLite 3.7.0 to 3.51.2): under the place's lock, which
    is taken without waiting unless there is a ``clock`` to wait by. Most of it is done while others
    go on writing.
    """
    with place.lock_if_free() if clock is None else place.locked(clock) as held:
        if held is False:
            return False
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        connection.execute(f"PRAGMA busy_timeout = {200 if clock is None else 10_000}")
        busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        connection.execute("PRAGMA busy_timeout = 10000")
        if not busy:
            sync_heads(connection, place)
        return not busy


def has_leftovers(connection: sqlite3.Connection) -> bool:
    """Whether ``purge_slice`` has something to do."""
    return connection.execute(f"{_LEFT} LIMIT 1").fetchone() is not None


def purge_slice(connection: sqlite3.Connection) -> bool:
    """Inside a transaction: remove up to ``SLICE`` rows of a deleted chat; False: none is left."""
    found = connection.execute(f"{_LEFT} LIMIT 1").fetchone()
    if found is None:
        return False
    for table, key in _OF_A_CHAT:
        gone = connection.execute(
            f"DELETE FROM {table} WHERE ({key}) IN"
            f" (SELECT {key} FROM {table} WHERE chat_key = ? LIMIT {SLICE})",
            found,
        ).rowcount
        if gone:
            return True
    connection.execute("UPDATE chats SET scrubs = -1 WHERE key = ?", found)
    return True

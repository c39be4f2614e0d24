"""The tables, and how an older file becomes a newer one.

``user_version`` counts the migrations that a file has had; each runs in the transaction that
records it, so a file is never between two versions.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from sparky_nb.errors import LogRefused

APPLICATION_ID: Final = 0x53706B79
"""``Spky``; ``file log.db`` shows it."""

_TABLES: Final = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID",
    # One row for each life of a chat; a deleted one keeps its name and its last epoch.
    # A chat's head is not here but in its events (records.HEAD): an append need not write this row.
    # synced_head: as far as is known to have reached the disk (recovery.py).
    """CREATE TABLE chats (
        key INTEGER PRIMARY KEY,
        chat_id TEXT NOT NULL,
        epoch TEXT NOT NULL,
        earliest INTEGER NOT NULL,
        synced_head INTEGER NOT NULL,
        title TEXT,
        owner TEXT,
        created INTEGER NOT NULL,
        updated INTEGER NOT NULL,
        scrubs INTEGER NOT NULL,
        lineage TEXT NOT NULL,
        deleted INTEGER NOT NULL DEFAULT 0
    )""",
    "CREATE UNIQUE INDEX chats_living ON chats (chat_id) WHERE deleted = 0",
    "CREATE INDEX chats_gone ON chats (key) WHERE deleted = 1",
    # body: the wire bytes, as they are sent.
    """CREATE TABLE events (
        chat_key INTEGER NOT NULL,
        offset INTEGER NOT NULL,
        id TEXT NOT NULL,
        type TEXT NOT NULL,
        task_id TEXT,
        body BLOB NOT NULL,
        PRIMARY KEY (chat_key, offset),
        UNIQUE (chat_key, id)
    ) WITHOUT ROWID""",
    "CREATE INDEX events_status ON events (chat_key, task_id) WHERE type = 'status'",
    # Ids of trimmed events whose task may still repeat them.
    """CREATE TABLE kept_ids (
        chat_key INTEGER NOT NULL,
        id TEXT NOT NULL,
        offset INTEGER NOT NULL,
        digest BLOB,
        task_id TEXT NOT NULL,
        PRIMARY KEY (chat_key, id)
    ) WITHOUT ROWID""",
    "CREATE INDEX kept_ids_task ON kept_ids (chat_key, task_id)",
    # rev: the chat's head when the row was written. Nothing reads it, and yet it stays: a kernel
    # that runs on while its package is upgraded names it in its INSERT, so without the column it
    # could store nothing of its tasks any more; and SQLite before 3.35, which some systems' Pythons
    # have, can't drop it.
    """CREATE TABLE tasks (
        seq INTEGER PRIMARY KEY,
        task_id TEXT NOT NULL UNIQUE,
        chat_key INTEGER NOT NULL,
        state TEXT NOT NULL,
        runner TEXT,
        rev INTEGER NOT NULL,
        body BLOB NOT NULL
    )""",
    "CREATE INDEX tasks_chat ON tasks (chat_key, state)",
    """CREATE INDEX tasks_runner ON tasks (runner)
        WHERE state IN ('queued', 'running', 'waiting')""",
    """CREATE TABLE commands (
        seq INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        chat_key INTEGER NOT NULL,
        task_id TEXT NOT NULL,
        offset INTEGER NOT NULL,
        outcome TEXT NOT NULL,
        digest BLOB NOT NULL,
        body BLOB NOT NULL
    )""",
    "CREATE INDEX commands_pending ON commands (task_id) WHERE outcome = 'accepted'",
    "CREATE INDEX commands_chat ON commands (chat_key, offset)",
    """CREATE TABLE questions (
        chat_key INTEGER NOT NULL,
        task_id TEXT NOT NULL,
        question_id TEXT NOT NULL,
        PRIMARY KEY (chat_key, task_id, question_id)
    ) WITHOUT ROWID""",
    "CREATE TABLE runners (runner_id TEXT PRIMARY KEY, version INTEGER NOT NULL, body BLOB)",
    """CREATE TABLE folds (
        chat_key INTEGER NOT NULL,
        kind TEXT NOT NULL,
        offset INTEGER NOT NULL,
        version INTEGER NOT NULL,
        state BLOB NOT NULL,
        PRIMARY KEY (chat_key, kind)
    )""",
    # By name, not by key: a blob is put before the event that refers to it.
    """CREATE TABLE blobs (
        chat_id TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        media_type TEXT NOT NULL,
        data BLOB NOT NULL,
        PRIMARY KEY (chat_id, sha256)
    )""",
    """CREATE TABLE blob_refs (
        chat_key INTEGER NOT NULL,
        sha256 TEXT NOT NULL,
        offset INTEGER NOT NULL,
        PRIMARY KEY (chat_key, sha256, offset)
    ) WITHOUT ROWID""",
    "CREATE INDEX blob_refs_offset ON blob_refs (chat_key, offset)",
)

_SCHEDULES: Final = (
    """CREATE TABLE schedules (
        seq INTEGER PRIMARY KEY,
        schedule_id TEXT NOT NULL UNIQUE,
        chat_id TEXT NOT NULL,
        body BLOB NOT NULL
    )""",
)

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (_TABLES, _SCHEDULES)
"""``MIGRATIONS[n]`` makes version n + 1 of version n. Never change one that was released."""

VERSION: Final = len(MIGRATIONS)


def check(connection: sqlite3.Connection, path: str) -> int:
    """The version of the file, 0 where it is empty; nothing is written.

    Raises:
        LogRefused: a file of another program, or of a newer sparky_nb.
    """
    application: int = connection.execute("PRAGMA application_id").fetchone()[0]
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if application == 0 and version == 0:
        tables: int = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        if tables == 0:
            return 0
    if application != APPLICATION_ID:
        raise LogRefused(f"{path} is a database of another program; it was left as it is")
    if version > VERSION:
        raise LogRefused(
            f"{path} was written by a newer sparky_nb (schema {version}, this one knows "
            f"{VERSION}); it was left as it is: upgrade sparky_nb"
        )
    return version


def migrate(connection: sqlite3.Connection, path: str) -> None:
    """Bring the file to ``VERSION``, one transaction for each step."""
    while check(connection, path) < VERSION:
        connection.execute("BEGIN IMMEDIATE")
        try:
            version = check(connection, path)  # another process may have been first
            if version < VERSION:
                for statement in MIGRATIONS[version]:
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {version + 1}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise

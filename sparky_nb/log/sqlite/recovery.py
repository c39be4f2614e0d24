"""Which epochs are still true when a log is opened (protocol.md §4).

**After a machine crash.** Commits in WAL mode are not fsynced, so the machine's crash takes back
the newest ones, all after some point. Each chat keeps ``synced_head``; the first append to a chat
whose ``synced_head`` is its head is fsynced, the others are not, and ``sync_heads`` (at a
checkpoint and a clean close) sets ``synced_head = head`` in an fsynced commit. So whatever a crash
leaves, ``head == synced_head`` proves that the chat lost nothing; ``head > synced_head``: perhaps.
The first opener under another boot id gives the latter a new epoch, whose lineage says that the
offsets up to the recovered head are those of the old one.

**After a restore.** Each opening puts a random *stamp* into the log and, before it, into a small
file beside it, with the number of events that the log had. A log whose stamp is not in that file,
or that has fewer events, or that lies in another place, is an older copy: all its chats get new
epochs. Where that was needless it costs nothing, as the lineage lets every cursor go on.
"""

from __future__ import annotations

import sqlite3
from typing import Final

import msgspec

from sparky_nb.ids import new_epoch
from sparky_nb.log.base import Ancestor
from sparky_nb.log.sqlite.place import Place, Seen
from sparky_nb.log.sqlite.records import (
    ACTIVE_SQL,
    CHAT_COLUMNS,
    HEAD,
    chat_from,
    encode_row,
    task_from,
)

LINEAGE_MAX: Final = 20
_SYNCED: Final = f"UPDATE chats SET synced_head = {HEAD} WHERE deleted = 0 AND {HEAD} > synced_head"
COPY: Final = "copy"
"""The stamp of a backup: no place has seen it."""


def settle(connection: sqlite3.Connection, place: Place, boot: str) -> tuple[str, str]:
    """Decide which epochs are still true, before anything is read.

    Returns the ``log_id`` and what only this opening has put into the log, as ``opening``.

    Its caller holds the place's lock, and commits on ``connection`` are fsynced.
    """
    seen = place.read_seen()
    connection.execute("BEGIN IMMEDIATE")
    try:
        meta = dict(connection.execute("SELECT key, value FROM meta").fetchall())
        log_id = meta.get("log_id") or new_epoch()
        stamp, total = meta.get("stamp"), total_events(connection)
        if _restored(stamp, total, log_id, seen):
            new_lives(connection, "deleted = 0")
        elif meta.get("boot_id", boot) != boot:
            new_lives(connection, f"deleted = 0 AND {HEAD} > synced_head")
        connection.execute(_SYNCED)
        put = "INSERT OR REPLACE INTO meta VALUES (?, ?)"
        connection.execute(put, ("log_id", log_id))
        connection.execute(put, ("boot_id", boot))
        fresh = new_epoch()
        known = (fresh,) if stamp in (None, COPY) else (stamp, fresh)
        if place.write_seen(Seen(log_id=log_id, total=total, stamps=known)):
            connection.execute(put, ("stamp", fresh))
        connection.execute(put, ("opening", fresh))
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    return log_id, fresh


def sync_heads(connection: sqlite3.Connection, place: Place) -> None:
    """Say that everything so far is on the disk; the commit that says it is fsynced."""
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(_SYNCED)
        meta = dict(connection.execute("SELECT key, value FROM meta").fetchall())
        total = total_events(connection)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    seen = place.read_seen()
    if seen is not None and seen.log_id == meta["log_id"] and meta["stamp"] in seen.stamps:
        place.write_seen(Seen(log_id=seen.log_id, total=total, stamps=seen.stamps))


def see(connection: sqlite3.Connection, place: Place) -> None:
    """Vouch for the log that is being put to ``place``: it is no older copy."""
    meta = dict(connection.execute("SELECT key, value FROM meta").fetchall())
    seen = Seen(
        log_id=meta["log_id"], total=total_events(connection), stamps=(meta.get("stamp", ""),)
    )
    place.write_seen(seen)


def mark_copy(connection: sqlite3.Connection) -> None:
    """Make whoever opens this backup as a live log give its chats new epochs."""
    connection.execute("UPDATE meta SET value = ? WHERE key = 'stamp'", (COPY,))


def total_events(connection: sqlite3.Connection) -> int:
    """How many events were ever stored, deleted chats included."""
    sql = f"SELECT coalesce(sum(iif(deleted, earliest - 1, {HEAD})), 0) FROM chats"
    total: int = connection.execute(sql).fetchone()[0]
    return total


def _restored(stamp: str | None, total: int, log_id: str, seen: Seen | None) -> bool:
    if stamp is None:
        return False
    if seen is None or seen.log_id != log_id:
        return True
    return stamp not in seen.stamps or total < seen.total


def new_lives(connection: sqlite3.Connection, where: str, values: tuple[object, ...] = ()) -> None:
    """New epochs for the chats in question; what they hold now is what is true."""
    rows = connection.execute(f"SELECT {CHAT_COLUMNS} FROM chats WHERE {where}", values).fetchall()
    for chat in map(chat_from, rows):
        epoch = new_epoch()
        older = [
            Ancestor(epoch=it.epoch, valid_to=min(it.valid_to, chat.head)) for it in chat.lineage
        ]
        lineage = [Ancestor(epoch=chat.epoch, valid_to=chat.head), *older][:LINEAGE_MAX]
        connection.execute(
            "UPDATE chats SET epoch = ?, lineage = ? WHERE key = ?",
            (epoch, msgspec.json.encode(lineage).decode(), chat.key),
        )
        # The tasks live on in the new life, so that they can be declared lost there; a runner
        # that still says which life it began in is fenced.
        tasks = connection.execute(
            f"SELECT seq, body FROM tasks WHERE chat_key = ? AND {ACTIVE_SQL}", (chat.key,)
        ).fetchall()
        for seq, body in tasks:
            row = msgspec.structs.replace(task_from(body), epoch=epoch)
            connection.execute("UPDATE tasks SET body = ? WHERE seq = ?", (encode_row(row), seq))

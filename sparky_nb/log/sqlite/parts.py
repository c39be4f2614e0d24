"""A log in WAL mode is three files: ``log.db``, its ``-wal`` and the ``-shm`` that all share.

Whoever opens ``log.db`` while others have it open, but finds the other two deleted, would make new
ones: two groups of processes would write to one database and know nothing of each other. So nobody
opens such a log. Those who have it open put it back whole, as another file, when they next look.
"""

from __future__ import annotations

import contextlib
import sqlite3

from sparky_nb.log.sqlite.place import MovedError, Place

_TAKEN = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def check_parts(place: Place) -> None:
    """Let nobody open a log of which others still have files that are no longer there.

    Its caller holds the place's lock.

    Raises:
        MovedError: as above; they have not put it back yet.
    """
    if None not in place.parts() or not place.identity():
        return
    if _is_open_elsewhere(place):
        raise MovedError(
            "its -wal or -shm file was deleted, and a process that has it open has not put it back"
        )


def _is_open_elsewhere(place: Place) -> bool:
    uri = place.path.as_uri() + "?mode=rw"
    try:
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=0)) as alone:
            # In this mode a reader of a WAL database takes the file for itself, or finds that it
            # can't, and uses no -shm. Any other database it only reads.
            alone.execute("PRAGMA locking_mode = EXCLUSIVE")
            alone.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.Error as error:
        # Whatever else is wrong is said by who opens it.
        return getattr(error, "sqlite_errorcode", 0) & 0xFF in _TAKEN
    return False

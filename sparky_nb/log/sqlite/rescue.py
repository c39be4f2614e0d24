"""A log that was deleted or replaced while it was open: what its connections hold is not lost."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from sparky_nb.errors import LogUnavailable
from sparky_nb.log.sqlite.place import Identity, Place
from sparky_nb.log.sqlite.recovery import mark_copy, see, total_events

_SUPERSEDED = "superseded"
"""Set in a deleted file once its content was put back: whoever still has it open has an older
state than whoever put it back, and lets them go first should it be deleted again."""


def give_way(
    writer: sqlite3.Connection,
    spare: sqlite3.Connection,
    place: Place,
    wal: Identity,
    log_id: str,
    *,
    newest: bool,
) -> None:
    """Make the path whole: the file that ``writer`` and ``spare`` have open is no longer there.

    - Nothing is there, or a log in which nothing happened yet (made by who found nothing): put ours
      back.
    - Another state of this log (a backup was restored): it is what counts from now on.
    - Another log in which something happened: ours is put beside it, as ``log.db-rescued-<id>``.

    Its caller holds the place's lock.

    Args:
        wal: which -wal belongs to ``writer``.
        newest: there can't be anybody with a newer state (see ``is_superseded``).

    Raises:
        LogUnavailable: somebody else has to put it back first.
    """
    if wal is not None and place.wal_identity() == wal:
        place.remove_wal()  # ours: it must not meet the file that is there now
    mine = total_events(writer)
    found = None if place.identity() is None else _look(place)
    if found is not None and (found[0] == log_id or mine == 0):
        return
    if not newest and is_superseded(writer):
        raise LogUnavailable(f"the log {place.text} was deleted; another process puts it back")
    if found is None or found[1] == 0:
        _copy(writer, spare, place.text, place)
    elif not (beside := rescued(place, log_id)).exists():
        _copy(writer, spare, str(beside), None)


def is_superseded(writer: sqlite3.Connection) -> bool:
    """Whether another process has put this deleted file's content back before."""
    row = writer.execute("SELECT 1 FROM meta WHERE key = ?", (_SUPERSEDED,)).fetchone()
    return row is not None


def rescued(place: Place, log_id: str) -> Path:
    """Where a log is put whose place another log has taken."""
    return Path(f"{place.text}-rescued-{log_id}")


def _look(place: Place) -> tuple[str, int]:
    """The id of the log that is there, and how many events it ever had.

    What is no log, or none yet, counts as an empty one only if its file is empty.
    """
    uri = place.path.as_uri() + "?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True)) as there:
        tables = there.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        if tables == 0:
            return "", 0
        meta = dict(there.execute("SELECT key, value FROM meta").fetchall())
        return meta.get("log_id", ""), total_events(there)


def _copy(
    writer: sqlite3.Connection, spare: sqlite3.Connection, to: str, place: Place | None
) -> None:
    """Put what ``writer`` sees to ``to``; with a ``place``, as the log that lives there."""
    temporary = f"{to}-rescue"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)
    spare.execute("BEGIN IMMEDIATE")  # nobody commits to the old file any more
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        with contextlib.closing(sqlite3.connect(temporary, isolation_level=None)) as copy:
            writer.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
            if place is None:
                mark_copy(copy)
            else:
                see(copy, place)
        if place is not None:
            place.remove_wal()
            spare.execute("INSERT OR REPLACE INTO meta VALUES (?, '')", (_SUPERSEDED,))
        os.rename(temporary, to)
        spare.execute("COMMIT")
    except OSError as error:
        raise LogUnavailable(f"the log {to} was deleted and can't be put back: {error}") from error
    finally:
        if spare.in_transaction:
            spare.execute("ROLLBACK")

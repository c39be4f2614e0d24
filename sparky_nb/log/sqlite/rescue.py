"""A log that was deleted or replaced while it was open: what its connections hold is not lost.

Whoever notices makes the path whole again and opens what is there then. The place's lock keeps
others out, but its file may be deleted like the rest, so nothing depends on it alone:

- A file is copied while its write lock is held. Nobody can commit to it any more, as each commit
  looks at the path inside its transaction.
- The file at the path is replaced while *its* write lock is held and nothing happened in it; where
  none is there, an empty one is made to have that lock. So nobody's commit is replaced.
- Whoever isn't sure to hold the newest state gives the chats new epochs, so that viewers are told.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

from sparky_nb.errors import LogUnavailable
from sparky_nb.log.sqlite.parts import check_parts
from sparky_nb.log.sqlite.place import Identity, MovedError, Place
from sparky_nb.log.sqlite.recovery import mark_copy, see, total_events

_SUPERSEDED = "superseded"
"""Set in a deleted file once its content was put back: whoever still has it open has an older
state than whoever put it back, and lets them go first should it be deleted again."""


def give_way(
    source: sqlite3.Connection,
    spare: sqlite3.Connection,
    place: Place,
    *,
    file: Identity,
    wal: Identity,
    log_id: str,
    newest: bool,
) -> bool:
    """Make the path whole: ``file``, which is open, is no longer there, or without its -wal.

    - Nothing is there, or a log in which nothing happened yet (made by who found nothing), or only
      the -wal is gone: put ours back.
    - Another state of this log (a backup was restored): it is what counts from now on.
    - Another log in which something happened: ours is put beside it, as ``log.db-rescued-<id>``.

    Its caller holds the place's lock.

    Args:
        source: a connection to ``file`` that nobody uses meanwhile; ``spare``: another one.
        wal: which -wal belongs to ``file``.
        newest: there can't be anybody with a newer state (see ``_is_superseded``).

    Returns:
        Whether nothing but this log may be opened at the path: it is nowhere else.

    Raises:
        MovedError: the path changed meanwhile, or somebody else has to put it back first; what is
            open is still needed.
        LogUnavailable: it can't be written.
    """
    with _writing(spare):
        mine, superseded = total_events(source), _is_superseded(source)
        there = place.identity()
        if there == file:
            # Should somebody have opened the file without its -wal, theirs is an older state.
            sure = not superseded and place.wal_identity() in (None, wal)
            _put_back(source, spare, place, sure=sure)
            return True
        if wal is not None and place.wal_identity() == wal:
            place.remove_wal()  # ours: it must not meet the file that is there now
        found_id, found = ("", 0) if there is None else _look(place)
        if mine == 0:
            if there is None:
                place.create()
            return False
        if found_id == log_id:
            return True
        if found:
            if not (beside := rescued(place, log_id)).exists():
                with _copy_of(source, str(beside)) as copy:
                    mark_copy(copy)
            return False
        if superseded and not newest:
            raise MovedError("it was deleted; another process puts it back")
        if there is None:
            place.create()
        with _empty(place):
            _put_back(source, spare, place, sure=not superseded)
        return True


def rescued(place: Place, log_id: str) -> Path:
    """Where a log is put whose place another log has taken."""
    return Path(f"{place.text}-rescued-{log_id}")


def _is_superseded(source: sqlite3.Connection) -> bool:
    """Whether another process has put this deleted file's content back before."""
    row = source.execute("SELECT 1 FROM meta WHERE key = ?", (_SUPERSEDED,)).fetchone()
    return row is not None


@contextlib.contextmanager
def _writing(connection: sqlite3.Connection) -> Iterator[None]:
    """Alone among all who write to that file, whichever name it has."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


@contextlib.contextmanager
def _empty(place: Place) -> Iterator[None]:
    """The log at the path, in which nothing happened and, meanwhile, nothing can happen."""
    there = place.identity()
    check_parts(place)
    with _connected(place, "rw") as empty, _writing(empty):
        if place.identity() != there or _state(empty)[1]:
            raise MovedError
        yield


def _look(place: Place) -> tuple[str, int]:
    check_parts(place)
    with _connected(place, "ro") as there:
        return _state(there)


@contextlib.contextmanager
def _connected(place: Place, mode: str) -> Iterator[sqlite3.Connection]:
    uri = place.path.as_uri() + f"?mode={mode}"
    with contextlib.closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        yield connection


def _state(connection: sqlite3.Connection) -> tuple[str, int]:
    """The id of a log, and how many events it ever had.

    What is no log, or none yet, counts as an empty one only if its file is empty.
    """
    if not connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
        return "", 0
    meta = dict(connection.execute("SELECT key, value FROM meta").fetchall())
    return meta.get("log_id", ""), total_events(connection)


def _put_back(
    source: sqlite3.Connection, spare: sqlite3.Connection, place: Place, *, sure: bool
) -> None:
    """Replace what is at the path, whose write lock is held, with what ``source`` sees."""
    with _copy_of(source, place.text) as copy:
        if sure:
            see(copy, place)
        else:
            mark_copy(copy)
        place.remove_wal()
        spare.execute("INSERT OR REPLACE INTO meta VALUES (?, '')", (_SUPERSEDED,))


@contextlib.contextmanager
def _copy_of(source: sqlite3.Connection, to: str) -> Iterator[sqlite3.Connection]:
    """A copy of what ``source`` sees, which is at ``to`` afterwards."""
    temporary = f"{to}-rescue.{os.getpid()}.{threading.get_ident()}"
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        try:
            with contextlib.closing(sqlite3.connect(temporary, isolation_level=None)) as copy:
                source.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")
                yield copy
            os.rename(temporary, to)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError as error:
        raise LogUnavailable(f"the log can't be put to {to}: {error}") from error

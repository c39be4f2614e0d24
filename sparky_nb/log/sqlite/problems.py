"""SQLite's errors in the words of the log."""

from __future__ import annotations

import sqlite3
from typing import Final

from sparky_nb.errors import LogRefused, LogUnavailable, SparkyError

_DAMAGED: Final = {"SQLITE_CORRUPT", "SQLITE_NOTADB"}
_MEANING: Final = {
    "SQLITE_BUSY": "another process keeps it busy",
    "SQLITE_LOCKED": "another process keeps it busy",
    "SQLITE_FULL": "the disk is full",
    "SQLITE_READONLY": "it is read-only",
    "SQLITE_CANTOPEN": "it can't be opened",
    "SQLITE_IOERR": "the disk reports an error",
    "SQLITE_PERM": "it may not be opened",
    "SQLITE_AUTH": "it may not be opened",
    "SQLITE_NOMEM": "there is no memory left",
}


def translated(error: sqlite3.Error, path: str) -> SparkyError:
    """The error to raise for ``error``."""
    name = getattr(error, "sqlite_errorname", "") or ""
    kind = "_".join(name.split("_")[:2])
    if kind in _DAMAGED:
        what = "is not a database" if kind == "SQLITE_NOTADB" else "is damaged"
        return LogRefused(
            f"{path} {what} ({error}); it was left as it is: put a backup in its place, "
            "or move it away, and the next task begins a new one"
        )
    meaning = _MEANING.get(kind)
    if meaning is None and isinstance(error, sqlite3.ProgrammingError):
        meaning = "it was closed"
    return LogUnavailable(f"the log {path} can't be used now: {meaning or error} ({error})")

"""A copy of a log that is in use."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from sparky_nb.errors import LogUnavailable
from sparky_nb.log.sqlite.recovery import mark_copy


def back_up(source: sqlite3.Connection, path: Path) -> None:
    """Copy what ``source`` sees now to ``path``, whole or not at all.

    The copy says that it is one: whoever opens it as a live log gives its chats new epochs.

    Raises:
        LogUnavailable: it can't be written there.
    """
    temporary = f"{path}.{os.getpid()}-partial"
    try:
        handle = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        try:
            with contextlib.closing(sqlite3.connect(temporary, isolation_level=None)) as copy:
                source.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")
                mark_copy(copy)
            os.fsync(handle)
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        finally:
            os.close(handle)
    except (OSError, sqlite3.Error) as error:
        raise LogUnavailable(f"the log can't be copied to {path}: {error}") from error

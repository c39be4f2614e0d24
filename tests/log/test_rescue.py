"""A log that is deleted while processes have it open, at each moment of what they do about it.

The moments are the calls to the operating system and to SQLite. In each run something happens just
before the n-th of them: first before the first one, then before the second, and so on.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sparky_nb.errors import LogUnavailable
from sparky_nb.log.sqlite import SqliteLog, connection
from sparky_nb.testing.clock import FakeClock
from sparky_nb.testing.log_samples import all_events, append, event

pytestmark = pytest.mark.promise("P3")

CALLS = ("stat", "open", "unlink", "rename", "replace")


class Moments:
    """Calls ``strike`` once, before the ``at``-th moment after ``begin``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left, self.strike = 0, lambda: None
        for name in CALLS:
            monkeypatch.setattr(os, name, self._counted(getattr(os, name)))
        moments = self

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
                moments.pass_one()
                if sql.startswith("PRAGMA synchronous"):  # no power is lost here
                    sql = "PRAGMA synchronous = OFF"
                return super().execute(sql, *args)

            def backup(self, *args: Any, **options: Any) -> None:
                moments.pass_one()
                super().backup(*args, **options)

        monkeypatch.setattr(os, "fsync", lambda handle: None)
        connect = sqlite3.connect

        def connected(*args: Any, **options: Any) -> sqlite3.Connection:
            moments.pass_one()
            connection_ = connect(*args, factory=Connection, **options)
            connection_.execute("PRAGMA synchronous = OFF")
            return connection_

        monkeypatch.setattr(sqlite3, "connect", connected)

    def _counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **options: Any) -> Any:
            self.pass_one()
            return call(*args, **options)

        return counted

    def begin(self, at: int, strike: Callable[[], None]) -> None:
        self.left, self.strike = at, strike

    def end(self) -> bool:
        """Whether it has struck."""
        struck, self.left = self.left == 0, 0
        return struck

    def pass_one(self) -> None:
        if self.left:
            self.left -= 1
            if not self.left:
                self.strike()


def names(log: SqliteLog) -> list[str]:
    return [it.data["message_id"] for it in all_events(log, "c")]


def remove(path: Path, pattern: str) -> None:
    for it in path.parent.glob(pattern):
        it.unlink(missing_ok=True)


class Writers:
    """Two who have the log open, as two processes would."""

    def __init__(self, path: Path) -> None:
        self.path, self.clock = path, FakeClock()
        self.one, self.two = (SqliteLog(path, clock=self.clock) for _ in range(2))
        self.kept: list[str] = []

    def append(self, log: SqliteLog, name: str) -> None:
        """As an outbox does: the same again until it is stored, while the other one looks too."""
        for _ in range(8):
            try:
                append(log, "c", event(name))
            except LogUnavailable:
                self.clock.advance(1.0)
                for it in (self.one, self.two):
                    with contextlib.suppress(LogUnavailable):
                        it.position("c")
            else:
                self.kept.append(name)
                return
        raise AssertionError(f"{name} could not be stored")

    def close(self) -> None:
        self.one.close()
        self.two.close()
        while connection._KEPT:  # else this process runs out of file handles
            connection._KEPT.pop().close()


@pytest.mark.parametrize(
    "first, then",
    [
        ("log.db*", "deleted"),
        ("log.db-wal", "deleted"),
        ("log.db-shm", "deleted"),
        ("log.db*", "deleted and the other one writes"),
        ("log.db-wal", "deleted and the other one writes"),
    ],
)
def test_nothing_is_lost_whenever_the_rest_is_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str, then: str
) -> None:
    monkeypatch.setattr(connection, "PATIENCE", 0.01)
    moments = Moments(monkeypatch)
    for at in itertools.count(1):
        path = tmp_path / str(at) / "log.db"
        writers = Writers(path)
        writers.append(writers.one, "a")
        writers.append(writers.two, "b")

        def strike(writers: Writers = writers) -> None:
            remove(writers.path, "log.db*")
            if then.endswith("writes"):
                with contextlib.suppress(LogUnavailable):
                    append(writers.two, "c", event("c"))
                    writers.kept.append("c")

        remove(path, first)
        moments.begin(at, strike)
        writers.append(writers.one, "d")
        struck = moments.end()
        if not struck:
            assert at > 20
            break
        for log, name in ((writers.two, "e"), (writers.one, "f"), (writers.two, "g")):
            writers.append(log, name)
        assert sorted(names(writers.one)) == sorted(writers.kept), at
        assert list(writers.two.verify()) == [], at
        writers.close()


def test_who_reads_for_the_first_time_finds_it_whenever_it_is_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = Moments(monkeypatch)
    for at in itertools.count(1):
        path = tmp_path / str(at) / "log.db"
        writers = Writers(path)
        writers.append(writers.one, "a")

        def strike(path: Path = path) -> None:
            remove(path, "log.db*")

        moments.begin(at, strike)
        head = writers.one.position("c").head
        if not moments.end():
            assert at > 3
            break
        assert (head, names(writers.one)) == (1, ["a"]), at
        writers.close()


@pytest.mark.promise("P4")
def test_who_puts_back_a_state_that_may_be_an_older_one_says_so_with_new_epochs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "PATIENCE", 0.01)
    path = tmp_path / "log.db"
    writers = Writers(path)
    writers.append(writers.one, "a")
    epoch = writers.one.position("c").epoch
    remove(path, "log.db*")
    writers.append(writers.one, "b")  # puts it back; the other one does not look
    remove(path, "log.db*")
    with pytest.raises(LogUnavailable, match="another process puts it back"):
        writers.two.position("c")
    writers.clock.advance(6.0)  # longer than anybody who is alive waits
    position = writers.two.position("c")
    assert names(writers.two) == ["a"]
    assert (position.epoch != epoch, position.lineage[0].epoch) == (True, epoch)
    assert writers.one.position("c") == position
    writers.close()


@pytest.mark.parametrize("deleted", ["log.db-wal", "log.db-shm", "log.db-*"])
def test_nobody_opens_a_log_of_which_others_have_files_that_were_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deleted: str
) -> None:
    monkeypatch.setattr(connection, "PATIENCE", 0.01)
    path = tmp_path / "log.db"
    with SqliteLog(path) as one:
        append(one, "c", event("a"))
        remove(path, deleted)
        with pytest.raises(LogUnavailable, match="has not put it back"):
            SqliteLog(path)
        append(one, "c", event("b"))  # it looks, and puts it back
        with SqliteLog(path) as two:
            assert (names(two), list(two.verify())) == (["a", "b"], [])


def test_parts_that_nobody_uses_are_no_obstacle(tmp_path: Path) -> None:
    path, copy = tmp_path / "log.db", tmp_path / "copy" / "log.db"
    copy.parent.mkdir()
    with SqliteLog(path) as log:
        append(log, "c", event("a"))
        for suffix in ("", "-wal"):  # as a backup of the files would
            shutil.copyfile(f"{path}{suffix}", f"{copy}{suffix}")
    with SqliteLog(copy) as log:
        assert names(log) == ["a"]

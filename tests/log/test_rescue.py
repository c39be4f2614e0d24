"""A log that is deleted while processes have it open, at each moment of what they do about it.

The moments are the calls to the operating system and to SQLite. In each run something happens just
before the n-th of them: first before the first one, then before the second, and so on.
"""

from __future__ import annotations

import contextlib
import itertools
import os
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
            def execute(self, *args: Any) -> sqlite3.Cursor:
                moments.pass_one()
                return super().execute(*args)

            def backup(self, *args: Any, **options: Any) -> None:
                moments.pass_one()
                super().backup(*args, **options)

        connect = sqlite3.connect

        def connected(*args: Any, **options: Any) -> sqlite3.Connection:
            moments.pass_one()
            return connect(*args, factory=Connection, **options)

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


def remove(path: Path, *patterns: str) -> None:
    for pattern in patterns:
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


@pytest.mark.parametrize("first", ["log.db*", "log.db-wal", "log.db"])
@pytest.mark.parametrize("then", ["deleted", "deleted and the other one writes", "wal deleted"])
def test_nothing_is_lost_whenever_the_rest_is_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str, then: str
) -> None:
    monkeypatch.setattr(connection, "PATIENCE", 0.05)
    moments = Moments(monkeypatch)
    for at in itertools.count(1):
        path = tmp_path / str(at) / "log.db"
        writers = Writers(path)
        writers.append(writers.one, "a")
        writers.append(writers.two, "b")

        def strike(writers: Writers = writers) -> None:
            remove(writers.path, "log.db-wal" if then == "wal deleted" else "log.db*")
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
        for log in (writers.one, writers.two):
            assert sorted(names(log)) == sorted(writers.kept), at
            assert list(log.verify()) == [], at
        writers.close()
        with SqliteLog(path) as again:
            assert sorted(names(again)) == sorted(writers.kept), at

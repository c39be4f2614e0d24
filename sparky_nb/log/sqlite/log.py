"""The SQLite log: the engine over ``SqliteRecords``, and its reads."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Literal, TypeVar

from sparky_nb.clock import Clock, SystemClock
from sparky_nb.errors import Conflict, LogRefused, LogUnavailable, NotFound
from sparky_nb.events.model import JsonObject
from sparky_nb.log.base import Blob, Problem, RunnerRow
from sparky_nb.log.boot import boot_id
from sparky_nb.log.engine import EngineLog
from sparky_nb.log.folding import CHECKPOINT_EVERY
from sparky_nb.log.reading import check_blob
from sparky_nb.log.records import ChatRow, Records, StoredFold
from sparky_nb.log.sqlite import chores
from sparky_nb.log.sqlite.backup import back_up
from sparky_nb.log.sqlite.connection import Connections, Opened
from sparky_nb.log.sqlite.place import NETWORK, PATIENCE, MovedError, Place, filesystem_of
from sparky_nb.log.sqlite.problems import translated
from sparky_nb.log.sqlite.reads import SqliteReads
from sparky_nb.log.sqlite.records import CHECKPOINT, NeedsSyncError, encode_row
from sparky_nb.log.sqlite.recovery import sync_heads
from sparky_nb.log.sqlite.repair import mend
from sparky_nb.log.urls import sqlite_url
from sparky_nb.log.verify import verify_chats

T = TypeVar("T")
SIZE_WARNING: Final = 2 << 30


class SqliteLog(SqliteReads, EngineLog):
    """A log in one SQLite file, for any number of processes of one machine.

    Args:
        path: absolute; made where there is none.
        durability: ``process`` keeps what a crash of processes could take, ``power`` also what a
            crash of the machine could, at an fsync for each commit.
        boot: which run of the machine this is (for tests).
        filesystem: the type of file system that the file is on (for tests).

    Raises:
        LogRefused, LogUnavailable: see ``open_log``.
    """

    kind = "sqlite"

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock | None = None,
        durability: Literal["process", "power"] = "process",
        boot: str | None = None,
        filesystem: str | None = None,
    ) -> None:
        super().__init__(clock or SystemClock())
        self.url = sqlite_url(path, durability=durability)
        self.durability = durability
        self.path = path
        kind = filesystem_of(path.parent) if filesystem is None else filesystem
        self._network = kind if kind in NETWORK else None
        self._place = Place(path)
        self._files = Connections(
            self._place,
            clock=self._clock,
            journal="delete" if self._network else "wal",
            always_synced=durability == "power" or self._network is not None,
            # On a network file system every commit is fsynced, whichever machine opens it.
            boot="network" if self._network else boot_id() if boot is None else boot,
        )
        self._files.on_open = self._folds.clear
        self._lock = threading.Lock()
        self._spare_lock = threading.Lock()
        opened = self._files.open()
        self._lock_pid, self.log_id = opened.pid, opened.log_id
        self._owner: int | None = None

    # -- writing

    def _write(self, work: Callable[[Records], T]) -> T:
        return self._transaction(lambda opened: opened.records.run(work))

    def _transaction(self, work: Callable[[Opened], T]) -> T:
        """``work`` inside one write transaction on the file that is there now."""
        self._after_fork()
        me = threading.get_ident()
        if self._owner == me:
            # A finalizer that the garbage collector ran in the middle of a transaction.
            raise LogUnavailable("the log was called from inside one of its own transactions")
        if not self._lock.acquire(timeout=PATIENCE):
            raise LogUnavailable(f"the log {self.path} is busy in another thread")
        try:
            self._owner = me
            return self._transact(work)
        finally:
            self._owner = None
            self._lock.release()

    def _after_fork(self) -> None:
        """In a forked child: whoever held the locks is not in it."""
        if self._files.open().pid != self._lock_pid:
            self._lock, self._spare_lock = threading.Lock(), threading.Lock()
            self._lock_pid, self._owner = os.getpid(), None

    def _transact(self, work: Callable[[Opened], T]) -> T:
        synced = False
        while True:
            opened = self._files.open()
            run = opened.writer.execute
            try:
                if opened.writer.in_transaction:  # an injected exception came between
                    opened.records.forget()
                    run("ROLLBACK")
                self._files.set_sync(opened, synced)
                run("BEGIN IMMEDIATE")
                try:
                    self._files.check(opened)
                    result = work(opened)
                    run("COMMIT")
                    return result
                except BaseException:
                    opened.records.forget()
                    if opened.writer.in_transaction:
                        run("ROLLBACK")
                    raise
            except NeedsSyncError:
                synced = True
            except MovedError:
                self._files.follow(opened)
            except sqlite3.Error as error:
                raise translated(error, str(self.path)) from error

    # -- runners and listeners

    def register(self, row: RunnerRow) -> None:
        def put(opened: Opened) -> None:
            opened.writer.execute(
                "INSERT INTO runners VALUES (?, ?, ?) ON CONFLICT (runner_id) DO UPDATE SET"
                " version = excluded.version, body = excluded.body",
                (row.runner_id, row.version, encode_row(row)),
            )

        self._transaction(put)

    def renew(self, runner_id: str) -> bool:
        sql = "UPDATE runners SET version = version + 1 WHERE runner_id = ?"
        return self._transaction(lambda it: it.writer.execute(sql, (runner_id,)).rowcount) > 0

    def unregister(self, runner_id: str) -> None:
        self._write(lambda tx: tx.forget_runner(runner_id))

    # -- blobs

    def put_blob(self, chat_id: str, data: bytes, media_type: str) -> str:
        sha256 = check_blob(chat_id, data)

        def put(opened: Opened) -> None:
            opened.writer.execute(
                "INSERT OR IGNORE INTO blobs VALUES (?, ?, ?, ?)",
                (chat_id, sha256, media_type, data),
            )

        self._transaction(put)
        return sha256

    def get_blob(self, chat_id: str, sha256: str) -> Blob:
        with self._files.reading() as connection:
            row = connection.execute(
                "SELECT media_type, data FROM blobs WHERE chat_id = ? AND sha256 = ?",
                (chat_id, sha256),
            ).fetchone()
        if row is None:
            raise NotFound("blob", sha256)
        return Blob(sha256=sha256, media_type=row[0], data=row[1])

    # -- folds

    def _save_checkpoint(self, chat: ChatRow, fold: StoredFold) -> None:
        def put(opened: Opened) -> None:
            opened.writer.execute(
                "INSERT OR REPLACE INTO folds SELECT key, ?, ?, ?, ? FROM chats"
                " WHERE key = ? AND epoch = ? AND scrubs = ? AND deleted = 0",
                (CHECKPOINT, *fold, chat.key, chat.epoch, chat.scrubs),
            )

        try:
            self._transaction(put)
        except LogUnavailable:
            return  # it only saves time; the snapshot is there without it

    # -- the whole

    def change_token(self) -> int:
        with self._files.using_reader() as connection:
            version: int = connection.execute("PRAGMA data_version").fetchone()[0]
        return self._files.generation << 40 | version

    def health(self) -> JsonObject:
        size, warnings = self._place.size(), []
        if self._network:
            warnings.append(
                _warning(
                    "network_filesystem",
                    f"{self.path} is on a network file system ({self._network}): commits are slow "
                    "and depend on its locks; set SPARKY_LOG_URL to a local disk",
                )
            )
        if size > SIZE_WARNING:
            warnings.append(
                _warning(
                    "large",
                    f"the log has {size / 2**30:.1f} GiB; nothing is removed by itself: "
                    "'sparky log trim' does",
                )
            )
        warnings += [
            _warning("rescued", f"another log took this one's place; it was put to {path}")
            for path in self._place.rescued()
        ]
        if self._place.wal_size() > 8 * chores.WAL_MAX:
            warnings.append(_warning("wal_large", "a reader keeps the log from being checkpointed"))
        return {
            "kind": self.kind,
            "id": self.log_id,
            "size": size,
            "durability": self.durability,
            "warnings": warnings,
        }

    def maintain(self) -> None:
        self._purge()
        if self._place.wal_size() > chores.WAL_MAX:
            self._checkpoint()
        for chat_id in self._cold_chats(CHECKPOINT_EVERY):
            try:
                self.snapshot(chat_id)
            except NotFound:
                continue

    def _checkpoint(self, wait: Clock | None = None) -> None:
        if self._network:
            return
        self._after_fork()
        with self._spare_lock:
            opened = self._files.open()
            try:
                chores.checkpoint(opened.spare, self._place, wait)
            except sqlite3.Error as error:
                raise translated(error, str(self.path)) from error

    def _forgotten(self) -> None:
        """What was deleted leaves the file now, and the WAL too."""
        self._folds.clear()
        self._purge()
        self._checkpoint(self._clock)

    def _purge(self) -> None:
        """Remove what deleted chats have left, in slices."""
        with self._files.reading() as connection:
            left = chores.has_leftovers(connection)
        while left:
            left = self._transaction(lambda opened: chores.purge_slice(opened.writer))

    def verify(self) -> Iterator[Problem]:
        damage = self._damage()
        for what in damage:
            yield Problem(chat_id=None, offset=None, what=what, mend="restore a backup")
        try:
            yield from verify_chats(self, self._living())
        except LogRefused:  # what can't be read any more
            if not damage:
                raise

    def _damage(self) -> list[str]:
        """What SQLite itself finds wrong with the file."""
        found: list[str] = []
        try:
            with self._files.reading() as connection:
                for (text,) in connection.execute("PRAGMA quick_check(20)"):
                    found += [it for it in text.splitlines() if not it.startswith("***")]
        except LogRefused as error:  # it can't look further
            found.append(str(error.__cause__))
        return found if found != ["ok"] else []

    def backup(self, path: Path) -> None:
        if path.resolve() == self.path.resolve():
            raise Conflict(f"{path} is the log itself")
        with self._files.using_reader() as connection:
            back_up(connection, path)

    def repair(self) -> list[Problem]:
        problems = list(self.verify())
        found = [it for it in problems if it.mend is not None and it.chat_id is not None]
        if not found and any(it.chat_id is None for it in problems):
            raise LogRefused(f"{self.path} is damaged: only a backup in its place mends that")
        for problem in found:
            self._transaction(lambda opened, it=problem: mend(opened.writer, it))  # type: ignore[misc]
        self._folds.clear()
        return found

    def close(self) -> None:
        def last(opened: Opened) -> None:
            if not self._network:
                sync_heads(opened.spare, self._place)

        with contextlib.ExitStack() as quiet:
            if self._lock_pid == os.getpid():  # in a forked child nobody holds them
                # A connection that is closed while another thread is in it takes the process down.
                for lock in (self._spare_lock, self._lock):
                    if not lock.acquire(timeout=PATIENCE):
                        return  # stuck: the end of the process closes it
                    quiet.callback(lock.release)
            try:
                self._files.close(last)
            except sqlite3.Error:
                return  # what was committed is committed; the next opener looks after the rest


def _warning(code: str, message: str) -> dict[str, str]:
    return {"code": code, "message": message}

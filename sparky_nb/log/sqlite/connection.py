"""A process's connections to one log file: one that writes, one spare, one reader per thread.

Before anything is written (inside the transaction) and read, it is checked that the file is still
the one that was opened: a file that was deleted is put back from what the open connections hold,
one that was replaced is opened anew, and after a fork the child opens connections of its own.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Final, Literal

from sparky_nb.clock import Clock
from sparky_nb.errors import LogUnavailable
from sparky_nb.log.sqlite import schema
from sparky_nb.log.sqlite.parts import check_parts
from sparky_nb.log.sqlite.place import PATIENCE, Identity, MovedError, Place
from sparky_nb.log.sqlite.problems import translated
from sparky_nb.log.sqlite.records import SqliteRecords
from sparky_nb.log.sqlite.recovery import settle
from sparky_nb.log.sqlite.rescue import give_way

Journal = Literal["wal", "delete"]
_PAUSE: Final = 0.02
_YIELD: Final = 5.0
"""Seconds for which a process with an older state of a deleted log lets others put it back: all
look at the log every few seconds."""


class Opened:
    """What belongs to one opening of the file."""

    def __init__(
        self,
        writer: sqlite3.Connection,
        spare: sqlite3.Connection,
        records: SqliteRecords,
        *,
        log_id: str,
        file: Identity,
        parts: tuple[Identity, Identity],
    ) -> None:
        self.writer, self.spare, self.records = writer, spare, records
        self.log_id, self.file = log_id, file
        self.wal, self.shm = parts
        self.pid = os.getpid()


class _Reader(threading.local):
    connection: sqlite3.Connection | None = None
    opened: Opened | None = None


class Connections:
    """See the module.

    Args:
        place: where the files are.
        journal: ``wal``, or ``delete`` on a network file system.
        always_synced: each commit is fsynced.
        boot: which run of the machine this is.
    """

    def __init__(
        self, place: Place, *, clock: Clock, journal: Journal, always_synced: bool, boot: str
    ) -> None:
        self.place, self.journal = place, journal
        self._clock, self._always_synced, self._boot = clock, always_synced, boot
        self._opened: Opened | None = None
        self._opening = threading.RLock()
        self._reader = _Reader()
        self._readers: list[tuple[weakref.ref[threading.Thread], sqlite3.Connection]] = []
        self._missed: float | None = None
        self._busy = 0
        self._idle = threading.Condition()
        self._closed = False
        self.generation = 0
        self.on_open: Callable[[], None] = lambda: None

    # -- opening

    def open(self) -> Opened:
        """What is open now; opened first where it has to be."""
        opened = self._opened
        if opened is not None and opened.pid == os.getpid():
            return opened
        if opened is not None:  # a forked child: the parent's connections are not for it
            self._opening, self._idle = threading.RLock(), threading.Condition()
            self._busy = 0
            self._abandon(opened)
        with self._opening:
            if self._opened is not None:
                return self._opened
            if self._closed:
                raise LogUnavailable(f"the log {self.place.text} was closed")
            return self._open_at_last()

    def _open_at_last(self) -> Opened:
        for attempt in self._attempts():
            with attempt:
                with self.place.locked(self._clock):
                    self.place.prepare()
                    opened = self._open_found()
                self._begin(opened)
                return opened
        raise AssertionError

    def _attempts(self) -> Iterator[contextlib.AbstractContextManager[None]]:
        """Blocks that are tried until one of them ends without MovedError; others act meanwhile."""
        moved = MovedError()

        @contextlib.contextmanager
        def attempt() -> Iterator[None]:
            nonlocal moved
            try:
                yield
            except MovedError as error:
                moved = error

        pause = threading.Event()
        for number in range(max(5, round(PATIENCE / _PAUSE))):
            yield attempt()
            pause.wait(min(_PAUSE, number / 1000))
        what = str(moved) or "it is being replaced again and again"
        raise LogUnavailable(f"the log {self.place.text} can't be used now: {what}") from moved

    def _begin(self, opened: Opened) -> None:
        self._opened = opened
        self.generation += 1
        self.on_open()

    def _open_found(self) -> Opened:
        """Open what is there; its caller holds the place's lock. It makes no file: who has a log
        open that was deleted meanwhile must not take an empty one for it.

        Raises:
            MovedError: nothing is there, or not what was a moment ago.
        """
        place, file, shared = self.place, self.place.identity(), self.journal == "wal"
        if file is None:
            raise MovedError
        if shared:
            check_parts(place)
        with contextlib.ExitStack() as undo:
            before = parts = place.parts()
            try:
                self._probe()
                writer = undo.enter_context(contextlib.closing(self.connect()))
                writer.execute("PRAGMA synchronous = FULL")
                # A file that is being made is in WAL mode before anybody sees a table in it.
                mode = writer.execute(f"PRAGMA journal_mode = {self.journal}").fetchone()[0]
                if mode != self.journal:
                    raise LogUnavailable(
                        f"the log {place.text} can't use the journal mode {self.journal}"
                    )
                writer.execute("PRAGMA secure_delete = ON")
                schema.check(writer, place.text)
                parts = place.parts()
                if shared and (None in parts or (None not in before and parts != before)):
                    raise MovedError  # it may share them with nobody
                schema.migrate(writer, place.text)
                log_id, opening = settle(writer, place, self._boot)
                spare = undo.enter_context(contextlib.closing(self.connect()))
                seen = spare.execute("SELECT value FROM meta WHERE key = 'opening'").fetchone()
            except sqlite3.Error as error:
                if place.identity() != file or (None not in parts and place.parts() != parts):
                    raise MovedError from error
                raise translated(error, place.text) from error
            # Were they deleted between the two, the spare would have others than the writer.
            if (place.identity(), place.parts()) != (file, parts) or seen != (opening,):
                raise MovedError
            records = SqliteRecords(writer, always_synced=self._always_synced)
            opened = Opened(writer, spare, records, log_id=log_id, file=file, parts=parts)
            self._set_sync(opened, self._always_synced)
            undo.pop_all()
        return opened

    def _probe(self) -> None:
        """Refuse what is no log of ours, before a connection that could write sees it."""
        probe = self.connect(mode="ro")
        try:
            schema.check(probe, self.place.text)
        finally:
            probe.close()

    def connect(self, mode: str = "rw") -> sqlite3.Connection:
        """A new connection. Never checkpoints by itself (protocol.md §4)."""
        uri = self.place.path.as_uri() + f"?mode={mode}"
        connection = sqlite3.connect(
            uri, uri=True, timeout=PATIENCE, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        return connection

    def _set_sync(self, opened: Opened, synced: bool) -> None:
        opened.writer.execute(f"PRAGMA synchronous = {'FULL' if synced else 'NORMAL'}")
        opened.records.synced = synced

    def set_sync(self, opened: Opened, synced: bool) -> None:
        """How the next transactions are committed; not inside of one."""
        synced = synced or self._always_synced
        if opened.records.synced != synced:
            self._set_sync(opened, synced)

    # -- the file is still there

    def check(self, opened: Opened) -> None:
        """Raise MovedError unless the file that is open is the one at the path."""
        # Written out, as it is a part of every commit.
        try:
            found = os.stat(self.place.text)
            if (found.st_dev, found.st_ino) != opened.file:
                raise MovedError
            if opened.wal is not None:
                found = os.stat(self.place.wal)
                if (found.st_dev, found.st_ino) != opened.wal:
                    raise MovedError
                found = os.stat(self.place.shm)
                if (found.st_dev, found.st_ino) != opened.shm:
                    raise MovedError
        except FileNotFoundError:
            raise MovedError from None
        except OSError as error:
            raise LogUnavailable(f"the log {self.place.text} can't be reached: {error}") from error

    def follow(self, opened: Opened) -> None:
        """After MovedError: make the path whole again, and open what is there."""
        place = self.place
        with self._opening:
            if self._opened is not opened:  # another thread has done it
                return
            for attempt in self._attempts():
                with attempt:
                    try:
                        with place.locked(self._clock):
                            fresh = self._replaced(opened)
                    except sqlite3.Error as error:
                        raise translated(error, place.text) from error
                    self._missed = None
                    if fresh is not opened:
                        self._abandon(opened)
                        self._begin(fresh)
                    return

    def _replaced(self, opened: Opened) -> Opened:
        """What takes the place of ``opened``, which may be itself. Raises MovedError: not yet."""
        with contextlib.suppress(MovedError):
            self.check(opened)
            return opened
        mine = self._reader
        # Another thread may be waiting inside the writer, which nobody else can use then.
        source = mine.connection if mine.opened is opened else None
        ours = give_way(
            source or opened.writer,
            opened.spare,
            self.place,
            file=opened.file,
            wal=opened.wal,
            log_id=opened.log_id,
            newest=self._waited(),
        )
        fresh = self._open_found()
        if ours and fresh.log_id != opened.log_id:
            fresh.spare.close()
            fresh.writer.close()
            raise MovedError
        return fresh

    def _waited(self) -> bool:
        """Whether it is long since the file was first missed."""
        now = self._clock.monotonic()
        if self._missed is None:
            self._missed = now
        return now - self._missed > _YIELD

    def _close_all(self, opened: Opened) -> None:
        for _, connection in self._readers:
            connection.close()
        self._readers = []
        opened.spare.close()
        opened.writer.close()

    def _abandon(self, opened: Opened) -> None:
        """Never use nor close these: closing could remove files that others use by now."""
        for connection in (opened.writer, opened.spare):
            _keep_forever(connection)
        for _, connection in self._readers:
            _keep_forever(connection)
        self._readers = []
        if self._opened is opened:
            self._opened = None

    # -- reading

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """This thread's reader, in a short transaction of its own."""
        with self.using_reader() as connection:
            if connection.in_transaction:  # an injected exception came between
                connection.execute("ROLLBACK")
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("COMMIT")

    @contextlib.contextmanager
    def using_reader(self) -> Iterator[sqlite3.Connection]:
        """This thread's reader, which is not closed meanwhile."""
        self.open()  # first, as a forked child needs other locks
        with self._opening:
            connection = self._current_reader()
            with self._idle:
                self._busy += 1
        try:
            yield connection
        except sqlite3.Error as error:
            raise translated(error, self.place.text) from error
        finally:
            with self._idle:
                self._busy -= 1
                self._idle.notify_all()

    def _current_reader(self) -> sqlite3.Connection:
        while True:
            opened = self.open()
            try:
                self.check(opened)
                return self._reader_of(opened)
            except MovedError:
                self.follow(opened)
            except sqlite3.Error as error:
                if self.place.identity() == opened.file:
                    raise translated(error, self.place.text) from error

    def _reader_of(self, opened: Opened) -> sqlite3.Connection:
        mine = self._reader
        if mine.opened is opened and mine.connection is not None:
            return mine.connection
        connection = self._connect_reader(opened)
        mine.connection, mine.opened = connection, opened
        with self._opening:
            alive = []
            for thread, other in self._readers:
                owner = thread()
                if owner is None or not owner.is_alive():
                    other.close()
                else:
                    alive.append((thread, other))
            alive.append((weakref.ref(threading.current_thread()), connection))
            self._readers = alive
        return connection

    def _connect_reader(self, opened: Opened) -> sqlite3.Connection:
        connection = self.connect()
        try:
            connection.execute("PRAGMA query_only = ON")
            # It has opened its -wal once it has read; the one that is there may be another's.
            connection.execute("SELECT 1 FROM meta").fetchone()
            self.check(opened)
        except BaseException:
            connection.close()
            raise
        return connection

    # -- the end

    def close(self, last: Callable[[Opened], None]) -> None:
        """Close all; ``last`` runs before, where the file is still ours."""
        with self._opening:
            opened, self._opened, self._closed = self._opened, None, True
            if opened is None:
                return
            if opened.pid != os.getpid():
                self._abandon(opened)
                return
            try:
                self.check(opened)
            except (MovedError, LogUnavailable):
                self._abandon(opened)
                return
            try:
                last(opened)
            finally:
                with self._idle:
                    quiet = self._idle.wait_for(lambda: not self._busy, PATIENCE)
                if quiet:
                    self._close_all(opened)
                else:
                    self._abandon(opened)


_KEPT: Final[list[sqlite3.Connection]] = []


def _keep_forever(connection: sqlite3.Connection) -> None:
    """Not even the end of the interpreter closes it."""
    _KEPT.append(connection)
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))

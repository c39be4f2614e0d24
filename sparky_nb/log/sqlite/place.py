"""The files around a log: who may see them, what kind of disk they are on, which file is there.

Beside ``log.db`` and SQLite's own ``-wal`` and ``-shm`` there are ``log.db-lock`` (held while a log
is opened, rescued or checkpointed) and ``log.db-seen`` (recovery.py). The database file itself is
never opened but by SQLite: closing any other handle on it would drop SQLite's locks.
"""

from __future__ import annotations

import contextlib
import glob
import os
import stat
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from sparky_nb.clock import Clock
from sparky_nb.errors import LogRefused, LogUnavailable

NETWORK: Final = frozenset(
    "9p afs afpfs beegfs ceph cifs fuse.ceph fuse.glusterfs fuse.sshfs fuse.rclone fuse.s3fs "
    "glusterfs gpfs lustre nfs nfs4 smb2 smb3 smbfs webdav".split()
)
PATIENCE: Final = 10.0  # seconds
Identity = tuple[int, int] | None
"""Which file: device and inode, or None for none."""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What was last known of the log at this place (recovery.py)."""

    log_id: str
    total: int
    stamps: tuple[str, ...]


class MovedError(Exception):
    """The files at the log's path are not those that they were; its text may say more."""


class Place:
    """Where a log's files are."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = str(path)
        self.wal, self.shm = f"{path}-wal", f"{path}-shm"
        self._lock = f"{path}-lock"
        self._seen = Path(f"{path}-seen")

    def prepare(self) -> None:
        """Make an empty file where there is none. Its caller holds the lock.

        Raises:
            LogRefused: something else is there. LogUnavailable: it can't be made.
        """
        try:
            mode = self.path.stat().st_mode
        except FileNotFoundError:
            self.create()
            return
        except OSError as error:
            raise LogUnavailable(f"the log {self.text} can't be opened: {error}") from error
        if stat.S_ISDIR(mode):
            raise LogRefused(f"{self.text} is a directory, not a log")
        if not stat.S_ISREG(mode):
            raise LogRefused(f"{self.text} is no ordinary file; it was left as it is")
        if not os.access(self.path, os.W_OK):
            raise LogUnavailable(f"the log {self.text} can't be used: it is read-only")

    def _prepare_folder(self) -> None:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise LogUnavailable(f"the folder of {self.text} can't be made: {error}") from error

    def create(self) -> None:
        """Make an empty file where there is none."""
        try:
            # Nobody can have this file open yet, so closing the handle drops nobody's locks.
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError:
            return
        except OSError as error:
            raise LogUnavailable(f"the log {self.text} can't be made: {error}") from error
        # Left by a file that was deleted; those who have it open would share its -shm with us.
        self.remove_wal()

    def identity(self) -> tuple[int, int] | None:
        """Which file is there now: None for none."""
        return _identity(self.text)

    def wal_identity(self) -> tuple[int, int] | None:
        return _identity(self.wal)

    def parts(self) -> tuple[Identity, Identity]:
        """Which -wal and which -shm are there now."""
        return _identity(self.wal), _identity(self.shm)

    def size(self) -> int:
        """Bytes of the log and of what is not merged into it yet."""
        return _size(self.text) + _size(self.wal)

    def wal_size(self) -> int:
        return _size(self.wal)

    def rescued(self) -> list[Path]:
        """Logs that were put beside this one (rescue.py)."""
        return sorted(self.path.parent.glob(f"{glob.escape(self.path.name)}-rescued-*"))

    def remove_wal(self) -> None:
        """Remove what belongs to a database that is no longer here."""
        for name in (self.wal, self.shm):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)

    # -- what was seen

    def read_seen(self) -> Seen | None:
        """None where nothing, or nothing legible, was left here."""
        try:
            return msgspec.json.decode(self._seen.read_bytes(), type=Seen)
        except (OSError, msgspec.MsgspecError):
            return None

    def write_seen(self, seen: Seen) -> bool:
        """Whether it could be written."""
        temporary = Path(f"{self._seen}.{os.getpid()}.{threading.get_ident()}")
        try:
            with open(temporary, "wb", opener=_private) as file:
                file.write(msgspec.json.encode(seen))
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self._seen)
        except OSError:
            return False
        return True

    # -- the lock

    @contextlib.contextmanager
    def locked(self, clock: Clock) -> Iterator[None]:
        """Alone among all processes; the folder is there. Raises LogUnavailable after 10 s."""
        self._prepare_folder()
        pause, end = threading.Event(), clock.monotonic() + PATIENCE
        while True:
            with self.lock_if_free() as held:
                if held:
                    yield
                    return
            if clock.monotonic() > end:
                raise LogUnavailable(f"the log {self.text} is being opened by another process")
            pause.wait(0.02)

    @contextlib.contextmanager
    def lock_if_free(self) -> Iterator[bool]:
        """Alone among all processes, or False at once."""
        try:
            handle = _private(self._lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise LogUnavailable(f"the log {self.text} can't be locked: {error}") from error
        try:
            # Whoever deleted the lock file has made another one the lock.
            yield _flock(handle) and _identity(self._lock) == _identity_of(os.fstat(handle))
        finally:
            os.close(handle)


def filesystem_of(path: Path) -> str:
    """The type of the file system that ``path`` is on, or the empty text."""
    if not sys.platform.startswith("linux"):
        return ""
    real, best, kind = str(path.resolve()), "", ""
    try:
        lines = Path("/proc/self/mounts").read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    for line in lines:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        mount = fields[1].replace("\\040", " ")
        if len(mount) >= len(best) and (real + "/").startswith(mount.rstrip("/") + "/"):
            best, kind = mount, fields[2]
    return kind


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LogUnavailable(f"the log {path} can't be reached: {error}") from error
    return _identity_of(found)


def _identity_of(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _private(path: str, flags: int) -> int:
    """Ours alone; and no link that somebody else has put there, say in a shared folder."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o600)


def _flock(handle: int) -> bool:
    """A lock that ends with the handle; where there is none (Windows), SQLite's own have to do."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True

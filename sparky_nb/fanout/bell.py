"""The listening side of the doorbell: a PULL socket that is told which chats have moved.

What arrives is trusted with nothing: it is a hint to read the log, and whatever is not the name of
a chat is ignored.
"""

from __future__ import annotations

import contextlib
import os
import socket as sockets
import stat
import tempfile
from pathlib import Path
from typing import Final

import zmq
from jupyter_core.paths import jupyter_runtime_dir

from sparky_nb.errors import InvalidArgument
from sparky_nb.fanout.doorbell import SEPARATOR
from sparky_nb.ids import check_chat_id, new_nonce

MESSAGE_MAX: Final = 1024 * 1024
PATH_MAX: Final = 100
"""Names of Unix sockets end at 104 (macOS) or 108 (Linux) bytes."""


class Bell:
    """Hears rings. Use it from one thread, either by ``wait`` or, on a loop, by ``fileno`` and
    ``drain``; only ``nudge`` may be called from others.

    Args:
        role: who listens (``kernel``, ``server``, …); for the name of the socket only.

    >>> bell = Bell("test")
    >>> bell.wait(0.0)
    set()
    >>> bell.close()
    """

    def __init__(self, role: str) -> None:
        self.role = role
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.PULL)
        self._socket.linger = 0
        self._socket.maxmsgsize = MESSAGE_MAX
        self._path: Path | None = None
        self.endpoint = self._bind()
        self._hear_nudge, self._nudge = sockets.socketpair()
        self._hear_nudge.setblocking(False)
        self._nudge.setblocking(False)
        self._poller = zmq.Poller()
        self._poller.register(self._socket, zmq.POLLIN)
        self._poller.register(self._hear_nudge.fileno(), zmq.POLLIN)

    def wait(self, timeout: float) -> set[str]:
        """The chats that have moved, after at most ``timeout`` seconds; empty when none has or when
        somebody nudged."""
        ready = dict(self._poller.poll(max(0, round(timeout * 1000))))
        if self._hear_nudge.fileno() in ready:
            with contextlib.suppress(OSError):  # BlockingIOError: emptied
                while self._hear_nudge.recv(4096):
                    pass
        return self.drain()

    def drain(self) -> set[str]:
        """The chats that have moved since the last call; does not wait.

        ``fileno`` is edge-triggered: call this until nothing is left, as one call does, and once
        before the first wait.
        """
        chats: set[str] = set()
        with contextlib.suppress(zmq.Again):
            while True:
                for name in self._socket.recv(zmq.NOBLOCK).split(SEPARATOR):
                    with contextlib.suppress(InvalidArgument):
                        chats.add(check_chat_id(name.decode("ascii", "replace"), system=True))
        return chats

    def fileno(self) -> int:
        """A descriptor that becomes readable when ``drain`` may have something."""
        return int(self._socket.getsockopt(zmq.FD))

    def nudge(self) -> None:
        """Let the ``wait`` that is under way in another thread, or the next one, return."""
        with contextlib.suppress(OSError):  # full: it has been nudged; or closed
            self._nudge.send(b"!")

    def close(self) -> None:
        """Stop listening and remove the socket's file. Closing twice is fine."""
        if self._socket.closed:
            return
        self._socket.close(linger=0)
        self._context.term()
        self._hear_nudge.close()
        self._nudge.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _bind(self) -> str:
        folder = private_folder() if hasattr(sockets, "AF_UNIX") else None
        if folder is not None:
            sweep_folder(folder)
            path = folder / f"{self.role}-{os.getpid()}-{new_nonce()}"
            if len(os.fsencode(path)) <= PATH_MAX:
                with contextlib.suppress(zmq.ZMQError):  # a file system without sockets
                    self._socket.bind(f"ipc://{path}")
                    self._path = path
                    return f"ipc://{path}"
        port = self._socket.bind_to_random_port("tcp://127.0.0.1")
        return f"tcp://127.0.0.1:{port}"


def private_folder() -> Path | None:
    """A folder that is ours, mode 0700, with a short name; None where there is none."""
    uid = os.getuid() if hasattr(os, "getuid") else 0
    for folder in (
        Path(jupyter_runtime_dir()) / "sparky",
        Path(tempfile.gettempdir()) / f"sparky-{uid}",
    ):
        if len(os.fsencode(folder)) > PATH_MAX - 30:
            continue
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = folder.lstat()
        except OSError:
            continue
        # Somebody else may have made the one in the shared temporary folder, or a link there.
        if stat.S_ISDIR(found.st_mode) and found.st_uid == uid and not found.st_mode & 0o077:
            return folder
    return None


def sweep_folder(folder: Path, at_most: int = 64) -> None:
    """Remove the sockets of listeners that were killed: nobody answers there any more."""
    with contextlib.suppress(OSError):
        for path in list(folder.iterdir())[:at_most]:
            with sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM) as probe:
                probe.settimeout(0.2)
                try:
                    probe.connect(str(path))
                except ConnectionRefusedError:
                    path.unlink(missing_ok=True)
                except OSError:
                    continue

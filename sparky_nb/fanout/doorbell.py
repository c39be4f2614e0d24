"""The sending side of the doorbell: a non-blocking PUSH to every registered listener (protocol §5).

1. A ring says only "this chat has moved". Losing one costs the listener its fallback poll.
2. The first ring after a pause leaves at once, in the caller's thread; those that follow within
   2 ms are coalesced and leave together from a small thread of this object.
3. A sender never blocks: NOBLOCK, LINGER 0, HWM 1. A dead listener costs one failed call; what it
   would have been told waits (as a set) for the next ring.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterable
from typing import Final

import zmq

from sparky_nb.clock import Clock, SystemClock

COALESCE_SECONDS: Final = 0.002
PENDING_MAX: Final = 4096
SEPARATOR: Final = b"\n"


class Ringer:
    """Tells listeners that chats have moved. All methods may be called from any thread.

    Args:
        clock: measures the pause of rule 2.

    >>> ringer = Ringer()
    >>> ringer.ring("default")  # nobody listens: nothing happens
    >>> ringer.close()
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._changed = threading.Condition()
        self._context: zmq.Context[zmq.Socket[bytes]] | None = None
        self._sockets: dict[str, zmq.Socket[bytes]] = {}
        self._pending: dict[str, set[str]] = {}
        self._later = False
        self._last = float("-inf")
        self._thread: threading.Thread | None = None
        self._closed = False

    def set_endpoints(self, endpoints: Iterable[str]) -> None:
        """Ring these endpoints from now on, and no others. Illegal ones are left out."""
        if self._after_fork() and self._closed:
            return
        wanted = set(endpoints)
        with self._changed:
            if self._closed:
                return
            for endpoint in self._sockets.keys() - wanted:
                self._sockets.pop(endpoint).close(linger=0)
                self._pending.pop(endpoint, None)
            for endpoint in wanted - self._sockets.keys():
                with contextlib.suppress(zmq.ZMQError):  # not an address, or of another platform
                    self._sockets[endpoint] = self._connect(endpoint)
                    self._pending[endpoint] = set()

    def ring(self, chat_id: str) -> None:
        """Tell every listener that ``chat_id`` has moved. Never blocks, never raises."""
        self._after_fork()
        with self._changed:
            if self._closed or not self._sockets:
                return
            for chats in self._pending.values():
                if len(chats) < PENDING_MAX:
                    chats.add(chat_id)
            if self._later:
                return
            now = self._clock.monotonic()
            if now - self._last >= COALESCE_SECONDS:
                self._last = now
                self._send()
            else:
                self._later = True
                self._wake_thread()

    def close(self) -> None:
        """Stop; rings that are pending leave now or never. Closing twice is fine."""
        self._after_fork()
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._send()
            for socket in self._sockets.values():
                socket.close(linger=0)
            self._sockets.clear()
            self._changed.notify_all()
            thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(1.0)
        if self._context is not None:
            self._context.term()

    # -- inside; all with the lock held

    def _after_fork(self) -> bool:
        """In a forked child threads and sockets are the parent's: begin afresh, with no listeners
        until ``set_endpoints`` is called again."""
        if os.getpid() != self._pid:
            endpoints, closed = list(self._sockets), self._closed
            self._begin()
            self._closed = closed
            self.set_endpoints(endpoints)
            return True
        return False

    def _connect(self, endpoint: str) -> zmq.Socket[bytes]:
        if self._context is None:
            self._context = zmq.Context()
        socket = self._context.socket(zmq.PUSH)
        socket.linger = 0
        socket.sndhwm = 1
        socket.reconnect_ivl, socket.reconnect_ivl_max = 100, 5_000
        try:
            socket.connect(endpoint)
        except zmq.ZMQError:
            socket.close(linger=0)
            raise
        return socket

    def _send(self) -> None:
        for endpoint, chats in self._pending.items():
            if not chats:
                continue
            with contextlib.suppress(zmq.ZMQError):  # Again: nobody takes it now; it stays pending
                message = SEPARATOR.join(chat.encode() for chat in chats)
                self._sockets[endpoint].send(message, zmq.NOBLOCK)
                chats.clear()

    def _wake_thread(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._run, name="sparky-ringer", daemon=True, args=(self._changed,)
            )
            self._thread.start()
        self._changed.notify_all()

    def _run(self, changed: threading.Condition) -> None:
        with changed:
            while not self._closed:
                if not self._later:
                    changed.wait()
                    continue
                changed.wait(COALESCE_SECONDS)
                self._later = False
                self._last = self._clock.monotonic()
                if not self._closed:
                    self._send()

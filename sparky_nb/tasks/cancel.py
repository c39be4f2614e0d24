"""How a task is asked, and then made, to stop (protocol.md §5).

1. A request sets the flag. The next emit, print, track or await in each of the task's threads
   raises :class:`TaskCancelled`, once, so that clean-up code may print and emit again.
2. After the grace, one exception is injected into the thread that runs the work.
3. Neither ever happens once the work has stopped: the *gate* is closed then.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable

from sparky_nb.errors import TaskCancelled


class Cancellation:
    """The request to stop one task, seen from its threads.

    Attributes:
        requested: whether somebody has asked; code of the task may look at it.
        reason: what for, shown with the ending.
    """

    def __init__(self) -> None:
        self.requested = False
        self.reason: str | None = None
        self._told: set[int] = set()
        self._wakers: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    def request(self, reason: str | None = None) -> None:
        """Ask the task to stop. Asking again raises again in code that swallowed it."""
        with self._lock:
            self.reason = self.reason or reason
            self.requested = True
            self._told.clear()
            wakers = list(self._wakers)
        for wake in wakers:
            wake()

    def check(self) -> None:
        """Raise :class:`TaskCancelled` if a request has not been raised in this thread yet."""
        if self.requested:
            me = threading.get_ident()
            if me not in self._told:
                self._told.add(me)
                _set_async_exc(me, None)  # one exception, not two, where one was on its way
                raise TaskCancelled(self.reason or "the task was cancelled")

    def told(self) -> None:
        """This thread learns of the request in another way (asyncio's own cancellation)."""
        self._told.add(threading.get_ident())

    def knows(self, thread_id: int) -> bool:
        """Whether the request was raised in that thread."""
        return thread_id in self._told

    def on_request(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Call ``wake`` at each request; returns what takes it off again.

        Where a request came before, ``wake`` is called at once.
        """
        with self._lock:
            self._wakers.append(wake)
            already = self.requested
        if already:
            wake()

        def off() -> None:
            with self._lock:
                if wake in self._wakers:
                    self._wakers.remove(wake)

        return off


class Gate:
    """Where an exception may be injected: open while the work runs in ``thread_id``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread_id: int | None = None

    @property
    def here(self) -> bool:
        """Whether the work runs in this thread. Takes no lock: signal handlers ask."""
        return self._thread_id == threading.get_ident()

    def open(self) -> None:
        """The work begins in this thread."""
        with self._lock:
            self._thread_id = threading.get_ident()

    def close(self) -> None:
        """The work has stopped: nothing may be injected any more, nor what was arrive late."""
        with self._lock:
            if self._thread_id is not None:
                _set_async_exc(self._thread_id, None)
            self._thread_id = None

    def inject(self, unless: Callable[[int], bool]) -> None:
        """Raise :class:`TaskCancelled` in the work's thread at its next bytecode, if it is open.

        Args:
            unless: says of a thread's id that it needs no such thing.
        """
        with self._lock:
            if self._thread_id is not None and not unless(self._thread_id):
                _set_async_exc(self._thread_id, TaskCancelled)


def _set_async_exc(thread_id: int, exception: type[BaseException] | None) -> int:
    # https://docs.python.org/3/c-api/init.html#c.PyThreadState_SetAsyncExc
    argument = ctypes.py_object(exception) if exception is not None else None
    return int(ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread_id), argument))

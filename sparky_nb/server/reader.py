"""The door from the server's loop to the log: every call runs in one of two small pools of threads.

Where the log can't be opened the server still runs: each call raises ``LogUnavailable`` with the
reason, and opening is tried again now and then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Concatenate, Final, ParamSpec, TypeVar

from sparky_nb.clock import Clock
from sparky_nb.errors import LogUnavailable, SparkyError
from sparky_nb.log.base import Log

THREADS: Final = 4
TRY_AGAIN_SECONDS: Final = 5.0

P = ParamSpec("P")
T = TypeVar("T")


class LogDoor:
    """Opens a log, and calls it off the loop.

    Args:
        opener: opens the log; may raise any ``SparkyError`` or ``OSError``.
        clock: for when to try again.

    Attributes:
        why_not: why there is no log, or None.
    """

    def __init__(self, opener: Callable[[], Log], clock: Clock) -> None:
        self._opener, self._clock = opener, clock
        self._log: Log | None = None
        self.why_not: str | None = "the log is not open yet"
        self._tried = float("-inf")
        self._opening: asyncio.Lock = asyncio.Lock()
        self._closed = False
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="sparky-log")
        # Whoever writes may wait for seconds; those who watch must not wait with him.
        self._readers = ThreadPoolExecutor(THREADS, thread_name_prefix="sparky-read")
        # ``change_token`` compares with the same thread's last call, so it has a thread of its own.
        self._watcher = ThreadPoolExecutor(1, thread_name_prefix="sparky-watch")

    @property
    def is_open(self) -> bool:
        """Whether there is a log."""
        return self._log is not None

    async def open(self) -> Log:
        """The log; opens it, unless it was tried in vain less than 5 s ago.

        Raises:
            LogUnavailable: with the reason.
        """
        if self._log is not None:
            return self._log
        async with self._opening:
            if self.is_open:  # by whoever had the lock before
                return self._log  # type: ignore[return-value]  # mypy knows no other coroutines
            if self._closed:
                raise LogUnavailable("the server is shutting down")
            now = self._clock.monotonic()
            if now - self._tried < TRY_AGAIN_SECONDS:
                raise LogUnavailable(f"the log can't be opened: {self.why_not}")
            try:
                self._log = await self._in(self._pool, self._opener)
            except (SparkyError, OSError, ImportError) as error:
                self.why_not, self._tried = str(error), self._clock.monotonic()
                raise LogUnavailable(f"the log can't be opened: {error}") from error
            self.why_not = None
            return self._log

    async def call(
        self, method: Callable[Concatenate[Log, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """``method(log, …)`` in the pool, for instance ``call(Log.position, chat_id)``.

        A method of the contract is named there, so that types are checked, and looked up in the
        log that is; any other function is simply called with the log.
        """
        return await self._call(self._pool, method, *args, **kwargs)

    async def read(
        self, method: Callable[Concatenate[Log, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Like ``call`` for what only reads, and quickly: no busy log holds it up."""
        return await self._call(self._readers, method, *args, **kwargs)

    async def _call(
        self,
        pool: ThreadPoolExecutor,
        method: Callable[Concatenate[Log, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        log = await self.open()
        name = method.__name__
        if getattr(Log, name, None) is method:
            return await self._in(pool, lambda: getattr(log, name)(*args, **kwargs))
        return await self._in(pool, lambda: method(log, *args, **kwargs))

    async def change_token(self) -> int:
        """The log's change token, always read in one thread."""
        log = await self.open()
        return await self._in(self._watcher, log.change_token)

    async def close(self) -> None:
        """Let what is under way end, then close the log."""
        async with self._opening:
            self._closed = True
            log, self._log = self._log, None
            self.why_not = "the server is shutting down"
        # Not while a thread still reads: it would read from a connection that is closed.
        for pool in (self._watcher, self._readers, self._pool):
            await asyncio.to_thread(pool.shutdown)
        if log is not None:
            await asyncio.to_thread(log.close)

    async def _in(self, pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, work)
        except RuntimeError as error:
            if self._closed:  # "cannot schedule new futures after shutdown"
                raise LogUnavailable("the server is shutting down") from error
            raise

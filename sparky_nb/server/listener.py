"""The server among the processes that share the log: it hears their rings, rings theirs, shows that
it lives, and declares the tasks of the dead lost (protocol.md §5)."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import Final

from sparky_nb._version import __version__
from sparky_nb.clock import Clock
from sparky_nb.fanout import Bell, Ringer
from sparky_nb.ids import new_nonce
from sparky_nb.log.base import Log, RunnerRow
from sparky_nb.log.liveness import LeaseObserver, RunnerIdentity
from sparky_nb.log.sweep import sweep
from sparky_nb.server.feed import Feed
from sparky_nb.server.reader import LogDoor

RENEW_SECONDS: Final = 10.0
ENDPOINTS_SECONDS: Final = 1.0


class Listener:
    """Connects the log's doorbell with the feed. Use it on one loop.

    Args:
        door: the log.
        feed: who is to be woken.
        clock: for leases.
    """

    def __init__(self, door: LogDoor, feed: Feed, clock: Clock) -> None:
        self._door, self._feed, self._clock = door, feed, clock
        self._bell: Bell | None = None
        self._ringer = Ringer(clock)
        self._observer = LeaseObserver(clock)
        self._row: RunnerRow | None = None
        self.runners: list[RunnerRow] = []
        self._endpoints_at = float("-inf")

    async def start(self) -> None:
        """Listen. Needs no log."""
        self._bell = Bell("server")
        loop = asyncio.get_running_loop()
        loop.add_reader(self._bell.fileno(), self._hear)
        self._hear()

    async def ring(self, chat_id: str) -> None:
        """This server has changed ``chat_id``: tell its own viewers, and everybody else."""
        self._feed.ring(chat_id)
        if self._clock.monotonic() - self._endpoints_at > ENDPOINTS_SECONDS:
            await self._find_endpoints()
        self._ringer.ring(chat_id)

    async def renew(self) -> list[str]:
        """Register, or renew the lease; sweep the dead. The tasks that were declared lost."""
        if self._row is None or not await self._door.call(Log.renew, self._row.runner_id):
            self._row = self._new_row()
            await self._door.call(Log.register, self._row)
        lost = await self._door.call(sweep, self._observer, self._clock)
        for row in [await self._door.call(Log.task, task_id) for task_id in lost]:
            await self.ring(row.chat_id)
        await self._find_endpoints()
        return lost

    async def close(self) -> None:
        """Unregister and listen no more."""
        if self._row is not None and self._door.is_open:
            with contextlib.suppress(Exception):  # the log may be gone; others will sweep us
                await self._door.call(Log.unregister, self._row.runner_id)
            self._row = None
        if self._bell is not None:
            asyncio.get_running_loop().remove_reader(self._bell.fileno())
            self._bell.close()
            self._bell = None
        self._ringer.close()

    def _hear(self) -> None:
        if self._bell is not None:
            for chat_id in self._bell.drain():
                self._feed.ring(chat_id)

    def _new_row(self) -> RunnerRow:
        return RunnerRow(
            runner_id=RunnerIdentity.current(new_nonce()).runner_id,
            role="server",
            endpoint=self._bell.endpoint if self._bell else None,
            chat_id=None,
            version=0,
            started=self._clock.now_ms(),
            info={"pid": os.getpid(), "version": __version__},
        )

    async def _find_endpoints(self) -> None:
        self._endpoints_at = self._clock.monotonic()
        rows = self.runners = await self._door.call(Log.runners)
        own = self._bell.endpoint if self._bell else None
        self._ringer.set_endpoints([r.endpoint for r in rows if r.endpoint and r.endpoint != own])

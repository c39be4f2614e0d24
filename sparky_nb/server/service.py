"""Everything that a running server has, made and closed in one place; handlers are given it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Concatenate, Final, ParamSpec, TypeVar

from sparky_nb.clock import Clock
from sparky_nb.errors import LogUnavailable, SparkyError
from sparky_nb.events.states import RUNNING, WAITING
from sparky_nb.log.base import Log, TaskRow
from sparky_nb.schedules import tick
from sparky_nb.server.feed import Feed
from sparky_nb.server.limits import Buckets
from sparky_nb.server.listener import RENEW_SECONDS, Listener
from sparky_nb.server.presence import Presence
from sparky_nb.server.reader import LogDoor
from sparky_nb.server.settings import Settings

WATCHED_POLL_SECONDS: Final = 0.25
IDLE_POLL_SECONDS: Final = 2.0
TICK_SECONDS: Final = 0.5
AFTER_TROUBLE_SECONDS: Final = 5.0

P = ParamSpec("P")
T = TypeVar("T")


class Service:
    """The log's door, the feed, the viewers, and the chores that go on beside them.

    Args:
        opener: opens the log.
        settings: the limits.
        clock: the only one here.
        log: where the server logs.
        active: called, on the loop, with the tasks that run now, every 10 s while there are any.
    """

    def __init__(
        self,
        opener: Callable[[], Log],
        settings: Settings,
        clock: Clock,
        log: logging.Logger,
        active: Callable[[list[TaskRow]], None] = lambda rows: None,
    ) -> None:
        self.settings, self.clock, self.log = settings, clock, log
        self.door = LogDoor(opener, clock)
        self.feed = Feed(self.door, clock)
        self.presence = Presence(settings, clock)
        self.listener = Listener(self.door, self.feed, clock)
        self.command_rates = Buckets(settings.commands, clock)
        self.request_rates = Buckets(settings.requests, clock)
        self.closing = False
        self._active = active
        self._chores: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin; a log that can't be opened is tried again later."""
        if self.closing:
            return
        await self.listener.start()
        try:
            await self.door.open()
        except LogUnavailable as error:
            self.log.warning("sparky_nb: %s", error)
        if not self.closing:  # it may have been stopped meanwhile
            chores = {
                self._look: self._poll_seconds,
                self._tend: lambda: RENEW_SECONDS,
                self._tick: lambda: TICK_SECONDS,
                self._tick_viewers: lambda: TICK_SECONDS,
            }
            self._chores = [asyncio.create_task(self._repeat(*it)) for it in chores.items()]

    async def call(
        self, method: Callable[Concatenate[Log, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """``method(log, …)`` off the loop; see ``LogDoor.call``."""
        return await self.door.call(method, *args, **kwargs)

    async def close(self) -> None:
        """Say goodbye to every viewer, end the chores, close the log. Twice is fine."""
        if self.closing:
            return
        self.closing = True
        self.presence.close()
        self.feed.ring_all()
        # At once: each may take its time, and one that fails must not keep the others.
        goodbyes = [viewer.shut_down() for viewer in self.presence]
        await asyncio.gather(*goodbyes, return_exceptions=True)
        for chore in self._chores:
            chore.cancel()
        await asyncio.gather(*self._chores, return_exceptions=True)
        await self.listener.close()
        await self.door.close()

    # -- chores

    def _poll_seconds(self) -> float:
        return WATCHED_POLL_SECONDS if self.feed.hub.watched else IDLE_POLL_SECONDS

    async def _look(self) -> None:
        """Where a ring was lost, this notices."""
        token = await self.door.change_token()
        if token != self._token:
            self._token = token
            self.feed.ring_all()

    _token: int | None = None

    async def _tend(self) -> None:
        """Lease, the dead, the culler, and the log's own chores."""
        for task_id in await self.listener.renew():
            self.log.info("sparky_nb: declared lost task=%s", task_id)
        rows = await self.call(Log.tasks, states=[RUNNING, WAITING], limit=1000)
        if rows:
            self._active(rows)
        await self.call(Log.maintain)

    async def _tick_viewers(self) -> None:
        """Heartbeats, pings, rights, and writes that are blocked too long."""
        for viewer in self.presence:
            viewer.tick()

    async def _tick(self) -> None:
        """What is due by a schedule is queued; runners take it."""
        fired, _ = await self.call(tick, self.clock.now_ms())
        for one in fired:
            self.log.info("sparky_nb: schedule=%s made task=%s", one.schedule_id, one.task_id)
            await self.listener.ring(one.chat_id)

    async def _repeat(
        self, chore: Callable[[], Awaitable[None]], seconds: Callable[[], float]
    ) -> None:
        troubled = False
        while True:
            try:
                await chore()
                troubled = False
            except (SparkyError, OSError) as error:
                self.log.log(logging.DEBUG if troubled else logging.WARNING, "sparky_nb: %s", error)
                troubled = True
            except Exception:  # a chore that stops for good would be worse than a noisy one
                self.log.exception("sparky_nb: a chore failed")
                troubled = True
            await asyncio.sleep(AFTER_TROUBLE_SECONDS if troubled else seconds())

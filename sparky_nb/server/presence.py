"""Who is watching what on this server. Keyed by connection: names of users are for display."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Protocol

from sparky_nb.clock import Clock
from sparky_nb.errors import RateLimited
from sparky_nb.server.settings import Settings
from sparky_nb.stream.frames import ViewerInfo

FULL_RETRY_SECONDS = 10.0
SETTLE_SECONDS = 0.1
AT_MOST_EVERY = 1.0


class Viewer(Protocol):
    """One connection that watches a chat."""

    chat_id: str
    info: ViewerInfo

    @property
    def user(self) -> str: ...

    def show_viewers(self, viewers: list[ViewerInfo]) -> None:
        """Tell the person who else is there."""

    def tick(self) -> None:
        """Do what is due by the clock."""

    async def shut_down(self) -> None:
        """Say goodbye and close."""


class Presence:
    """The connections of this server. Use it on one loop."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._viewers: dict[str, dict[str, Viewer]] = {}
        self._users: dict[str, int] = {}
        self._total = 0
        self._told: dict[str, float] = {}
        self._telling: dict[str, asyncio.TimerHandle] = {}

    def __iter__(self) -> Iterator[Viewer]:
        return iter([v for viewers in self._viewers.values() for v in viewers.values()])

    def __len__(self) -> int:
        return self._total

    def count(self, chat_id: str) -> int:
        """How many watch ``chat_id``."""
        return len(self._viewers.get(chat_id, ()))

    def check_room(self, chat_id: str, user: str) -> None:
        """Raise RateLimited where one more viewer is one too many. Who is let in joins before
        anybody else has a turn on the loop."""
        settings = self._settings
        if (
            self._total >= settings.max_viewers
            or self.count(chat_id) >= settings.max_viewers_per_chat
            or self._users.get(user, 0) >= settings.max_viewers_per_user
        ):
            raise RateLimited(FULL_RETRY_SECONDS)

    def join(self, viewer: Viewer) -> None:
        """``viewer`` watches from now on."""
        self._viewers.setdefault(viewer.chat_id, {})[viewer.info.id] = viewer
        self._users[viewer.user] = self._users.get(viewer.user, 0) + 1
        self._total += 1
        self._tell_soon(viewer.chat_id)

    def leave(self, viewer: Viewer) -> None:
        """``viewer`` is gone; twice is fine."""
        viewers = self._viewers.get(viewer.chat_id, {})
        if viewers.pop(viewer.info.id, None) is None:
            return
        self._total -= 1
        self._users[viewer.user] -= 1
        if not self._users[viewer.user]:
            del self._users[viewer.user]
        if viewers:
            self._tell_soon(viewer.chat_id)
        else:
            del self._viewers[viewer.chat_id]
            self._told.pop(viewer.chat_id, None)
            if (timer := self._telling.pop(viewer.chat_id, None)) is not None:
                timer.cancel()

    def close(self) -> None:
        """Tell nobody any more."""
        for timer in self._telling.values():
            timer.cancel()
        self._telling.clear()

    def _tell_soon(self, chat_id: str) -> None:
        """At most once a second, but soon after the first change."""
        if chat_id in self._telling:
            return
        since = self._clock.monotonic() - self._told.get(chat_id, float("-inf"))
        wait = max(SETTLE_SECONDS, AT_MOST_EVERY - since)
        loop = asyncio.get_running_loop()
        self._telling[chat_id] = loop.call_later(wait, self._tell, chat_id)

    def _tell(self, chat_id: str) -> None:
        self._telling.pop(chat_id, None)
        self._told[chat_id] = self._clock.monotonic()
        viewers = self._viewers.get(chat_id, {})
        infos = [viewer.info for viewer in viewers.values()]
        for viewer in viewers.values():
            viewer.show_viewers(infos)

"""Who is to be woken in this process, on its loop: flags only, no payloads.

However many events come, a viewer that is busy costs one flag; one that is woken reads the log.
"""

from __future__ import annotations

import asyncio
from types import TracebackType

from sparky_nb.ids import INDEX_CHAT


class Wake:
    """One flag of one viewer. ``wait`` takes it down as it returns.

    Made by :meth:`Hub.subscribe`; leaving the ``with`` block unsubscribes.
    """

    def __init__(self, hub: Hub, chat_id: str) -> None:
        self.chat_id = chat_id
        self._hub = hub
        self._flag = asyncio.Event()

    def set(self) -> None:
        """Put the flag up."""
        self._flag.set()

    def clear(self) -> None:
        """Take the flag down. Do it *before* a read, so that what comes after it wakes again."""
        self._flag.clear()

    async def wait(self, timeout: float | None = None) -> bool:
        """Wait until the flag is up, and take it down; False after ``timeout`` seconds."""
        if timeout is None:
            await self._flag.wait()
        else:
            try:
                async with asyncio.timeout(timeout):
                    await self._flag.wait()
            except TimeoutError:
                return False
        self._flag.clear()
        return True

    def __enter__(self) -> Wake:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._hub.unsubscribe(self)


class Hub:
    """All flags of this process by chat. Use it on one loop."""

    def __init__(self) -> None:
        self._wakes: dict[str, set[Wake]] = {}

    def subscribe(self, chat_id: str) -> Wake:
        """A flag that goes up whenever ``chat_id`` is rung; use it as a context manager."""
        wake = Wake(self, chat_id)
        self._wakes.setdefault(chat_id, set()).add(wake)
        return wake

    def unsubscribe(self, wake: Wake) -> None:
        """Forget ``wake``; doing it twice is fine."""
        wakes = self._wakes.get(wake.chat_id)
        if wakes is not None:
            wakes.discard(wake)
            if not wakes:
                del self._wakes[wake.chat_id]

    def ring(self, chat_id: str) -> None:
        """Wake whoever watches ``chat_id``, and the overview, which may have moved with it."""
        for name in {chat_id, INDEX_CHAT}:
            for wake in self._wakes.get(name, ()):
                wake.set()

    def ring_all(self) -> None:
        """Wake everybody: something has moved, nobody knows what."""
        for wakes in self._wakes.values():
            for wake in wakes:
                wake.set()

    @property
    def watched(self) -> set[str]:
        """The chats that somebody watches."""
        return set(self._wakes)

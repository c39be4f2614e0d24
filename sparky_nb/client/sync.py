"""The client without asyncio: the same calls and the same stream, on a loop in a thread of its own.

with SparkyClient("http://localhost:8888/?token=…") as server:
    print(server.tasks())
    with server.watch("default") as chat:
        for event in chat: ...
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, TypeVar

from sparky_nb.client import calls, chat
from sparky_nb.client.chat import Update
from sparky_nb.events.model import Event
from sparky_nb.stream import Start

T = TypeVar("T")


class Loop:
    """An event loop in a daemon thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="sparky-client", daemon=True
        )
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of ``work``; Ctrl-C here cancels it there."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """Stop. Twice is fine."""
        if self._loop.is_closed():
            return
        self.run(_cancel_others())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class SparkyClient:
    """Every method of :class:`sparky_nb.client.SparkyClient`, blocking.

    Args:
        url, token, timeout: as there.
    """

    def __init__(
        self, url: str, token: str | None = None, *, timeout: float = calls.TIMEOUT
    ) -> None:
        self._async = calls.SparkyClient(url, token, timeout=timeout)
        self._loop = Loop()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._async, name)
        if name.startswith("_") or not callable(method):
            raise AttributeError(name)

        def blocking(*args: Any, **kwargs: Any) -> Any:
            return self._loop.run(method(*args, **kwargs))

        return blocking

    def watch(self, chat_id: str, *, start: Start | None = None) -> ChatClient:
        """The chat's stream."""
        address = self._async.address
        return ChatClient(address.url, chat_id, token=address.token, start=start)

    def close(self) -> None:
        """Close what is open. Twice is fine."""
        self._async.close()
        self._loop.close()

    def __enter__(self) -> SparkyClient:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


class ChatClient:
    """Events of one chat, blocking; see :class:`sparky_nb.client.ChatClient`."""

    def __init__(
        self, url: str, chat_id: str, *, token: str | None = None, start: Start | None = None
    ) -> None:
        self._loop = Loop()
        self._async = chat.ChatClient(url, chat_id, token=token, start=start)

    @property
    def connection(self) -> str:
        """The state to show: ``live``, ``reconnecting`` …"""
        return self._async.connection

    def __iter__(self) -> Iterator[Event]:
        """The events."""
        return (update for update in self.updates() if isinstance(update, Event))

    def updates(self) -> Iterator[Update]:
        """The events, and what happens to the connection."""
        updates = self._async.updates()
        try:
            while True:
                update = self._loop.run(_next(updates))
                if update is None:
                    return
                yield update
        finally:
            self._loop.run(self._async.close())

    def close(self) -> None:
        """Close the connection. Twice is fine."""
        self._loop.close()

    def __enter__(self) -> ChatClient:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


async def _next(updates: AsyncIterator[Update]) -> Update | None:
    return await anext(updates, None)


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)

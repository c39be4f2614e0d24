"""Tornado's WebSocket, but polite to whoever sends a frame that is too large to be read.

Tornado drops the connection in the middle of such a frame, so what it says about it is lost on the
way (the kernel answers unread bytes with a reset). Here the rest of the frame is read and thrown
away, in pieces, so that the goodbye and the close code arrive.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClosedError, WebSocketHandler, WebSocketProtocol13

from sparky_nb.stream import CloseCode

TORNADO_TOO_LARGE: Final = 1009
DRAIN_BYTES: Final = 512 * 1024 * 1024
DRAIN_SECONDS: Final = 20.0
QUIET_SECONDS: Final = 2.0
"""Who sends nothing for so long has sent the frame, and has had the time to read the goodbye."""
PIECE: Final = 64 * 1024


class PoliteProtocol(WebSocketProtocol13):
    """See the module. ``farewell`` gives the texts to send before the close."""

    farewell: Callable[[], list[bytes]]
    _draining: asyncio.Task[None] | None = None

    @classmethod
    def of(
        cls,
        handler: WebSocketHandler,
        protocol: object,
        farewell: Callable[[], list[bytes]],
    ) -> PoliteProtocol | None:
        """The same as ``protocol``, which Tornado made for ``handler``."""
        if not isinstance(protocol, WebSocketProtocol13):
            return None
        polite = cls(handler, False, protocol.params)
        polite.farewell = farewell
        return polite

    def send(self, text: bytes) -> asyncio.Future[None]:
        """Write a text frame, already UTF-8; done when the kernel has all of it.

        Tornado's ``write_message`` makes a task for each frame, only to turn one error into
        another; with many viewers of a lively chat that is much of the server's time.

        Raises:
            StreamClosedError: also when it is awaited.
        """
        return self._write_frame(True, 0x1, text)

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """As Tornado's, except for frames that are too large."""
        if code == TORNADO_TOO_LARGE and not self.server_terminated:
            code, reason = int(CloseCode.FRAME_TOO_LARGE), "frame too large"
            with contextlib.suppress(WebSocketClosedError):
                for text in self.farewell():
                    self.write_message(text)
            super().close(code, reason)
            # Ends Tornado's reading loop: what follows is not the beginning of a frame.
            self.client_terminated = True
            self._draining = asyncio.create_task(self._drain())
        elif self._draining is None:
            super().close(code, reason)

    def _abort(self) -> None:
        if self._draining is None or self._draining.done():
            super()._abort()

    async def _drain(self) -> None:
        """Throw away what still comes, within bounds, then close for good."""
        left = DRAIN_BYTES
        with contextlib.suppress(StreamClosedError, TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                while left > 0 and self.stream is not None:
                    async with asyncio.timeout(QUIET_SECONDS):
                        left -= len(await self.stream.read_bytes(PIECE, partial=True))
        self._draining = None
        super()._abort()

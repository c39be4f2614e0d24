"""A bad network: a proxy on loopback that delays, cuts in the middle of a frame, or swallows.

async with BadNetwork("127.0.0.1", 8888) as network:
    client = ChatClient(f"http://127.0.0.1:{network.port}/", "default")
    network.cut()                    # every connection, now
    network.cut_after(10_000)        # each connection, after so many bytes from the server
    with network.black_hole(): ...   # connections stay open, and nothing arrives any more
    with network.down(): ...         # new connections are refused, old ones are cut
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Final

PIECE: Final = 16 * 1024


class BadNetwork:
    """See the module. Use it on one loop.

    Args:
        host, port: of the server.
        delay: seconds that each piece waits, in both directions.
    """

    def __init__(self, host: str, port: int, *, delay: float = 0.0) -> None:
        self._target = (host, port)
        self.delay = delay
        self.port = 0
        self.connections = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._running: set[asyncio.Task[None]] = set()
        self._limit: int | None = None
        self._down = False
        self._flows = asyncio.Event()
        self._flows.set()

    async def __aenter__(self) -> BadNetwork:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._running:
            task.cancel()
        self.cut()
        await asyncio.gather(*self._running, return_exceptions=True)

    def cut(self) -> None:
        """Reset every connection now, with whatever is under way."""
        for writer in list(self._writers):
            writer.transport.abort()

    def cut_after(self, size: int | None) -> None:
        """Reset each connection, from the next one on, after ``size`` bytes from the server; None:
        no more."""
        self._limit = size

    @contextlib.contextmanager
    def black_hole(self) -> Iterator[None]:
        """Nothing arrives, in neither direction, and nobody is told."""
        self._flows.clear()
        try:
            yield
        finally:
            self._flows.set()

    @contextlib.contextmanager
    def down(self) -> Iterator[None]:
        """There is no network, and both sides know."""
        self._down = True
        self.cut()
        try:
            yield
        finally:
            self._down = False

    # -- inside

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        self._writers.add(writer)
        try:
            if not self._down:
                await self._join(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # that is what it is for
        finally:
            self._running.discard(task)
            self._writers.discard(writer)
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        self._writers.add(far_writer)
        limit = self._limit
        pumps = {
            asyncio.create_task(self._pump(reader, far_writer, None)),
            asyncio.create_task(self._pump(far_reader, writer, limit)),
        }
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            self._writers.discard(far_writer)
            far_writer.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limit: int | None
    ) -> None:
        passed = 0
        while data := await reader.read(PIECE):
            if self.delay:
                await asyncio.sleep(self.delay)
            await self._flows.wait()
            if limit is not None and passed + len(data) >= limit:
                writer.write(data[: limit - passed])
                with contextlib.suppress(OSError):
                    await writer.drain()
                return
            passed += len(data)
            writer.write(data)
            await writer.drain()

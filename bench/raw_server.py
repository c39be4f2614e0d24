"""The limit of a socket on this machine: bare Tornado that sends frames that were encoded before.

``python -m bench.raw_server PORT FILE``: a client gets each line of FILE as a frame, then ``{}``; a
client that sends ``n`` gets the time back at once (for latency).
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tornado.web import Application
from tornado.websocket import WebSocketHandler


def main(port: int, file: Path) -> None:
    """Serve until the process is ended."""
    frames = file.read_text("utf-8").splitlines()

    class Replay(WebSocketHandler):
        def get_compression_options(self) -> None:
            return None

        async def open(self) -> None:  # type: ignore[override]  # Tornado takes both kinds
            self.set_nodelay(True)
            for frame in frames:
                await self.write_message(frame)
            await self.write_message("{}")

        def on_message(self, message: str | bytes) -> None:
            self.write_message(message)

    async def serve() -> None:
        Application([("/", Replay)]).listen(port, "127.0.0.1")
        await asyncio.Event().wait()

    asyncio.run(serve())


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))

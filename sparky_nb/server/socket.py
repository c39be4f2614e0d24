"""``chats/{chat}/socket``: authenticate, authorise, then let a Sender speak (protocol.md §3).

One coroutine per viewer reads, writes and waits in turn. It awaits each write, so TCP's
back-pressure is the flow control, and a viewer that stalls holds one batch and one flag.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Final

from jupyter_server.auth.decorator import ws_authenticated
from jupyter_server.base.websocket import WebSocketMixin
from tornado.iostream import StreamClosedError
from tornado.web import HTTPError
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from sparky_nb.errors import InvalidArgument, NotFound, RateLimited, SparkyError
from sparky_nb.fanout import Wake
from sparky_nb.ids import check_chat_id, new_nonce
from sparky_nb.server.access import Access
from sparky_nb.server.commands import submit
from sparky_nb.server.limits import TokenBucket
from sparky_nb.server.overview import position
from sparky_nb.server.polite import PoliteProtocol
from sparky_nb.server.routing import answer_error, query_of
from sparky_nb.stream import INBOUND_MAX, SUBPROTOCOL, CloseCode, Sender, Start, parse_start
from sparky_nb.stream.frames import CommandFrame, ViewerInfo
from sparky_nb.stream.sender import Close, Instruction, Send, Submit

COALESCE_SECONDS: Final = 0.01
PING_SECONDS: Final = 30.0
TRANSPORT_MAX: Final = 256 * 1024
"""Larger frames are not even read; those above 64 KiB get a polite goodbye either way."""


class ChatSocketHandler(WebSocketMixin, WebSocketHandler, Access):
    """One socket: one chat, one viewer, one cursor."""

    auth_resource = "sparky_nb:chats"
    chat_id: str
    info: ViewerInfo
    sender: Sender
    _wake: Wake

    @ws_authenticated
    async def get(self, chat_id: str) -> None:
        """The handshake: refused with 400, 401, 403, 404, 429 or 503, or upgraded."""
        try:
            await self.allow("read")
            if self.request.headers.get("Upgrade", "").lower() != "websocket":
                raise InvalidArgument("Upgrade", "websocket: this is the address of a socket")
            self.chat_id = check_chat_id(chat_id, system=True)
            start = parse_start(query_of(self))
            await self.service.door.open()
            # Nobody else has a turn from here until ``open`` has let this one join.
            self.service.presence.check_room(self.chat_id, self.user)
            if self.service.closing:
                raise HTTPError(503)
        except SparkyError as error:
            answer_error(self, error)
            return
        with self.service.feed.hub.subscribe(self.chat_id) as self._wake:
            self._begin(start)
            await super().get(chat_id)  # to the end of the socket, where it becomes one

    def _begin(self, start: Start) -> None:
        service = self.service
        self.info = self.shown_as(new_nonce() + new_nonce())
        self.sender = Sender(
            chat=self.chat_id,
            viewer=self.info.id,
            user=self.shown_user,
            start=start,
            clock=service.clock,
            heartbeat_ms=round(service.settings.heartbeat_seconds * 1000),
        )
        self._frames = TokenBucket(service.settings.frames, service.clock)
        self._writing = asyncio.Lock()
        self._writing_since: float | None = None
        self._others: list[ViewerInfo] | None = None
        self._pinged = self._checked = service.clock.monotonic()
        self._greeted = asyncio.Event()
        self._loop_task: asyncio.Task[None] | None = None

    # -- the transport

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        """Echo ours, if it is offered."""
        return SUBPROTOCOL if SUBPROTOCOL in subprotocols else None

    def get_websocket_protocol(self) -> PoliteProtocol | None:
        """Tornado's, but polite to those who send too much."""
        return PoliteProtocol.of(self, super().get_websocket_protocol(), self._too_large)

    @property
    def max_message_size(self) -> int:
        """Bytes of a frame that are read at all."""
        return TRANSPORT_MAX

    @property
    def ping_interval(self) -> int:
        """0: pings are sent by our own loop, which says goodbye when they are not answered."""
        return 0

    async def open(self, *args: str) -> None:
        """The socket is open."""
        super().open(*args)
        # The identity provider is asked again later, and may want to renew a cookie.
        self.set_cookie = _meaningless  # type: ignore[method-assign]
        self.service.presence.join(self)
        self._loop_task = asyncio.create_task(self._run())

    def on_pong(self, data: bytes) -> None:
        """The other end answers."""
        super().on_pong(data)  # type: ignore[no-untyped-call]  # Jupyter's
        self.sender.heard()

    async def on_message(self, message: str | bytes) -> None:
        """A frame. Tornado reads the next one when this has ended."""
        await self._greeted.wait()  # hello comes first
        if self._frames.take() > 0:
            await self._do(self._too_many())
            return
        await self._do(self.sender.receive(message))

    def on_close(self) -> None:
        """The socket is closed, by whomever."""
        self.service.presence.leave(self)
        if self._loop_task is not None:
            self._loop_task.cancel()
            how = self.close_code
            self.log.info("viewer left chat=%s viewer=%s code=%s", self.chat_id, self.info.id, how)

    # -- what the service says

    def show_viewers(self, viewers: list[ViewerInfo]) -> None:
        """Told when this viewer's turn comes; only the newest list waits."""
        self._others = viewers
        self._wake.set()

    def tick(self) -> None:
        """Time has passed. Called twice a second, in place of timers of each viewer."""
        settings, now = self.service.settings, self.service.clock.monotonic()
        since = self._writing_since
        if since is not None:
            if now - since >= settings.write_timeout:
                self._too_slow()
        elif (
            self.sender.due <= 0
            or now - self._pinged >= PING_SECONDS
            or now - self._checked >= settings.recheck_seconds
        ):
            self._wake.set()

    async def shut_down(self) -> None:
        """The server stops."""
        jitter = 250 + (int(self.info.id, 16) % 1000)  # not everybody at once
        out = self.sender.close(CloseCode.SHUTDOWN, "the server stops", retry_after_ms=jitter)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await self._do(out)

    # -- the loop of this viewer

    async def _run(self) -> None:
        try:
            await self._do(self.sender.open(await self.service.door.read(position, self.chat_id)))
            self._greeted.set()
            self._say_joined()
            await self._watch()
        except NotFound:
            await self._do(self.sender.no_chat())
        except (WebSocketClosedError, StreamClosedError):
            self.log.debug("socket closed chat=%s viewer=%s", self.chat_id, self.info.id)
        except SparkyError as error:
            # The log is away: any server over it goes on where this one stops.
            self.log.warning("sparky_nb: chat=%s: %s", self.chat_id, error)
            await self._do(self.sender.close(CloseCode.SHUTDOWN, str(error), retry_after_ms=2_000))
        except Exception:  # the top of this viewer's task: it must not hang open and silent
            self.log.exception("sparky_nb: viewer failed chat=%s", self.chat_id)
            await self._do(self.sender.close(CloseCode.SHUTDOWN, "an error of the server"))

    async def _watch(self) -> None:
        feed, clock = self.service.feed, self.service.clock
        written = float("-inf")
        while (wants := self.sender.wants) is not None:
            self._wake.clear()
            batch = await feed.batch(self.chat_id, *wants)
            if batch.count and batch.last < batch.head:
                feed.prefetch(self.chat_id, batch.epoch, batch.last)
            await self._do(self.sender.batch(batch))
            if batch.count:
                if batch.last < batch.head:
                    await asyncio.sleep(0)  # others have their turn, however fast this one reads
                    continue
                written = clock.monotonic()
            await self._chores()
            await self._wake.wait()
            pause = written + COALESCE_SECONDS - clock.monotonic()
            if pause > 0:
                await asyncio.sleep(pause)

    async def _chores(self) -> None:
        """What time brings: who else is there, heartbeats, signs of life, rights."""
        if self._others is not None:
            others, self._others = self._others, None
            await self._do(self.sender.viewers(others))
        await self._do(self.sender.tick())
        now = self.service.clock.monotonic()
        if now - self._pinged >= PING_SECONDS:
            self._pinged = now
            with contextlib.suppress(WebSocketClosedError):
                self.ping(b"")
        if now - self._checked >= self.service.settings.recheck_seconds:
            self._checked = now
            await self._check_again()

    async def _check_again(self) -> None:
        if not await self.still_known():
            await self._do(self.sender.close(CloseCode.SIGNED_OUT, "signed out"))
        elif not await self.may("read"):
            await self._do(self.sender.close(CloseCode.FORBIDDEN, "the right to read is gone"))

    # -- doing what the sender says

    async def _do(self, instructions: list[Instruction]) -> None:
        for instruction in instructions:
            match instruction:
                case Send():
                    await self._write(instruction.text)
                case Close():
                    self.close(int(instruction.code), instruction.reason[:120])
                case Submit():
                    await self._do(await self._submit(instruction.command))

    async def _write(self, text: bytes) -> None:
        connection = self.ws_connection
        if not isinstance(connection, PoliteProtocol):  # closed
            return
        async with self._writing:
            self._writing_since = self.service.clock.monotonic()
            try:
                await connection.send(text)
            except StreamClosedError:
                self.log.debug("socket closed chat=%s viewer=%s", self.chat_id, self.info.id)
            finally:
                self._writing_since = None

    def _too_slow(self) -> None:
        """A write is blocked. The goodbye will hardly arrive; it is short, and the last."""
        for last in self.sender.close(CloseCode.TOO_SLOW, "a write was blocked too long"):
            if isinstance(last, Send):
                with contextlib.suppress(WebSocketClosedError):
                    self.write_message(last.text)
        self.close(int(CloseCode.TOO_SLOW), "too slow")

    async def _submit(self, command: CommandFrame) -> list[Instruction]:
        try:
            wait = self.service.command_rates.take(self.user)
            if wait > 0:
                raise RateLimited(round(wait, 3))
            done = await submit(self, self.chat_id, command)
        except SparkyError as error:
            return self.sender.refused(command.id, error)
        return self.sender.accepted(command.id, done.offset)

    def _too_many(self) -> list[Instruction]:
        return self.sender.close(CloseCode.TOO_MANY, "too many frames", retry_after_ms=5_000)

    def _too_large(self) -> list[bytes]:
        """What to say to somebody whose frame is too large to be read."""
        code = CloseCode.FRAME_TOO_LARGE
        out = self.sender.close(code, f"a frame above {TRANSPORT_MAX} bytes; at most {INBOUND_MAX}")
        return [it.text for it in out if isinstance(it, Send)]

    def _say_joined(self) -> None:
        how, about = self.sender.resumption, (self.chat_id, self.info.id)
        if how is not None and (how.recovered or how.gap is not None):
            self.log.info("reconnected chat=%s viewer=%s missed=%d", *about, how.missed)
        else:
            self.log.info("viewer joined chat=%s viewer=%s user=%s", *about, self.info.user)


def _meaningless(*args: Any, **kwargs: Any) -> None:
    """There are no headers any more."""

"""A chat's stream that resumes by itself: the driver of a Receiver over Tornado's WebSocket.

Everything is pulled: while nobody asks for the next event nothing is read, so a slow reader slows
the server's writes down and costs no memory.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any, Final, TypeAlias

from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import WebSocketClientConnection, WebSocketError, websocket_connect

from sparky_nb.client.address import Address
from sparky_nb.clock import Clock, SystemClock
from sparky_nb.errors import Forbidden, InvalidArgument, NotFound, ProtocolError
from sparky_nb.events.codec import event_from_dict
from sparky_nb.events.model import Event
from sparky_nb.ids import check_chat_id, new_fraction
from sparky_nb.stream import (
    SUBPROTOCOL,
    CloseCode,
    Cursor,
    Receiver,
    Start,
    decode_server_frame,
    encode_frame,
    stimuli,
)
from sparky_nb.stream.frames import Ping
from sparky_nb.stream.stimuli import Begin, Connection, Instruction, Pass, SetConnection, Stimulus

FRAME_MAX: Final = 16 * 1024 * 1024
CONNECT_TIMEOUT: Final = 10.0
GOODBYE_SECONDS: Final = 1.0

Update: TypeAlias = Event | Begin | SetConnection | Pass


class ChatClient:
    """Events of one chat, each once and in order, whatever happens to the connection.

    Args:
        url: the server's base URL, with or without ``?token=…``.
        chat_id: the chat, ``_index`` for the overview of all.
        token: wins over the one in ``url``; without either, ``JUPYTER_TOKEN``.
        start: where to start; from the earliest kept event where absent. Where its cursor can't be
            honoured the stream goes on from the earliest, and ``updates`` says so.
        clock: measures silence.
        random: numbers in [0, 1) for the jitter of waiting times.

    Example::

        async with ChatClient("http://localhost:8888/?token=…", "default") as chat:
            async for event in chat:
                print(event.offset, event.type)

    Raises (while iterating):
        Forbidden: signed out, or no right to read.
        NotFound: there is no such chat, or it was deleted.
        ProtocolError: the server speaks another version.
    """

    def __init__(
        self,
        url: str,
        chat_id: str,
        *,
        token: str | None = None,
        start: Start | None = None,
        clock: Clock | None = None,
        random: Callable[[], float] = new_fraction,
    ) -> None:
        self.address = Address.of(url, token)
        self.chat_id = check_chat_id(chat_id, system=True)
        self._clock = clock or SystemClock()
        given = start or Start()
        start = Start(
            epoch=given.epoch, offset=given.offset, last=given.last, now=given.now, go_on=True
        )
        self._receiver = Receiver(start, random=random)
        self._cursor = self._receiver.cursor
        self._todo: deque[Instruction] = deque()
        self._connection: WebSocketClientConnection | None = None
        self._reading: asyncio.Future[str | bytes | None] | None = None
        self._nudges: asyncio.Queue[Stimulus] = asyncio.Queue()
        self._closed = False

    @property
    def connection(self) -> Connection:
        """The state to show: ``live``, ``reconnecting`` …"""
        return self._receiver.connection

    @property
    def cursor(self) -> Cursor | None:
        """Of the last event that was handed out; keep it to resume elsewhere."""
        return self._cursor

    def wake(self) -> None:
        """The machine woke, or the network is back: find out now whether the connection lives."""
        self._nudges.put_nowait(stimuli.Wake())

    async def close(self) -> None:
        """Close the connection, and wait a moment for the server's goodbye. Twice is fine; an
        iteration under way ends."""
        self._closed = True
        self._nudges.put_nowait(stimuli.Stop())
        connection = self._connection
        self._abandon()
        if connection is not None:
            with contextlib.suppress(TimeoutError, WebSocketError):
                async with asyncio.timeout(GOODBYE_SECONDS):
                    while await connection.read_message() is not None:
                        pass

    async def __aenter__(self) -> ChatClient:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def __aiter__(self) -> AsyncIterator[Event]:
        """The events."""
        async for update in self.updates():
            if isinstance(update, Event):
                yield update

    async def updates(self) -> AsyncIterator[Update]:
        """The events, and what happens to the connection: ``SetConnection``; ``Begin`` with what
        was missed and any gap; ``Pass`` with ``viewers`` frames."""
        self._tell(stimuli.Open())
        try:
            while not self._closed:
                while self._todo:
                    instruction = self._todo.popleft()
                    if isinstance(instruction, stimuli.Deliver):
                        for fields in instruction.events:
                            event = event_from_dict(fields)
                            self._cursor = Cursor(epoch=instruction.epoch, offset=event.offset)
                            yield event
                    elif isinstance(instruction, Begin | SetConnection | Pass):
                        yield instruction
                    else:
                        await self._do(instruction)
                self._tell(await self._next())
        finally:
            self._abandon()

    # -- inside

    def _tell(self, stimulus: Stimulus) -> None:
        self._todo.extend(self._receiver.handle(self._now(), stimulus))

    async def _do(self, instruction: Instruction) -> None:
        match instruction:
            case stimuli.Connect():
                self._tell(await self._connect(instruction.query) or stimuli.Tick())
            case stimuli.Reconnect() | stimuli.Abandon():
                self._abandon()
            case stimuli.SendPing():
                if self._connection is not None:
                    with contextlib.suppress(WebSocketError):
                        self._connection.write_message(encode_frame(Ping(n=instruction.n)))
            case stimuli.GiveUp():
                self._abandon()
                raise _reason(instruction, self.chat_id)

    async def _connect(self, query: dict[str, str]) -> Stimulus | None:
        """Open a socket; what to tell where that fails."""
        request = HTTPRequest(
            self.address.socket(self.chat_id, query),
            headers=self.address.headers,
            connect_timeout=CONNECT_TIMEOUT,
            request_timeout=CONNECT_TIMEOUT,
        )
        try:
            self._connection = await websocket_connect(
                request, max_message_size=FRAME_MAX, subprotocols=[SUBPROTOCOL]
            )
        except HTTPClientError as error:
            if error.code == 599:
                return stimuli.Lost()
            retry = error.response.headers.get("Retry-After", "") if error.response else ""
            return stimuli.Refused(error.code, int(retry) * 1000 if retry.isdecimal() else 0)
        except (OSError, WebSocketError, TimeoutError):
            return stimuli.Lost()
        return None

    async def _next(self) -> Stimulus:
        """The next frame, the end of the connection, the deadline, or a nudge."""
        if self._connection is not None and self._reading is None:
            self._reading = asyncio.ensure_future(self._connection.read_message())
        nudge = asyncio.ensure_future(self._nudges.get())
        waiting: set[asyncio.Future[Any]] = {nudge}
        if self._reading is not None:
            waiting.add(self._reading)
        deadline = self._receiver.deadline
        timeout = None if deadline is None else max(0.0, (deadline - self._now()) / 1000)
        try:
            await asyncio.wait(waiting, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            if self._reading is not None and self._reading.done():
                return self._frame(self._reading)
            return nudge.result() if nudge.done() else stimuli.Tick()
        finally:
            nudge.cancel()

    def _frame(self, reading: asyncio.Future[str | bytes | None]) -> Stimulus:
        self._reading = None
        message = reading.result()
        if message is None:
            code = self._connection.close_code if self._connection is not None else None
            return stimuli.Closed(code or 1006)
        try:
            return stimuli.Received(decode_server_frame(message))
        except InvalidArgument:
            return stimuli.Lost()

    def _abandon(self) -> None:
        """Let go of the socket, whatever state it is in."""
        connection, self._connection = self._connection, None
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None
        if connection is not None:
            connection.close()

    def _now(self) -> float:
        return self._clock.monotonic() * 1000


def _reason(given_up: stimuli.GiveUp, chat_id: str) -> Exception:
    match given_up.code:
        case CloseCode.SIGNED_OUT | CloseCode.FORBIDDEN:
            return Forbidden(given_up.reason)
        case CloseCode.NO_CHAT:
            return NotFound("chat", chat_id)
        case _:
            return ProtocolError(f"the server closed with {given_up.code}: {given_up.reason}")

"""The server's end of a stream as a state machine without I/O (protocol.md §3).

    new ──open──▶ replaying ──batch that reaches the head──▶ live        any ──close──▶ closed

1. Whoever drives it opens it with the chat's position, then reads what ``wants`` says and feeds it
   as a batch, again and again; each call returns what is to be done, in order.
2. ``hello`` comes first; each batch continues the one before exactly, or the stream ends with a
   ``bye`` that carries the gap; ``live`` is said once.
3. Before every close there is a ``bye``; a closed stream says nothing any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

from msgspec import UNSET, Struct

from sparky_nb.clock import Clock
from sparky_nb.errors import InvalidArgument, ProtocolError, SparkyError
from sparky_nb.stream.batch import Batch
from sparky_nb.stream.close import CloseCode
from sparky_nb.stream.frames import (
    HEARTBEAT_MS,
    INBOUND_MAX,
    VERSION,
    Bye,
    CommandFrame,
    ErrorFrame,
    Frame,
    Gap,
    Heartbeat,
    Hello,
    Live,
    Ping,
    Pong,
    Result,
    ViewerInfo,
    Viewers,
    decode_client_frame,
    encode_frame,
)
from sparky_nb.stream.resume import PositionLike, Resumption, find_gap, resume
from sparky_nb.stream.start import Start

LIFE_SECONDS: Final = 90.0
VIEWERS_SHOWN: Final = 50


class Send(Struct, frozen=True):
    """Write this text frame, and wait until it is written."""

    text: bytes


class Close(Struct, frozen=True):
    """Close the socket; the ``bye`` has been sent."""

    code: CloseCode
    reason: str


class Submit(Struct, frozen=True):
    """A command of the viewer: authorise it, submit it, and answer by ``result``."""

    command: CommandFrame


Instruction: TypeAlias = Send | Close | Submit


class Sender:
    """One viewer's stream.

    Args:
        chat: the chat's id.
        viewer: the id of this connection.
        user: the viewer's name, for display.
        start: where to start.
        clock: for heartbeats and signs of life.
        heartbeat_ms: a heartbeat goes out after so long without another frame.
    """

    def __init__(
        self,
        *,
        chat: str,
        viewer: str,
        user: str,
        start: Start,
        clock: Clock,
        heartbeat_ms: int = HEARTBEAT_MS,
    ) -> None:
        self.chat, self.viewer, self.user = chat, viewer, user
        self.state: Literal["new", "replaying", "live", "closed"] = "new"
        self.resumption: Resumption | None = None
        self._start, self._clock, self._heartbeat_ms = start, clock, heartbeat_ms
        self._epoch, self._next, self._head = "", 0, 0
        self._sent = self._heard = clock.monotonic()

    @property
    def wants(self) -> tuple[str, int] | None:
        """(epoch, after): what to read next; None where nothing is to be read."""
        return (self._epoch, self._next - 1) if self.state in ("replaying", "live") else None

    # -- what the log says

    def open(self, position: PositionLike) -> list[Instruction]:
        """The chat is at ``position``: say hello, or hello and goodbye."""
        if self.state != "new":
            raise ProtocolError("the stream is open already")
        how = self.resumption = resume(position, self._start)
        self.state = "replaying"
        self._epoch, self._next, self._head = position.epoch, how.after + 1, position.head
        hello = self._send(
            Hello(
                v=VERSION,
                viewer=self.viewer,
                chat=self.chat,
                epoch=position.epoch,
                earliest=position.earliest,
                head=position.head,
                next=self._next,
                missed=how.missed,
                recovered=how.recovered,
                gap=how.gap,
                heartbeat_ms=self._heartbeat_ms,
                user=self.user,
            )
        )
        if how.gap is not None and how.close:
            return [hello, *self._gap(how.gap)]
        return [hello]

    def batch(self, batch: Batch) -> list[Instruction]:
        """What was read after ``wants``; an empty batch says that the head is reached."""
        if self.state not in ("replaying", "live"):
            return []
        cursor = Start(epoch=self._epoch, offset=self._next - 1)
        gap = find_gap(batch, cursor)
        if gap is not None:
            return self._gap(gap)
        out: list[Instruction] = []
        self._head = max(self._head, batch.head)
        if batch.count:
            if batch.first != self._next:
                raise ProtocolError(f"a batch from {batch.first} where {self._next} was next")
            self._next = batch.last + 1
            out.append(self._text(batch.frame))
        if self.state == "replaying" and self._next > batch.head:
            self.state = "live"
            out.append(self._send(Live(offset=self._next - 1)))
        return out

    def no_chat(self) -> list[Instruction]:
        """The chat does not exist (any more)."""
        return self.close(CloseCode.NO_CHAT, f"there is no chat {self.chat}")

    # -- what the viewer says

    def heard(self) -> None:
        """There was a sign of life (a frame, or the answer to a ping of the transport)."""
        self._heard = self._clock.monotonic()

    def receive(self, text: str | bytes) -> list[Instruction]:
        """A frame came in."""
        if self.state == "closed":
            return []
        self.heard()
        size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "replace"))
        if size > INBOUND_MAX:
            return self.close(
                CloseCode.FRAME_TOO_LARGE, f"a frame of {size} bytes; at most {INBOUND_MAX}"
            )
        if isinstance(text, bytes):
            return self.close(CloseCode.BAD_PROTOCOL, "frames are text, not binary")
        try:
            frame = decode_client_frame(text)
        except InvalidArgument as error:
            return [self._send(ErrorFrame(code="bad_frame", message=str(error)))]
        match frame:
            case Ping():
                return [self._send(Pong(n=frame.n, time=self._clock.now_ms()))]
            case CommandFrame():
                return [Submit(frame)]
            case None:
                return [self._send(ErrorFrame(code="unknown_frame", message="unknown kind"))]

    # -- what the driver says

    def accepted(self, command_id: str, offset: int) -> list[Instruction]:
        """The command is in the log, at ``offset``."""
        return self._unless_closed(Result(id=command_id, ok=True, offset=offset))

    def refused(self, command_id: str, error: SparkyError) -> list[Instruction]:
        """The command was not accepted."""
        return self._unless_closed(Result(id=command_id, ok=False, error=error.to_wire()))

    def viewers(self, viewers: Sequence[ViewerInfo]) -> list[Instruction]:
        """Who is watching now."""
        shown = list(viewers[:VIEWERS_SHOWN])
        return self._unless_closed(Viewers(count=len(viewers), viewers=shown))

    @property
    def due(self) -> float:
        """Seconds until ``tick`` has something to say, if nothing else happens."""
        now = self._clock.monotonic()
        beat = self._sent + self._heartbeat_ms / 1000
        return max(0.0, min(beat, self._heard + LIFE_SECONDS) - now)

    def tick(self) -> list[Instruction]:
        """Time has passed; call it when ``due`` says so, and whenever it is convenient."""
        if self.state in ("new", "closed"):
            return []
        now = self._clock.monotonic()
        if now - self._heard >= LIFE_SECONDS:
            return self.close(CloseCode.NO_LIFE, f"no sign of life for {LIFE_SECONDS:g} s")
        if (now - self._sent) * 1000 >= self._heartbeat_ms:
            return [self._send(Heartbeat(head=self._head, time=self._clock.now_ms()))]
        return []

    def close(
        self,
        code: CloseCode,
        reason: str,
        *,
        retry_after_ms: int | None = None,
        gap: Gap | None = None,
    ) -> list[Instruction]:
        """Say goodbye and close."""
        if self.state == "closed":
            return []
        bye = Bye(
            code=code,
            reason=reason,
            reconnect=code.reconnect,
            retry_after_ms=UNSET if retry_after_ms is None else retry_after_ms,
            gap=UNSET if gap is None else gap,
        )
        out: list[Instruction] = [self._send(bye), Close(code, reason)]
        self.state = "closed"
        return out

    # -- inside

    def _gap(self, gap: Gap) -> list[Instruction]:
        return self.close(CloseCode.GAP, f"the cursor can't be honoured: {gap.reason}", gap=gap)

    def _unless_closed(self, frame: Frame) -> list[Instruction]:
        return [] if self.state in ("new", "closed") else [self._send(frame)]

    def _send(self, frame: Frame) -> Send:
        return self._text(encode_frame(frame))

    def _text(self, text: bytes) -> Send:
        self._sent = self._clock.monotonic()
        return Send(text)

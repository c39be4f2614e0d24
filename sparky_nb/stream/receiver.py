"""A client's end of a stream as a state machine without I/O (protocol.md §3).

The driver owns the socket, the clock and one timer. It feeds each stimulus to ``handle``, does what
the returned instructions say, in order, and feeds ``Tick`` when ``deadline`` is reached. The
TypeScript twin is labextension/src/stream/receiver.ts; both run tests/wire/cases/receiver.

    phase      leaves by                          deadline (feed Tick)
    idle       Open → opening                     none
    waiting    Tick, Wake, GoOnline → opening     the waiting time is over
    opening    a frame → open; any loss → waiting 15 s
    open       any loss → waiting; gap → snapshot 2.5 heartbeats of silence; 3 s without pong
    snapshot   SnapshotTaken → opening | waiting  none

1. There is one socket at most; what an abandoned one still says must not be fed.
2. An event is delivered only if it is last + 1: those before are dropped. One beyond means that
   something is missing, as does a ``live`` beyond, or a second heartbeat whose head is not
   reached: reconnect from last.
3. Waiting times: full jitter, base 250 ms, doubled up to 10 s, begun anew once something came;
   ``retry_after_ms`` is waited for first. Never given up, unless the server says it is of no use.

States to show::

    connecting → catching-up → live ⇄ lagging        (lagging: the server has more than we have)
                      └──────────┴──────┴──▶ reconnecting | offline (the device says so)
    denied: sign in, then ``Open`` again
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import UNSET

from sparky_nb.stream import stimuli as do
from sparky_nb.stream.close import CloseCode, may_reconnect
from sparky_nb.stream.frames import (
    HEARTBEAT_MS,
    VERSION,
    Bye,
    Cursor,
    ErrorFrame,
    EventsFrame,
    Heartbeat,
    Hello,
    Live,
    Pong,
    Result,
    ServerFrame,
    Viewers,
)
from sparky_nb.stream.start import Start
from sparky_nb.stream.stimuli import Connection, Instruction, Stimulus

BACKOFF_BASE_MS: Final = 250
BACKOFF_CAP_MS: Final = 10_000
PONG_MS: Final = 3_000
CONNECT_MS: Final = 15_000
SILENCE: Final = 2.5

_Out: TypeAlias = list[Instruction]


class Receiver:
    """One chat's stream as a client sees it.

    Args:
        start: where to start. With ``go_on``, where a cursor can't be honoured the stream goes on
            from the earliest kept event; without, the driver is told to take a snapshot.
        random: gives numbers in [0, 1), for jitter.
    """

    def __init__(self, start: Start, *, random: Callable[[], float]) -> None:
        self.connection: Connection = "connecting"
        self.cursor: Cursor | None = None
        if start.epoch is not None:
            self.cursor = Cursor(epoch=start.epoch, offset=start.offset)
        self.phase: Literal["idle", "waiting", "opening", "open", "snapshot"] = "idle"
        self._start, self._random = start, random
        self._failures = 0
        self._offline = False
        self._greeted = False
        self._live = False
        self._stuck = False  # behind, at the last heartbeat, with nothing since
        self._head = 0
        self._silence_ms = HEARTBEAT_MS * SILENCE
        self._pings = 0
        self._due = 0.0  # of the phase: until when to wait, or until when to hear something
        self._not_before = 0.0  # the server asked for it
        self._pong_due: float | None = None

    @property
    def deadline(self) -> float | None:
        """When to feed ``Tick``, in the milliseconds of ``now``; None: not at all."""
        if self.phase in ("idle", "snapshot"):
            return None
        return self._due if self._pong_due is None else min(self._due, self._pong_due)

    def handle(self, now: float, told: Stimulus) -> _Out:
        """What to do about ``told``, which came at ``now`` (milliseconds that only grow)."""
        match told:
            case do.Open():
                return self._begin(now) if self.phase == "idle" else []
            case do.Received():
                return self._frame(now, told.frame) if self._has_socket else []
            case do.Closed():
                return self._closed(now, told.code) if self._has_socket else []
            case do.Refused():
                return self._refused(now, told) if self._has_socket else []
            case do.Lost():
                return self._retry(now) if self._has_socket else []
            case do.Tick():
                return self._tick(now)
            case do.Wake():
                return self._wake(now)
            case do.GoOffline():
                self._offline = True
                return self._show("offline") if self.phase in ("waiting", "opening") else []
            case do.GoOnline():
                self._offline = False
                return self._wake(now)
            case do.SnapshotTaken():
                return self._snapshot_taken(now, told.cursor) if self.phase == "snapshot" else []
            case do.Stop():
                return self._forget("idle")

    # -- the socket

    @property
    def _has_socket(self) -> bool:
        return self.phase in ("opening", "open")

    def _begin(self, now: float) -> _Out:
        self._failures = 0
        return [*self._show("connecting"), *self._connect(now)]

    def _connect(self, now: float) -> _Out:
        self.phase, self._due = "opening", now + CONNECT_MS
        start = self._start
        if self.cursor is not None:
            start = Start(
                epoch=self.cursor.epoch, offset=self.cursor.offset, go_on=self._start.go_on
            )
        return [do.Connect(start.query())]

    def _retry(self, now: float, retry_after_ms: int = 0) -> _Out:
        self._forget("waiting")
        jitter = self._random() * min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** min(self._failures, 6))
        self._failures += 1
        after_ms = retry_after_ms + jitter
        self._not_before = now + retry_after_ms
        self._due = now + after_ms
        return [do.Reconnect(after_ms), *self._show("offline" if self._offline else "reconnecting")]

    def _closed(self, now: float, code: int) -> _Out:
        if may_reconnect(code):
            return self._retry(now)
        return self._give_up(code, "the server closed the connection")

    def _refused(self, now: float, refused: do.Refused) -> _Out:
        why = f"refused with HTTP {refused.status}"
        if refused.status == 401:
            return self._give_up(CloseCode.SIGNED_OUT, why)
        if refused.status == 403:
            return self._give_up(CloseCode.FORBIDDEN, why)
        if refused.status in (400, 404):
            return self._give_up(CloseCode.BAD_PROTOCOL, why)
        return self._retry(now, refused.retry_after_ms)

    def _tick(self, now: float) -> _Out:
        deadline = self.deadline
        if deadline is None or now < deadline:
            return []
        return self._connect(now) if self.phase == "waiting" else self._retry(now)

    def _wake(self, now: float) -> _Out:
        if self.phase == "waiting" and now >= self._not_before:
            shown = self._show("offline" if self._offline else "reconnecting")
            return [*shown, *self._connect(now)]
        if self.phase == "open" and self._pong_due is None:
            self._pings += 1
            self._pong_due = now + PONG_MS
            return [do.SendPing(self._pings)]
        return []

    # -- frames

    def _frame(self, now: float, frame: ServerFrame | None) -> _Out:
        self.phase, self._due = "open", now + self._silence_ms
        match frame:
            case Hello():
                return self._hello(now, frame)
            case EventsFrame():
                return self._events(now, frame)
            case Live():
                return self._on_live(now, frame)
            case Heartbeat():
                return self._heartbeat(now, frame)
            case Pong():
                if frame.n == self._pings:
                    self._pong_due = None
                return []
            case Bye():
                return self._bye(now, frame)
            case Viewers() | Result() | ErrorFrame():
                return [do.Pass(frame)]
            case None:
                return []

    def _hello(self, now: float, hello: Hello) -> _Out:
        if hello.v != VERSION:
            return self._give_up(CloseCode.BAD_PROTOCOL, f"the server speaks version {hello.v}")
        self._head, self._silence_ms = hello.head, hello.heartbeat_ms * SILENCE
        self._due = now + self._silence_ms
        if hello.gap is not None and self.cursor is not None and not self._start.go_on:
            return []  # a bye follows; the cursor stays until there is a snapshot
        self._greeted = True
        self.cursor = Cursor(epoch=hello.epoch, offset=hello.next - 1)
        reset = hello.gap is not None and hello.gap.reason != "trimmed"
        return [do.Begin(hello, reset), *self._show("catching-up")]

    def _events(self, now: float, frame: EventsFrame) -> _Out:
        if not self._greeted or self.cursor is None:
            return self._retry(now)
        wanted, last = self.cursor.offset + 1, frame.offset + len(frame.events) - 1
        if frame.offset > wanted:
            return self._retry(now)
        if last < wanted:
            return []
        self.cursor = msgspec.structs.replace(self.cursor, offset=last)
        self._head, self._failures, self._stuck = max(self._head, last), 0, False
        fresh = frame.events[wanted - frame.offset :]
        return [do.Deliver(str(self.cursor.epoch), wanted, fresh), *self._show_place()]

    def _on_live(self, now: float, live: Live) -> _Out:
        if self.cursor is None or live.offset > self.cursor.offset:
            return self._retry(now)  # rule 2: it was sent, and is not here
        self._live, self._failures = True, 0
        return self._show_place()

    def _heartbeat(self, now: float, heartbeat: Heartbeat) -> _Out:
        self._head = max(self._head, heartbeat.head)
        stuck, self._stuck = self._stuck, self._live and self._behind
        return self._retry(now) if stuck and self._stuck else self._show_place()

    def _bye(self, now: float, bye: Bye) -> _Out:
        if not bye.reconnect:
            return self._give_up(bye.code, bye.reason)
        if bye.gap is not UNSET and not self._start.go_on:
            self._forget("snapshot")
            return [do.Abandon(), *self._show("reconnecting"), do.TakeSnapshot(bye.gap)]
        return self._retry(now, 0 if bye.retry_after_ms is UNSET else bye.retry_after_ms)

    def _snapshot_taken(self, now: float, cursor: Cursor | None) -> _Out:
        if cursor is None:
            return self._retry(now)
        self.cursor = cursor
        return self._connect(now)

    # -- inside

    def _forget(self, phase: Literal["idle", "waiting", "snapshot"]) -> _Out:
        """The socket is of no interest any more."""
        self.phase, self._pong_due = phase, None
        self._greeted = self._live = self._stuck = False
        return []

    def _give_up(self, code: int, reason: str) -> _Out:
        self._forget("idle")
        denied = code in (CloseCode.SIGNED_OUT, CloseCode.FORBIDDEN)
        return [do.GiveUp(code, reason), *(self._show("denied") if denied else [])]

    def _show_place(self) -> _Out:
        if not self._greeted:
            return []
        if not self._live:
            return self._show("catching-up")
        return self._show("lagging" if self._behind else "live")

    @property
    def _behind(self) -> bool:
        return self.cursor is not None and self._head > self.cursor.offset

    def _show(self, connection: Connection) -> _Out:
        if connection == self.connection:
            return []
        self.connection = connection
        return [do.SetConnection(connection)]

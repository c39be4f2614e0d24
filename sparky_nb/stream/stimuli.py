"""What a driver tells a :class:`~sparky_nb.stream.receiver.Receiver`, and what it is told to do.

Plain tagged data, so that the cases both languages run are JSON.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from msgspec import Struct

from sparky_nb.stream.frames import Cursor, Gap, Hello, ServerFrame

Connection: TypeAlias = Literal[
    "connecting", "catching-up", "live", "lagging", "reconnecting", "offline", "denied"
]


class Told(Struct, frozen=True, tag_field="kind"):
    """Base of what the driver tells."""


class Open(Told, frozen=True, tag="open"):
    """Begin, or begin again after ``GiveUp``."""


class Received(Told, frozen=True, tag="received"):
    """A frame came; None where its kind is unknown."""

    frame: ServerFrame | None


class Closed(Told, frozen=True, tag="closed"):
    """The socket was closed with ``code`` (1006 where there was none)."""

    code: int


class Refused(Told, frozen=True, tag="refused"):
    """The handshake was answered with the HTTP status ``status``."""

    status: int
    retry_after_ms: int = 0


class Lost(Told, frozen=True, tag="lost"):
    """The socket failed, or could not be opened, or said what is no frame."""


class Tick(Told, frozen=True, tag="tick"):
    """The deadline is reached."""


class Wake(Told, frozen=True, tag="wake"):
    """The page became visible, or the machine woke."""


class GoOffline(Told, frozen=True, tag="offline"):
    """The device says that it has no network."""


class GoOnline(Told, frozen=True, tag="online"):
    """The device says that it has a network again."""


class SnapshotTaken(Told, frozen=True, tag="snapshot"):
    """The state at ``cursor`` has been taken; None: that failed."""

    cursor: Cursor | None


class Stop(Told, frozen=True, tag="stop"):
    """The driver has closed the socket for good."""


Stimulus: TypeAlias = (
    Open
    | Received
    | Closed
    | Refused
    | Lost
    | Tick
    | Wake
    | GoOffline
    | GoOnline
    | SnapshotTaken
    | Stop
)


class Do(Struct, frozen=True, tag_field="do"):
    """Base of what the driver is told to do."""


class Connect(Do, frozen=True, tag="connect"):
    """Open a socket with this query."""

    query: dict[str, str]


class Reconnect(Do, frozen=True, tag="reconnect"):
    """Abandon the socket, without waiting for its close; ``Connect`` follows at the deadline,
    ``after_ms`` from now."""

    after_ms: float


class Abandon(Do, frozen=True, tag="abandon"):
    """Abandon the socket."""


class SendPing(Do, frozen=True, tag="ping"):
    """Send ``ping n``."""

    n: int


class Begin(Do, frozen=True, tag="begin"):
    """A connection begins; ``reset``: forget what was built from earlier events, it is of another
    life of the chat. ``hello.gap`` and ``hello.missed`` are for people to see."""

    hello: Hello
    reset: bool


class Deliver(Do, frozen=True, tag="deliver"):
    """Apply these events; the first has ``offset``."""

    epoch: str
    offset: int
    events: list[dict[str, Any]]


class TakeSnapshot(Do, frozen=True, tag="snapshot"):
    """Take a snapshot and tell its cursor: the one here can't be honoured, because of ``gap``."""

    gap: Gap


class SetConnection(Do, frozen=True, tag="connection"):
    """Show this state."""

    state: Connection


class GiveUp(Do, frozen=True, tag="give_up"):
    """Trying again is of no use before something else has changed; the socket is abandoned."""

    code: int
    reason: str


class Pass(Do, frozen=True, tag="pass"):
    """A frame that is not of the stream itself: ``viewers``, ``result``, ``error``."""

    frame: ServerFrame


Instruction: TypeAlias = (
    Connect
    | Reconnect
    | Abandon
    | SendPing
    | Begin
    | Deliver
    | TakeSnapshot
    | SetConnection
    | GiveUp
    | Pass
)

"""Every frame that crosses the socket, both ways (protocol.md §3). ``t`` names the kind.

Frames of a kind, and fields, that this version does not know are ignored (P12).
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from sparky_nb.errors import InvalidArgument

VERSION: Final = 1
SUBPROTOCOL: Final = "v1.sparky-nb"
HEARTBEAT_MS: Final = 15_000
INBOUND_MAX: Final = 64 * 1024
"""Bytes of one frame from a client."""

Offset: TypeAlias = Annotated[int, Meta(ge=0, le=(1 << 53) - 1)]


class Cursor(Struct, frozen=True, kw_only=True):
    """The last event a viewer has applied. ``epoch`` is null where it had none."""

    epoch: str | None
    offset: Offset


class Gap(Struct, frozen=True, kw_only=True):
    """Why a cursor can't be honoured. ``lost``: the first and the last offset that the viewer will
    never see (``trimmed``), or has seen and that are no more; null where nobody knows."""

    reason: Literal["trimmed", "epoch_changed", "ahead"]
    requested: Cursor
    lost: tuple[int, int] | None


class ViewerInfo(Struct, frozen=True, kw_only=True):
    """Somebody who watches; ``id`` is of this connection, the rest is for display. ``color`` is a
    CSS colour, where the server's identity provider has given the person one."""

    id: str
    user: str
    color: str | UnsetType = UNSET


class Frame(Struct, frozen=True, kw_only=True, tag_field="t"):
    """Base of all frames."""


class Hello(Frame, frozen=True, kw_only=True, tag="hello"):
    """First, before any event. ``next`` is the offset of the first event that follows; ``missed``
    is head less cursor (0 where no cursor was given); ``recovered``: a cursor was honoured."""

    v: int
    viewer: str
    chat: str
    epoch: str
    earliest: int
    head: int
    next: int
    missed: int
    recovered: bool
    gap: Gap | None
    heartbeat_ms: int
    user: str


class EventsFrame(Frame, frozen=True, kw_only=True, tag="events"):
    """A contiguous batch; ``offset`` is that of its first event."""

    offset: int
    events: list[dict[str, Any]]


class Live(Frame, frozen=True, kw_only=True, tag="live"):
    """Caught up: everything up to ``offset`` has been sent. Once per connection."""

    offset: int


class Heartbeat(Frame, frozen=True, kw_only=True, tag="heartbeat"):
    """After ``heartbeat_ms`` without another frame. ``time`` is ms UTC."""

    head: int
    time: int


class Pong(Frame, frozen=True, kw_only=True, tag="pong"):
    """The answer to ``ping``."""

    n: int
    time: int


class Viewers(Frame, frozen=True, kw_only=True, tag="viewers"):
    """Who is watching the chat. ``viewers`` may be cut, ``count`` is not."""

    count: int
    viewers: list[ViewerInfo]


class Result(Frame, frozen=True, kw_only=True, tag="result"):
    """The answer to the command ``id``: ``offset`` of its event, or ``error``."""

    id: str
    ok: bool
    offset: int | UnsetType = UNSET
    error: dict[str, Any] | UnsetType = UNSET


class ErrorFrame(Frame, frozen=True, kw_only=True, tag="error"):
    """A frame from the client was bad. The connection lives on unless a ``bye`` follows."""

    code: str
    message: str


class Bye(Frame, frozen=True, kw_only=True, tag="bye"):
    """Before every close by the server; ``code`` is the close code."""

    code: int
    reason: str
    reconnect: bool
    retry_after_ms: int | UnsetType = UNSET
    gap: Gap | UnsetType = UNSET


class Ping(Frame, frozen=True, kw_only=True, tag="ping"):
    """Asks for a ``pong`` with the same ``n``."""

    n: Offset


class CommandFrame(Frame, frozen=True, kw_only=True, tag="command"):
    """A request to the task's runner. ``id``, unique per user and chat, makes it idempotent."""

    id: Annotated[str, Meta(min_length=1, max_length=128)]
    name: Literal["cancel", "message", "answer"]
    task_id: Annotated[str, Meta(max_length=64)]
    args: dict[str, Any] = {}


ServerFrame: TypeAlias = (
    Hello | EventsFrame | Live | Heartbeat | Pong | Viewers | Result | ErrorFrame | Bye
)
ClientFrame: TypeAlias = Ping | CommandFrame
SERVER_FRAMES: Final[tuple[type[Frame], ...]] = (
    Hello,
    EventsFrame,
    Live,
    Heartbeat,
    Pong,
    Viewers,
    Result,
    ErrorFrame,
    Bye,
)
CLIENT_FRAMES: Final[tuple[type[Frame], ...]] = (Ping, CommandFrame)

_ENCODER = msgspec.json.Encoder()
_SERVER: msgspec.json.Decoder[ServerFrame] = msgspec.json.Decoder(ServerFrame)
_CLIENT: msgspec.json.Decoder[ClientFrame] = msgspec.json.Decoder(ClientFrame)
_KIND = msgspec.json.Decoder(dict[str, Any])


def encode_frame(frame: Frame) -> bytes:
    """The text of ``frame`` as UTF-8.

    >>> encode_frame(Live(offset=3))
    b'{"t":"live","offset":3}'
    """
    return _ENCODER.encode(frame)


def decode_server_frame(text: str | bytes) -> ServerFrame | None:
    """A frame from the server; None where its kind is not known here.

    Raises:
        InvalidArgument: it is not a frame.
    """
    try:
        return _SERVER.decode(text)
    except msgspec.DecodeError as error:
        _raise_unless_unknown(text, SERVER_FRAMES, error)
        return None
    except (UnicodeError, RecursionError) as error:
        raise InvalidArgument("frame", f"a JSON object in UTF-8 ({error})") from None


def decode_client_frame(text: str | bytes) -> ClientFrame | None:
    """A frame from a client; None where its kind is not known here.

    Raises:
        InvalidArgument: it is not a frame; the message says what is wrong.
    """
    try:
        return _CLIENT.decode(text)
    except msgspec.DecodeError as error:
        _raise_unless_unknown(text, CLIENT_FRAMES, error)
        return None
    except (UnicodeError, RecursionError) as error:
        raise InvalidArgument("frame", f"a JSON object in UTF-8 ({error})") from None


def _raise_unless_unknown(
    text: str | bytes, known: tuple[type[Frame], ...], error: msgspec.DecodeError
) -> None:
    """The error, unless the frame is only of a kind that is new."""
    try:
        kind = _KIND.decode(text).get("t")
    except msgspec.DecodeError:
        kind = None
    if isinstance(kind, str) and kind not in {f.__struct_config__.tag for f in known}:
        return
    raise InvalidArgument("frame", f"a frame of protocol version 1 ({error})") from None

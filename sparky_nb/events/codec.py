"""Event ⇄ wire bytes.

The bytes are made once, by the producer, without the offset; the log puts the offset in front and
keeps the result, and everybody downstream passes those bytes on unread.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from sparky_nb.errors import InvalidArgument, PayloadTooLarge
from sparky_nb.events.jsonable import jsonable
from sparky_nb.events.model import REDACTED, Event, NewEvent

MAX_EVENT_BYTES: Final = 1 << 20
"""No single event is larger: payloads above 64 KiB travel as blobs, so this is a safety net."""

_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder()
_FIELDS = ("offset", "id", "type", "time", "task_id", "actor", "data")


def encode_body(event: NewEvent) -> bytes:
    """The wire bytes of ``event`` without its offset: ``{"id":…,…}``.

    Data that JSON can't hold is made to fit (see ``jsonable``).

    Raises:
        PayloadTooLarge: above ``MAX_EVENT_BYTES``.
    """
    try:
        body = _ENCODER.encode(event)
    except (TypeError, ValueError, RecursionError, UnicodeError, OverflowError):
        data = event.data if isinstance(event.data, dict) else _shallow(event.data)
        body = _ENCODER.encode(msgspec.structs.replace(event, data=jsonable(data)))
    if len(body) > MAX_EVENT_BYTES:
        raise PayloadTooLarge(f"event {event.type}", len(body), MAX_EVENT_BYTES)
    return body


def with_offset(offset: int, body: bytes) -> bytes:
    """The whole wire bytes of the event whose ``encode_body`` is ``body``."""
    return b'{"offset":%d,%b' % (offset, body[1:])


def without_offset(wire: bytes) -> bytes:
    """The inverse of ``with_offset``: what producers encoded; equal bytes mean an equal event."""
    return b"{" + wire[wire.index(b",") + 1 :]


def encode_event(event: Event) -> bytes:
    """The wire bytes of a stored event, unknown envelope fields included."""
    fields = {name: getattr(event, name) for name in _FIELDS}
    return _ENCODER.encode({**fields, **(event.extra or {})})


def decode_event(wire: bytes | str) -> Event:
    """The event in ``wire``; unknown types and fields are kept.

    Raises:
        InvalidArgument: ``wire`` is not an event.
    """
    try:
        return event_from_dict(_DECODER.decode(wire))
    except msgspec.DecodeError as error:
        raise InvalidArgument("event", f"a JSON object ({error})") from None


def event_from_dict(fields: Any) -> Event:
    """The event whose decoded JSON is ``fields``.

    Raises:
        InvalidArgument: naming the first field that is absent or of a wrong type.
    """
    if not isinstance(fields, dict):
        raise InvalidArgument("event", "a JSON object", fields)
    for name, types in _TYPES.items():
        if name not in fields or not isinstance(fields[name], types):
            raise InvalidArgument(f"event.{name}", _RULES[name], fields.get(name))
    extra = {k: v for k, v in fields.items() if k not in _TYPES}
    return Event(**{name: fields[name] for name in _FIELDS}, extra=extra or None)


def tombstone(wire: bytes) -> bytes:
    """The bytes that take the place of a redacted event: offset, id, time and task stay."""
    event = decode_event(wire)
    return encode_event(
        msgspec.structs.replace(event, type=REDACTED, actor="system", data={}, extra=None)
    )


def _shallow(data: msgspec.Struct) -> dict[str, Any]:
    """``data`` as a dict with its wire names; values as they are."""
    return {
        field.encode_name: value
        for field in msgspec.structs.fields(data)
        if (value := getattr(data, field.name)) is not msgspec.UNSET
    }


_TYPES: Final[dict[str, Any]] = {
    "offset": int,
    "id": str,
    "type": str,
    "time": int,
    "task_id": str | None,
    "actor": str,
    "data": dict,
}
_RULES: Final = {
    "offset": "an integer ≥ 1",
    "id": "a UUID",
    "type": "a text",
    "time": "integer milliseconds",
    "task_id": "a text or null",
    "actor": "a text",
    "data": "an object",
}

"""Payloads above 64 KiB become blobs; above 32 MiB they are cut, and say so (protocol.md §1)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Collection
from typing import Any, Final

import msgspec

from sparky_nb.events.jsonable import jsonable, safe_text

PREVIEW_CHARS: Final = 1000
_NESTED: Final = ("mime", "args")
_EVENT_PAYLOADS: Final = 8
"""An event holds at most this many payloads of the largest size together."""

_encode = msgspec.json.Encoder().encode

_NAMES_MAX: Final = 100
"""An object with more names is one payload, not many."""

PutBlob = Callable[[bytes, str], str]
"""(bytes, media type) → SHA-256 in hex."""


def fit(data: dict[str, Any], *, limit: int, most: int, put: PutBlob) -> dict[str, Any]:
    """``data`` with each payload above ``limit`` bytes replaced by ``{"ref": …}``.

    Args:
        data: of one event, JSON only.
        limit: bytes of JSON that may stay in the event.
        most: bytes that a blob may have.
        put: keeps a blob.
    """
    try:
        size = len(_encode(data))
    except (TypeError, ValueError, RecursionError, OverflowError):
        data = jsonable(data)
        size = len(_encode(data))
    if size <= limit:
        return data
    if len(data) > _NAMES_MAX:
        return _reference(data, None, most, put)
    fitted, whole = dict(data), set()
    for name in _NESTED:
        value = data.get(name)
        if isinstance(value, dict) and len(value) <= _NAMES_MAX:
            fitted[name] = _fit_values(value, limit, most, put, media=name == "mime")
            whole.add(name)
    return _fit_values(fitted, limit, most, put, keep=whole)


def _fit_values(
    values: dict[str, Any],
    limit: int,
    most: int,
    put: PutBlob,
    *,
    media: bool = False,
    keep: Collection[str] = (),
) -> dict[str, Any]:
    """``values`` with the largest replaced until each, and all together, are small enough.

    Args:
        values, limit, most, put: as for ``fit``.
        media: the names are media types.
        keep: names whose values have been seen to already.
    """
    sizes = {name: len(_encode(value)) for name, value in values.items() if name not in keep}
    total, fitted = sum(sizes.values()), dict(values)
    for name in sorted(sizes, key=sizes.__getitem__, reverse=True):
        if sizes[name] <= limit and total <= limit * _EVENT_PAYLOADS:
            break
        fitted[name] = _reference(values[name], name if media else None, most, put)
        total -= sizes[name]
    return fitted


def _reference(value: Any, media_type: str | None, most: int, put: PutBlob) -> dict[str, Any]:
    if isinstance(value, str):
        raw, media_type = _text_bytes(safe_text(value), media_type or "text/plain")
        preview = value[:PREVIEW_CHARS] if media_type.startswith("text/") else media_type
    else:
        raw, media_type = _encode(value), media_type or "application/json"
        preview = raw[:PREVIEW_CHARS].decode("utf-8", "ignore")
    size = len(raw)
    if size > most:
        note = f"\n… cut here: {size} bytes in all, {most} are kept"
        raw = raw[: most - len(note.encode())] + note.encode()
        media_type = media_type if media_type.startswith("text/") else "text/plain"
        preview = f"(cut: {size} bytes in all, {most} are kept) {preview}"
    sha256 = put(raw, media_type)
    facts = {"sha256": sha256, "size": len(raw), "media_type": media_type, "preview": preview}
    return {"ref": {**facts, "preview": safe_text(preview)}}


def _text_bytes(text: str, media_type: str) -> tuple[bytes, str]:
    """Jupyter carries binary media as base 64; a blob has the bytes themselves."""
    binary = media_type.startswith(("image/", "audio/", "video/", "application/pdf"))
    if binary and media_type != "image/svg+xml":
        try:
            return base64.b64decode(text), media_type
        except (binascii.Error, ValueError):
            return text.encode(), "text/plain"
    return text.encode(), media_type

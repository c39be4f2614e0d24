"""What is kept of a value: JSON where it serialises, else its representation."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from typing import Any, Final

from sparky_nb.events.jsonable import jsonable, safe_repr, safe_text

_PARTS_MAX: Final = 500_000
_BYTES_MAX: Final = 64 * 1024 * 1024


def stored(value: object) -> Any:
    """``value`` as JSON; of something huge only a short representation.

    >>> stored({"files": 3}), stored(object)
    ({'files': 3}, "<class 'object'>")
    """
    if _is_huge(value):
        return safe_text(_short_repr(value))
    return jsonable(value)


def _is_huge(value: Any) -> bool:
    """Whether ``value`` has too many parts or bytes to make JSON of; looks at so many at most."""
    stack, seen, parts, size = [value], set(), 0, 0
    while stack:
        item = stack.pop()
        kind = type(item)
        parts += 1
        if kind is str or kind is bytes or kind is bytearray:
            size += len(item)
        elif kind in (list, tuple, set, frozenset, dict):
            if id(item) in seen:
                continue
            seen.add(id(item))
            if parts + len(stack) + len(item) > _PARTS_MAX:
                return True
            stack.extend(item.values() if kind is dict else item)
        elif kind.__module__.partition(".")[0] in ("numpy", "torch"):
            # An array becomes a list with an object per element.
            parts += _count(item)
        if parts > _PARTS_MAX or size > _BYTES_MAX:
            return True
    return False


def _count(array: Any) -> int:
    size = getattr(array, "size", 1)
    if callable(size):
        size = getattr(array, "numel", lambda: 1)()
    return size if isinstance(size, int) else 1


def _short_repr(value: object) -> str:
    if isinstance(value, str):
        return value[:1000] + f"… ({len(value)} characters)"
    if isinstance(value, Mapping | list | tuple | set | frozenset | bytes | bytearray):
        return f"{reprlib.repr(value)} ({len(value)} items)"
    return safe_repr(value)

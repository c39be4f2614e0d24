"""Any Python value → JSON that every reader can take.

Task code hands over whatever it has. Nothing here raises: what JSON can't hold becomes its
representation, so that an odd value never costs an event.

- NaN and the infinities become the texts ``"NaN"``, ``"Infinity"``, ``"-Infinity"``;
- integers beyond ±2**53 become their decimal text (JavaScript would round them);
- lone surrogates become U+FFFD; bytes become text;
- mappings get text keys; sets, tuples, generators' reprs, dataclasses, numpy scalars and arrays
  (through ``item`` and ``tolist``), dates and paths become what a reader would expect;
- what is deeper than 64 levels, or refers to itself, becomes ``"…"``.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import math
import os
import uuid
from collections.abc import Mapping, Sequence, Set
from typing import Any

MAX_DEPTH = 64
MAX_SAFE_INTEGER = 2**53 - 1
REPR_LIMIT = 10_000


def jsonable(value: object) -> Any:
    """``value`` as None, bool, int, float, str, list and dict only.

    >>> jsonable({1: (float("nan"), {3})})
    {'1': ['NaN', [3]]}
    """
    return _convert(value, 0, set())


def safe_text(text: str) -> str:
    """``text`` with lone surrogates replaced by U+FFFD."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def safe_repr(value: object, limit: int = REPR_LIMIT) -> str:
    """``repr(value)``, cut at ``limit`` characters; also where ``__repr__`` itself raises."""
    try:
        text = repr(value)
        if not isinstance(text, str):
            raise TypeError("__repr__ returned no text")
    except Exception as error:  # noqa: BLE001 - a user's __repr__ may raise anything
        text = f"<{type(value).__name__}, whose __repr__ raised {type(error).__name__}>"
    return safe_text(text if len(text) <= limit else text[: limit - 1] + "…")


def _convert(value: Any, depth: int, parents: set[int]) -> Any:
    kind = type(value)
    if value is None or kind is bool:
        return value
    if kind is str:
        return safe_text(value)
    if kind is int:
        return value if -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER else _big(value)
    if kind is float:
        return value if math.isfinite(value) else _odd_float(value)
    if depth >= MAX_DEPTH or id(value) in parents:
        return "…"
    try:
        return _convert_object(value, depth + 1, parents | {id(value)})
    except Exception:  # noqa: BLE001 - a user's class may raise anything; its repr is left
        return safe_repr(value)


def _convert_object(value: Any, depth: int, parents: set[int]) -> Any:
    if isinstance(value, enum.Enum):
        return _convert(value.value, depth, parents)
    if isinstance(value, Mapping):
        return {_key(k): _convert(v, depth, parents) for k, v in value.items()}
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "replace")
    if isinstance(value, str | int | float):  # subclasses of the basic types
        base = next(t for t in (str, int, float) if isinstance(value, t))
        return _convert(base(value), depth, parents)
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, os.PathLike):
        return safe_text(os.fsdecode(value))
    if isinstance(value, uuid.UUID | decimal.Decimal):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {f.name: _convert(getattr(value, f.name), depth, parents) for f in fields}
    if isinstance(value, Sequence | Set):
        return [_convert(v, depth, parents) for v in value]
    if type(value).__module__.partition(".")[0] in ("numpy", "torch"):
        return _convert(value.tolist(), depth, parents)  # scalars have it as well as arrays
    return safe_repr(value)


def _key(key: object) -> str:
    return safe_text(key) if isinstance(key, str) else safe_repr(key, 200)


def _big(value: int) -> str:
    try:
        return str(value)
    except ValueError:  # above sys.get_int_max_str_digits()
        return hex(value)


def _odd_float(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"

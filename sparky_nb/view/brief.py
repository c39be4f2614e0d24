"""Values and numbers in few words, for people. Each function stops at its bound instead of making
a long text and cutting it: it is called twenty times a second on whatever a task has stored."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from sparky_nb.view.ansi import plain


def brief(value: Any, limit: int) -> str:
    """A JSON value as compact text of at most ``limit`` characters; a text stands for itself.

    >>> brief({"a": [1, None, "x"]}, 40), brief("abcdef", 4)
    ('{"a": [1, null, "x"]}', 'abc…')
    """
    if isinstance(value, str):
        return clip(plain(value[: 2 * limit + 64]), limit)
    parts: list[str] = []
    room = limit + 1
    for part in _tokens(value, limit):
        parts.append(part)
        room -= len(part)
        if room <= 0:
            break
    return clip("".join(parts), limit)


def spread(value: Any, limit: int) -> str:
    """Like ``brief``, but on several lines where it is a short list or object that has room."""
    text = brief(value, limit)
    if isinstance(value, dict | list) and 60 < len(text) < limit:
        lines = plain(json.dumps(value, ensure_ascii=False, indent=2))
        return lines if len(lines) <= limit else text
    return text


def brief_args(args: Any, limit: int) -> str:
    """The arguments of a call: ``name="x", depth=3``."""
    if not isinstance(args, dict):
        return brief(args, limit)
    text = ""
    for key, value in args.items():
        text += (", " if text else "") + f"{brief(str(key), 40)}={_one(value, limit)}"
        if len(text) > limit:
            break
    return clip(text, limit)


def clip(text: str, limit: int) -> str:
    """``text`` cut at ``limit`` characters, with an ellipsis where something is gone."""
    return text if len(text) <= limit else text[: max(0, limit - 1)] + "…"


def preview(value: Any) -> Any:
    """What stands for ``value``: of a payload that was too large for an event, its beginning."""
    if isinstance(value, dict) and len(value) == 1 and isinstance(value.get("ref"), dict):
        ref = value["ref"]
        size = number(ref.get("size"))
        about = str(ref.get("media_type", "data"))[:80]
        about = f"{about}, {byte_count(size)}" if size is not None else about
        return f"{str(ref.get('preview') or '')[:4000]}… ({about})"
    return value


def number(value: Any) -> float | None:
    """``value`` if it is a finite number, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e300 and math.isfinite(value) else None


def whole(value: Any) -> int | None:
    """``value`` as an integer if it is a number that JavaScript holds exactly, else None."""
    found = number(value)
    return None if found is None or abs(found) > 2**53 else int(found)


def amount(value: float) -> str:
    """A count or rate in at most four digits or so.

    >>> amount(12), amount(1234567), amount(0.04567), amount(12.345)
    ('12', '1,234,567', '0.046', '12.3')
    """
    if abs(value) >= 1e15:
        return f"{value:.2e}"
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2g}"


def duration(ms: float) -> str:
    """Milliseconds as people say them (static/task.js says the same).

    >>> duration(12), duration(5300), duration(83_000), duration(7_260_000), duration(200_000_000)
    ('12 ms', '5.3 s', '1:23', '2:01:00', '2 d 7:33:20')
    """
    if ms < 1000:
        return f"{max(0, round(ms))} ms"
    if ms < 9950:
        return f"{ms / 1000:.1f} s"
    seconds = int(ms // 1000)
    if seconds < 60:
        return f"{seconds} s"
    days, seconds = divmod(seconds, 86_400)
    hours, seconds = divmod(seconds, 3600)
    clock = f"{seconds // 60}:{seconds % 60:02d}"
    if hours or days:
        clock = f"{hours}:{seconds // 60:02d}:{seconds % 60:02d}"
    return f"{days:,} d {clock}" if days else clock


def byte_count(size: float) -> str:
    """
    >>> byte_count(900), byte_count(123_456)
    ('900 B', '121 KiB')
    """
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:,.1f} GiB"


def _one(value: Any, limit: int) -> str:
    value = preview(value)
    if isinstance(value, str):
        return json.dumps(brief(value, limit), ensure_ascii=False)
    return brief(value, limit)


def _tokens(value: Any, limit: int) -> Iterator[str]:
    if isinstance(value, dict):
        yield "{"
        for n, (key, item) in enumerate(value.items()):
            yield (", " if n else "") + json.dumps(brief(str(key), 80), ensure_ascii=False) + ": "
            yield from _tokens(item, limit)
        yield "}"
    elif isinstance(value, list | tuple):
        yield "["
        for n, item in enumerate(value):
            if n:
                yield ", "
            yield from _tokens(item, limit)
        yield "]"
    elif isinstance(value, str):
        yield json.dumps(brief(value, limit), ensure_ascii=False)
    else:
        yield json.dumps(value)

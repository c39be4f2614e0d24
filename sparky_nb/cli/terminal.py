"""What is printed: JSON, tables, and text that can't drive the terminal."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from typing import Any

import click

_LIMIT = 60
_RISKY = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def print_json(value: object, *, err: bool = False) -> None:
    """One object as one line of JSON. Control characters stay escaped, so that a terminal obeys
    none of them."""
    import msgspec

    text = msgspec.json.encode(value).decode()
    click.echo(_RISKY.sub(lambda found: f"\\u{ord(found[0]):04x}", text), err=err)


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Columns as wide as they need; the last one is not padded."""
    lines = [list(header), *[[_cell(cell) for cell in row] for row in rows]]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    for line in lines:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        click.echo("  ".join(cells).rstrip())


def print_facts(facts: dict[str, object]) -> None:
    """One ``name  value`` to a line; names without a value are left out."""
    shown = {name: value for name, value in facts.items() if value is not None}
    width = max(map(len, shown), default=0)
    for name, value in shown.items():
        click.echo(f"{plain(name).ljust(width)}  {plain(as_text(value))}")


def plain(text: str) -> str:
    """``text`` with control characters shown rather than obeyed: what a task says must not drive
    the terminal. Line feeds and tabs stay.

    >>> plain("\\x1b[31mred")
    '\\\\x1b[31mred'
    """
    if text.isprintable():
        return text
    return "".join(c if c in "\n\t" or c.isprintable() else _visible(c) for c in text)


def styled(text: str, **style: Any) -> str:
    """``text`` in a style, unless the user wants none (https://no-color.org) or the terminal knows
    none. Where the output is no terminal, click leaves it out."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return click.style(text, **style)


def as_text(value: object) -> str:
    """A text as it is, anything else as JSON."""
    if isinstance(value, str):
        return value
    import json

    return json.dumps(value, ensure_ascii=False)


def counted(number: int, noun: str) -> str:
    """
    >>> counted(1, "event"), counted(2, "event")
    ('1 event', '2 events')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def size_text(size: int) -> str:
    """
    >>> size_text(1536)
    '1.5 KiB'
    """
    amount = float(size)
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.1f} {unit}" if unit != "B" else f"{size} B"
        amount /= 1024
    return f"{amount:.1f} GiB"


def shorten(value: object, limit: int = 200) -> str:
    """``value`` on one line."""
    text = plain(as_text(value)).replace("\n", " ")
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _visible(character: str) -> str:
    code = ord(character)
    if code < 256:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _cell(text: str) -> str:
    return shorten(text.replace("\t", " "), _LIMIT)

"""A table: text in a terminal, HTML in a notebook (escaped: names are texts of users)."""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any


class Table:
    """Rows under a head; ``empty`` is shown where there are none, and no cell is longer than
    ``cell_max`` characters."""

    def __init__(
        self,
        head: Sequence[str],
        rows: Sequence[Sequence[Any]],
        *,
        empty: str = "nothing",
        cell_max: int = 60,
    ) -> None:
        self.head = list(head)
        self.rows = [["" if value is None else str(value) for value in row] for row in rows]
        self.empty, self._cell_max = empty, cell_max

    def __repr__(self) -> str:
        if not self.rows:
            return self.empty
        lines = [self.head, *([self._short(cell) for cell in row] for row in self.rows)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.head))]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        )

    def _repr_html_(self) -> str:
        if not self.rows:
            return f"<p>{html.escape(self.empty)}</p>"
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.head)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(self._short(c))}</td>" for c in row) + "</tr>"
            for row in self.rows
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def _short(self, cell: str) -> str:
        line = " ".join(cell.split())
        return line if len(line) <= self._cell_max else line[: self._cell_max - 1] + "…"


def age(then_ms: int, now_ms: int) -> str:
    """How long ago, in the largest fitting unit.

    >>> age(0, 7_300_000)
    '2 h ago'
    """
    seconds = max(0, now_ms - then_ms) // 1000
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"


def when(ms: int) -> str:
    """A time for people, in their own zone."""
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")

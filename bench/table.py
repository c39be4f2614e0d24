"""One table: what was measured, beside the limit that was measured in the same run."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line. ``ratio`` is figure : limit (for times limit is the lower bound of the machine)."""

    what: str
    figure: str
    limit: str = ""
    ratio: float | None = None
    aim: str = ""


@dataclass
class Table:
    """Rows in the order in which they were measured, printed as they come."""

    rows: list[Row] = field(default_factory=list)

    WIDTHS = (58, 30, 44, 7, 26)

    def header(self) -> None:
        self._print(("what", "figure", "limit in the same run", "ratio", "aim"))
        self._print(tuple("-" * width for width in self.WIDTHS))

    def add(self, row: Row) -> None:
        self.rows.append(row)
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        self._print((row.what, row.figure, row.limit, ratio, row.aim))

    def _print(self, cells: Sequence[str]) -> None:
        padded = [cell.ljust(width) for cell, width in zip(cells, self.WIDTHS, strict=True)]
        print("  ".join(padded).rstrip(), flush=True)


def quantile(values: Sequence[float], q: float) -> float:
    """The ``q`` quantile (0…1) of at least two values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]


def micro(seconds: float) -> str:
    """``83 µs``"""
    return f"{seconds * 1e6:.0f} µs"


def milli(seconds: float) -> str:
    """``1.4 ms``"""
    return f"{seconds * 1e3:.1f} ms"


def rate(number: float, seconds: float) -> str:
    """``512,000 /s``"""
    return f"{number / seconds:,.0f} /s"


def p50_p99(values: Sequence[float], unit: Callable[[float], str] = micro) -> str:
    """``p50 40 µs, p99 90 µs``"""
    return f"p50 {unit(statistics.median(values))}, p99 {unit(quantile(values, 0.99))}"

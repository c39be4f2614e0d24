"""The cursor rule, as one pure function (protocol.md §3).

For a cursor c of this epoch, or of an earlier life whose part up to c lived on:

    earliest − 1 ≤ c ≤ head    goes on at c + 1 (c = head: nothing missed, still recovered)
    c < earliest − 1           gap ``trimmed``, lost [c + 1, earliest − 1]
    c > head                   gap ``ahead``, lost [head + 1, c]

Of another epoch: gap ``epoch_changed``; where the lineage knows that epoch, lost is exactly what
the viewer has seen beyond the common part, else null.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from sparky_nb.stream.frames import Cursor, Gap
from sparky_nb.stream.start import Start


class AncestorLike(Protocol):
    """See ``Ancestor`` in the log's contract."""

    @property
    def epoch(self) -> str: ...
    @property
    def valid_to(self) -> int: ...


class ExtentLike(Protocol):
    """What a position and a page of the log's contract share; this room does not import them."""

    @property
    def epoch(self) -> str: ...
    @property
    def earliest(self) -> int: ...
    @property
    def head(self) -> int: ...


class PositionLike(ExtentLike, Protocol):
    """See ``Position`` in the log's contract."""

    @property
    def lineage(self) -> Sequence[AncestorLike]: ...


class Resumption(Struct, frozen=True, kw_only=True):
    """How a viewer goes on: with the event after ``after``, unless ``close``.

    ``missed`` counts what the cursor's owner has not seen; ``recovered``: its cursor was honoured.
    """

    after: int
    missed: int = 0
    recovered: bool = False
    gap: Gap | None = None
    close: bool = False


def resume(position: PositionLike, start: Start) -> Resumption:
    """Where ``start`` leads in a chat that is at ``position``."""
    earliest, head = position.earliest, position.head
    if start.now:
        return Resumption(after=head)
    if start.last is not None:
        return Resumption(after=max(earliest - 1, head - start.last))
    if start.epoch is None:
        gap = _gap("trimmed", start, (1, earliest - 1)) if earliest > 1 else None
        return Resumption(after=earliest - 1, gap=gap)
    gap = find_gap(position, start)
    if gap is None:
        return Resumption(after=start.offset, missed=head - start.offset, recovered=True)
    return Resumption(
        after=earliest - 1,
        missed=max(0, head - start.offset),
        gap=gap,
        close=not start.go_on,
    )


def find_gap(position: PositionLike, start: Start) -> Gap | None:
    """Why the cursor of ``start`` can't be honoured, or None where it can."""
    cursor = start.offset
    if start.epoch != position.epoch:
        common = [a.valid_to for a in position.lineage if a.epoch == start.epoch]
        if not common:
            return _gap("epoch_changed", start, None)
        if cursor > common[0]:
            return _gap("epoch_changed", start, (common[0] + 1, cursor))
    if cursor < position.earliest - 1:
        return _gap("trimmed", start, (cursor + 1, position.earliest - 1))
    if cursor > position.head:
        return _gap("ahead", start, (position.head + 1, cursor))
    return None


def _gap(reason: str, start: Start, lost: tuple[int, int] | None) -> Gap:
    requested = Cursor(epoch=start.epoch, offset=start.offset)
    return Gap(reason=reason, requested=requested, lost=lost)  # type: ignore[arg-type]  # see callers

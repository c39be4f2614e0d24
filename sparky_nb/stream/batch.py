"""A page of the log as the bytes of one ``events`` frame.

The bodies are joined, never decoded; the bytes are made once and shared by all viewers that are at
the same place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from sparky_nb.stream.resume import AncestorLike, ExtentLike


class PageLike(ExtentLike, Protocol):
    """See ``Page`` in the log's contract."""

    @property
    def first(self) -> int: ...
    @property
    def events(self) -> Sequence[bytes]: ...


class Batch(Struct, frozen=True, kw_only=True):
    """A contiguous run of events as a frame.

    Attributes:
        epoch, earliest, head: the chat's position when it was read.
        first: the offset of its first event (``head + 1`` where it is empty).
        count: how many events.
        frame: the UTF-8 text of the ``events`` frame; empty where ``count`` is 0.
    """

    epoch: str
    earliest: int
    head: int
    first: int
    count: int
    frame: bytes

    @property
    def last(self) -> int:
        """The offset of its last event."""
        return self.first + self.count - 1

    @property
    def lineage(self) -> tuple[AncestorLike, ...]:
        """Empty: a batch is a position for whoever was in its epoch already."""
        return ()


def encode_batch(page: PageLike) -> Batch:
    """The batch of what is in ``page``."""
    frame = b""
    if page.events:
        frame = b'{"t":"events","offset":%d,"events":[%b]}' % (page.first, b",".join(page.events))
    return Batch(
        epoch=page.epoch,
        earliest=page.earliest,
        head=page.head,
        first=page.first,
        count=len(page.events),
        frame=frame,
    )

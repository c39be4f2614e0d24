"""Batches for viewers: read once, encoded once, shared by all who are at the same place.

1. A batch with events stays true: it may be served to anybody who wants what comes after the same
   offset, for a second, even when more has been appended since (they ask again).
2. An empty batch says "you are at the head", so it is shared only with those who asked before
   anything was rung again; else the ring that woke them would be lost.
3. After a redaction, a trim or a deletion what is kept of the chat is dropped, and what is being
   read at that moment is not kept.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Final, NamedTuple, TypeAlias

from sparky_nb.clock import Clock
from sparky_nb.fanout import Hub
from sparky_nb.log.base import BATCH_BYTES, BATCH_EVENTS, Log
from sparky_nb.server.overview import read
from sparky_nb.server.reader import LogDoor
from sparky_nb.stream import Batch, encode_batch

KEEP_SECONDS: Final = 1.0
KEEP_BYTES: Final = 32 * 1024 * 1024
ENVELOPE: Final = 64
"""Room for what the frame adds to the events, so that it stays within 256 KiB."""

_Place: TypeAlias = tuple[str, str, int]


class _Kept(NamedTuple):
    batch: Batch
    rings: int
    since: float


class _Reading(NamedTuple):
    future: asyncio.Future[Batch]
    rings: int
    drops: int


class Feed:
    """What viewers wait for and read. Use it on one loop.

    Args:
        door: where batches are read.
        clock: for how long they are kept.
    """

    def __init__(self, door: LogDoor, clock: Clock) -> None:
        self.hub = Hub()
        self._door, self._clock = door, clock
        self._rings = 0
        self._drops = 0
        self._kept: OrderedDict[_Place, _Kept] = OrderedDict()
        self._bytes = 0
        self._reading: dict[_Place, _Reading] = {}

    def ring(self, chat_id: str) -> None:
        """``chat_id`` has moved."""
        self._rings += 1
        self.hub.ring(chat_id)

    def ring_all(self) -> None:
        """Some chat has moved."""
        self._rings += 1
        self.hub.ring_all()

    def drop(self, chat_id: str) -> None:
        """What was read of ``chat_id`` is not true any more."""
        self._drops += 1
        for place in [place for place in self._kept if place[0] == chat_id]:
            self._bytes -= len(self._kept.pop(place).batch.frame)
        self.ring(chat_id)

    async def batch(self, chat_id: str, epoch: str, after: int) -> Batch:
        """The events after ``after``, as a frame; empty at the head.

        Its epoch and first offset are what the log has, not necessarily what was asked for.

        Raises:
            NotFound: no such chat.
            LogUnavailable: it can't be read now.
        """
        place = (chat_id, epoch, after)
        rings = self._rings
        kept = self._kept.get(place)
        fresh = kept is not None and self._clock.monotonic() - kept.since < KEEP_SECONDS
        if kept is not None and fresh and (kept.batch.count or kept.rings == rings):
            return kept.batch
        reading = self._reading.get(place)
        if reading is not None and reading.drops == self._drops:
            batch = await asyncio.shield(reading.future)
            if batch.count or reading.rings == rings:
                return batch
        # Shielded: others may wait for it, when this viewer leaves.
        return await asyncio.shield(self._read(place).future)

    def prefetch(self, chat_id: str, epoch: str, after: int) -> None:
        """Begin to read what a viewer will want as soon as its present batch is written."""
        place = (chat_id, epoch, after)
        if place not in self._kept and place not in self._reading:
            self._read(place)

    def _read(self, place: _Place) -> _Reading:
        """Begin to read; known to others from now on, kept as soon as it is there."""
        future: asyncio.Future[Batch] = asyncio.ensure_future(self._door.read(_batch, *place))
        self._reading[place] = reading = _Reading(future, self._rings, self._drops)

        def done(future: asyncio.Future[Batch]) -> None:
            if self._reading.get(place) is reading:
                del self._reading[place]
            if future.cancelled() or future.exception() is not None:
                return  # whoever waits for it meets the error
            batch = future.result()
            if reading.drops == self._drops and batch.epoch == place[1]:
                self._keep(place, _Kept(batch, reading.rings, self._clock.monotonic()))

        future.add_done_callback(done)
        return reading

    def _keep(self, place: _Place, kept: _Kept) -> None:
        old = self._kept.pop(place, None)
        self._bytes += len(kept.batch.frame) - (len(old.batch.frame) if old else 0)
        self._kept[place] = kept
        oldest = kept.since - KEEP_SECONDS
        while self._kept:
            first = next(iter(self._kept.values()))
            if self._bytes <= KEEP_BYTES and first.since >= oldest:
                return
            self._kept.popitem(last=False)
            self._bytes -= len(first.batch.frame)


def _batch(log: Log, chat_id: str, epoch: str, after: int) -> Batch:
    size = BATCH_BYTES - ENVELOPE - BATCH_EVENTS
    return encode_batch(read(log, chat_id, after=after, limit=BATCH_EVENTS, max_bytes=size))

"""Snapshots: a bounded fold of any length of log, brought on by what is new.

Three places hold a fold: the *base* (of what was trimmed; without it history would be lost), a
*checkpoint* that is put by now and then (without it a cold start would read everything), and this
process's cache. The last two may be thrown away at any time.

A base of another ``FOLD_VERSION`` can't be refolded, as its events are gone: its plain parts
(title, tasks, questions, counters, timeline) are kept where their shape is still the same.
"""

from __future__ import annotations

import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from sparky_nb.errors import NotFound
from sparky_nb.events.codec import decode_event
from sparky_nb.events.fold import FOLD_VERSION, Fold, new_state
from sparky_nb.events.model import Event, JsonObject
from sparky_nb.log.base import Snapshot
from sparky_nb.log.records import ChatRow, StoredFold

PAGE: Final = 1000
CHECKPOINT_EVERY: Final = 5000
"""Events that a cold snapshot has to fold at most, once ``checkpoints`` was called."""

CACHED_CHATS: Final = 64


class FoldSource(ABC):
    """What the cache reads; each call is one read transaction."""

    @abstractmethod
    def _fold_start(
        self, chat_id: str, after: int | None
    ) -> tuple[ChatRow, StoredFold | None] | None:
        """The chat and, with ``after`` None, its checkpoint or base, whichever is further."""

    @abstractmethod
    def _wires(self, chat: ChatRow, after: int, limit: int) -> Sequence[bytes]:
        """Events with offsets above ``after``, in order."""

    @abstractmethod
    def _save_checkpoint(self, chat: ChatRow, fold: StoredFold) -> None:
        """Put a checkpoint by, unless ``chat`` was scrubbed or deleted meanwhile."""


class _Cached(NamedTuple):
    key: int
    epoch: str
    scrubs: int
    offset: int
    fold: Fold


class _Slot:
    """The fold of one chat, and the turn of those who want it: each brings it on a little."""

    def __init__(self) -> None:
        self.turn = threading.Lock()
        self.cached: _Cached | None = None


class FoldCache:
    """The folds of one process, one per chat; only who wants the same chat's waits for another.

    Each step on ``_slots`` is one operation of a dict and needs no lock: whoever opens the file
    anew has one already as he calls ``clear``, and may be waited for by one who folds.
    """

    def __init__(self, source: FoldSource) -> None:
        self._source = source
        self._slots: dict[str, _Slot] = {}
        self._pid = os.getpid()

    def snapshot(self, chat_id: str) -> Snapshot:
        """See ``Log.snapshot``."""
        if self._pid != os.getpid():  # a forked child: whoever has a turn is not in it
            self._slots, self._pid = {}, os.getpid()
        slots = self._slots
        slot = slots.setdefault(chat_id, _Slot())
        for oldest in list(slots)[:-CACHED_CHATS]:
            slots.pop(oldest, None)
        with slot.turn:
            # A fold that is being brought on is nobody's, should that break off.
            cached, slot.cached = slot.cached, None
            chat, begun, stored = self._begin(chat_id, cached)
            while (brought := self._bring_on(chat, begun)) is None:
                chat, begun, stored = self._begin(chat_id, None)
            slot.cached = brought
            state = msgspec.json.encode(brought.fold.state)
        if slots.pop(chat_id, None) is slot:
            slots[chat_id] = slot  # the newest
        if brought.offset - stored >= CHECKPOINT_EVERY:
            fold = StoredFold(brought.offset, FOLD_VERSION, state)
            self._source._save_checkpoint(chat, fold)
        return Snapshot(epoch=chat.epoch, offset=brought.offset, state=msgspec.json.decode(state))

    def clear(self) -> None:
        """Forget all of them."""
        self._slots = {}

    def _begin(self, chat_id: str, cached: _Cached | None) -> tuple[ChatRow, _Cached, int]:
        """The chat, a fold to go on from, and the offset at which none has to be put by."""
        found = self._source._fold_start(chat_id, cached.offset if cached else None)
        if found is None:
            raise NotFound("chat", chat_id)
        chat, stored = found
        if cached is not None:
            same = (cached.key, cached.scrubs) == (chat.key, chat.scrubs)
            fits = chat.earliest - 1 <= cached.offset <= chat.head
            if same and fits and cached.epoch == chat.epoch:
                return chat, cached, cached.offset - cached.offset % CHECKPOINT_EVERY
            return self._begin(chat_id, None)
        fold = Fold() if stored is None else Fold(current(stored))
        offset = chat.earliest - 1 if stored is None else stored.offset
        return chat, _Cached(chat.key, chat.epoch, chat.scrubs, offset, fold), offset

    def _bring_on(self, chat: ChatRow, cached: _Cached) -> _Cached | None:
        """``cached`` up to the head of ``chat``; None where that was trimmed away meanwhile."""
        offset, fold = cached.offset, cached.fold
        while offset < chat.head:
            wires = self._source._wires(chat, offset, min(PAGE, chat.head - offset))
            if not wires:
                return None
            for wire in wires:
                event = decode_event(wire)
                if event.offset != offset + 1:
                    return None
                fold.apply(event)
                offset = event.offset
        return cached._replace(offset=offset)


def current(stored: StoredFold) -> JsonObject:
    """The state in ``stored``, in the shape of this version (see the module)."""
    old = msgspec.json.decode(stored.state)
    if stored.version == FOLD_VERSION:
        state: JsonObject = old
        return state
    state = new_state()
    for name, value in state.items():
        if name != "v" and (value is None or type(old.get(name)) is type(value)):
            state[name] = old.get(name)
    return state


def grow_base(base: StoredFold | None, removed: Iterable[bytes], offset: int) -> StoredFold:
    """The base after ``removed`` were folded into it, up to ``offset``."""
    fold = Fold() if base is None else Fold(current(base))
    for wire in removed:
        fold.apply(decode_event(wire))
    return StoredFold(offset, FOLD_VERSION, msgspec.json.encode(fold.state))


def scrub_base(base: StoredFold, offsets: Sequence[int]) -> StoredFold:
    """The base without what came from ``offsets``, which are trimmed."""
    fold = Fold(current(base))
    before, dropped = dict(fold.state["counters"]), fold.state["dropped"]
    entries = len(fold.state["timeline"])
    fold.apply(
        Event(
            offset=base.offset,
            id="",
            type="redaction",
            time=0,
            task_id=None,
            actor="system",
            data={"offsets": list(offsets)},
        )
    )
    # The event itself has its place at the head; here only its effect is wanted.
    timeline = fold.state["timeline"]
    if timeline and timeline[-1]["type"] == "redaction" and timeline[-1]["offset"] == base.offset:
        timeline.pop()
    fold.state["counters"] = before
    if len(timeline) < entries:
        fold.state["dropped"] = dropped
    return base._replace(version=FOLD_VERSION, state=msgspec.json.encode(fold.state))

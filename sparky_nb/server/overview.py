"""Reading ``_index`` where nothing has ever happened: the overview is there, and empty.

The log makes ``_index`` with its first event. Until then it is shown under the epoch ``0``, which
is an ancestor, valid up to 0, of whatever comes: who waited for the first task resumes without a
gap.
"""

from __future__ import annotations

from typing import Final

import msgspec

from sparky_nb.errors import NotFound
from sparky_nb.events.fold import new_state
from sparky_nb.ids import INDEX_CHAT
from sparky_nb.log.base import Ancestor, Log, Page, Position, Snapshot

BEFORE: Final = "0"


def position(log: Log, chat_id: str) -> Position:
    """``log.position``. Raises NotFound."""
    try:
        found = log.position(chat_id)
    except NotFound:
        if chat_id != INDEX_CHAT:
            raise
        return Position(epoch=BEFORE, earliest=1, head=0)
    if chat_id != INDEX_CHAT:
        return found
    born = Ancestor(epoch=BEFORE, valid_to=0)
    return msgspec.structs.replace(found, lineage=(*found.lineage, born))


def read(log: Log, chat_id: str, *, after: int, limit: int, max_bytes: int) -> Page:
    """``log.read``. Raises NotFound."""
    try:
        return log.read(chat_id, after=after, limit=limit, max_bytes=max_bytes)
    except NotFound:
        if chat_id != INDEX_CHAT:
            raise
        return _EMPTY


def read_before(log: Log, chat_id: str, *, before: int, limit: int) -> Page:
    """``log.read_before``. Raises NotFound."""
    try:
        return log.read_before(chat_id, before=before, limit=limit)
    except NotFound:
        if chat_id != INDEX_CHAT:
            raise
        return _EMPTY


def snapshot(log: Log, chat_id: str) -> Snapshot:
    """``log.snapshot``. Raises NotFound."""
    try:
        return log.snapshot(chat_id)
    except NotFound:
        if chat_id != INDEX_CHAT:
            raise
        return Snapshot(epoch=BEFORE, offset=0, state=new_state())


_EMPTY: Final = Page(epoch=BEFORE, earliest=1, head=0, first=1, events=())

"""Is every chat whole? Reads only through the contract, so it serves any backend."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from sparky_nb.errors import InvalidArgument, NotFound
from sparky_nb.events.codec import decode_event
from sparky_nb.events.model import Event
from sparky_nb.events.states import TERMINAL
from sparky_nb.log.base import Log, Problem, TaskRow
from sparky_nb.log.records import ChatRow

PAGE: Final = 1000
CUT: Final = "repair ends the chat here, in a new epoch"
ROW: Final = "repair makes the row from the events"


def verify_chats(log: Log, rows: Iterable[ChatRow]) -> Iterator[Problem]:
    """See ``Log.verify``; ``rows`` are the chats to look at."""
    for row in rows:
        yield from _verify_chat(log, row.chat_id)


def _verify_chat(log: Log, chat_id: str) -> Iterator[Problem]:
    try:
        position = log.position(chat_id)
    except NotFound:  # deleted since the list was made
        return
    states: dict[str, Event] = {}
    endings: dict[str, int] = {}
    after, ids = position.earliest - 1, set[str]()
    while after < position.head:
        page = log.read(chat_id, after=after, limit=min(PAGE, position.head - after))
        if page.epoch != position.epoch:  # deleted and made anew meanwhile: nothing to compare
            return
        if page.earliest > position.earliest:  # trimmed meanwhile
            after = max(after, page.earliest - 1)
            position = log.position(chat_id)
        for wire in page.events:
            after += 1
            try:
                event = decode_event(wire)
            except InvalidArgument as error:
                yield Problem(chat_id=chat_id, offset=after, what=f"no event: {error}")
                continue
            if event.offset > after:
                yield _hole(chat_id, after, position.head)
                return
            if event.offset != after:
                yield Problem(
                    chat_id=chat_id, offset=after, what=f"says that it is offset {event.offset}"
                )
            if event.id in ids:
                yield Problem(chat_id=chat_id, offset=after, what=f"repeats the id {event.id}")
            ids.add(event.id)
            if event.type == "status" and event.task_id is not None and chat_id[0] != "_":
                states[event.task_id] = event
                if event.data.get("state") in TERMINAL:
                    endings[event.task_id] = endings.get(event.task_id, 0) + 1
        if not page.events:
            yield _hole(chat_id, after + 1, position.head)
            return
    yield from _verify_tasks(log, chat_id, states, endings, position.head)


def _hole(chat_id: str, offset: int, head: int) -> Problem:
    what = f"events are missing here; the head is {head}"
    return Problem(chat_id=chat_id, offset=offset, what=what, mend=CUT)


def _verify_tasks(
    log: Log, chat_id: str, states: dict[str, Event], endings: dict[str, int], head: int
) -> Iterator[Problem]:
    for task_id, event in states.items():
        if endings.get(task_id, 0) > 1:
            yield Problem(
                chat_id=chat_id, offset=event.offset, what=f"{task_id} has ended more than once"
            )
        try:
            row = log.task(task_id)
        except NotFound:
            yield Problem(
                chat_id=chat_id,
                offset=event.offset,
                what=f"{task_id} has events and no row",
                mend=ROW,
            )
            continue
        if row.last <= head and not _agrees(row, event):
            yield Problem(
                chat_id=chat_id,
                offset=event.offset,
                what=f"{task_id} is {row.state} (attempt {row.attempt}) in its row, "
                f"{event.data.get('state')} (attempt {event.data.get('attempt')}) in its events",
                mend=ROW,
            )


def _agrees(row: TaskRow, event: Event) -> bool:
    return (row.state, row.attempt) == (event.data.get("state"), event.data.get("attempt"))

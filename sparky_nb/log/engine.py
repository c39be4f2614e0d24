"""The writing half of a log, over any store that has transactions (``Records``).

A backend gives ``_write`` (run a function inside one write transaction) and its reads; everything
that has to be decided alike everywhere is decided here, in ``plan.py`` and in ``rules.py``.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final, TypeVar

import msgspec

from sparky_nb.clock import Clock
from sparky_nb.errors import Conflict, Fenced, IdConflict, InvalidArgument, NotFound, UsageError
from sparky_nb.events.jsonable import safe_text
from sparky_nb.events.model import Command, JsonObject, NewEvent, Status
from sparky_nb.events.states import ACTIVE, QUEUED, TERMINAL
from sparky_nb.ids import INDEX_CHAT, check_chat_id, check_title, derived_id, new_epoch
from sparky_nb.log.base import (
    Append,
    ChatInfo,
    CommandRow,
    Committed,
    Log,
    Position,
    ScheduleRow,
    Snapshot,
    Submitted,
    TaskRow,
)
from sparky_nb.log.folding import FoldCache, FoldSource, grow_base
from sparky_nb.log.plan import Plan, check_append, encode, ended_commands, plan
from sparky_nb.log.reading import is_integer
from sparky_nb.log.records import (
    ChatRow,
    CommandState,
    DuplicateIdError,
    Known,
    Records,
    content_digest,
)
from sparky_nb.log.redact import blobs_in, redact_events
from sparky_nb.log.rules import (
    chat_event,
    check_choice,
    digest,
    lost_event,
    schedule_event,
    unnamed_digest,
)

SLICE: Final = 1000
"""Rows of long work that go into one transaction."""

T = TypeVar("T")
_NOTHING: Final[Mapping[str, Known]] = {}


class EngineLog(Log, FoldSource):
    """A log over ``Records``. Backends add ``_write``, the reads, and their own chores."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._folds = FoldCache(self)

    @abstractmethod
    def _write(self, work: Callable[[Records], T]) -> T:
        """``work`` inside one write transaction. It may run more than once; if it raises, nothing
        of it stays."""

    # -- events

    def commit(self, append: Append) -> Committed:
        check_append(append)
        bodies = tuple([encode(event) for event in append.events])
        try:
            return self._write(lambda tx: store(tx, append, bodies, _NOTHING))
        except (UsageError, Fenced, DuplicateIdError):
            # Perhaps a repetition: what it says is legal, then, whatever has happened since.
            return self._write(lambda tx: store(tx, append, bodies, None))

    # -- chats

    def create_chat(
        self, chat_id: str, *, title: str | None, owner: str | None, actor: str, now_ms: int
    ) -> tuple[ChatInfo, bool]:
        check_chat_id(chat_id)
        if title is not None:
            check_title(title)

        def create(tx: Records) -> bool:
            if tx.chat(chat_id) is not None:
                return False
            epoch = new_epoch()
            event = chat_event(
                chat_id,
                "created",
                title,
                event_id=derived_id("created", chat_id, epoch),
                actor=actor,
                now_ms=now_ms,
            )
            append = Append(chat=chat_id, events=(event,), title=title, owner=owner)
            store(tx, append, (encode(event),), _NOTHING, new_life=epoch)
            return True

        created = self._write(create)
        return self.chat(chat_id), created

    def rename_chat(self, chat_id: str, title: str, *, actor: str, now_ms: int) -> ChatInfo:
        check_chat_id(chat_id)
        check_title(title)

        def rename(tx: Records) -> None:
            chat = known_chat(tx, chat_id)
            event = chat_event(
                chat_id,
                "renamed",
                title,
                event_id=derived_id("renamed", chat_id, chat.epoch, str(chat.head + 1)),
                actor=actor,
                now_ms=now_ms,
            )
            store(tx, Append(chat=chat_id, events=(event,)), (encode(event),), _NOTHING)
            tx.save_chat(msgspec.structs.replace(known_chat(tx, chat_id), title=safe_text(title)))

        self._write(rename)
        return self.chat(chat_id)

    def delete_chat(self, chat_id: str, *, actor: str, now_ms: int) -> None:
        check_chat_id(chat_id)

        def delete(tx: Records) -> None:
            chat = known_chat(tx, chat_id)
            if active := tx.active_tasks(chat):
                raise Conflict(f"task {active[0].task_id} of chat {chat_id} has not ended")
            event = chat_event(
                chat_id,
                "deleted",
                None,
                event_id=derived_id("deleted", chat_id, chat.epoch),
                actor=actor,
                now_ms=now_ms,
            )
            _to_index(tx, [event])
            tx.drop_chat(chat)
            tx.drop_schedules(None, chat_id)

        self._write(delete)
        self._forgotten()

    def trim(self, chat_id: str, before: int) -> Position:
        check_chat_id(chat_id, system=True)
        if not is_integer(before) or before < 0:
            raise InvalidArgument("before", "an integer ≥ 0", before)
        while True:
            done, position = self._write(lambda tx: _trim_slice(tx, chat_id, before))
            if done:
                return position

    def redact(self, chat_id: str, offsets: Sequence[int], *, actor: str, now_ms: int) -> int:
        check_chat_id(chat_id)
        wanted = sorted(set(offsets))
        if not wanted:
            raise InvalidArgument("offsets", "at least one offset")

        def scrub(tx: Records) -> int:
            chat = known_chat(tx, chat_id)
            offset, digests, unnamed = redact_events(tx, chat, wanted, actor=actor, now_ms=now_ms)
            index = tx.chat(INDEX_CHAT)
            if index is not None:
                found = {known.offset for known in tx.find(index, digests).values()}
                found.update(*(tx.statuses(index, row.task_id) for row in unnamed))
                kept = sorted(it for it in found if it >= index.earliest)
                if kept:
                    redact_events(tx, index, kept, actor=actor, now_ms=now_ms)
            if unnamed:
                told = (unnamed_digest(it, chat.epoch, offset, now_ms=now_ms) for it in unnamed)
                _to_index(tx, list(told))
            return offset

        offset = self._write(scrub)
        self._forgotten()
        return offset

    def _forgotten(self) -> None:
        """Called after something was deleted that must also leave the disk."""

    # -- commands

    def submit(
        self, chat_id: str, task_id: str, command: Command, *, now_ms: int, event_id: str
    ) -> Submitted:
        check_chat_id(chat_id)
        if command.name == "answer":
            self._check_choice(chat_id, task_id, command.args)
        return self._write(lambda tx: _submit(tx, chat_id, task_id, command, now_ms, event_id))

    def _check_choice(self, chat_id: str, task_id: str, args: JsonObject) -> None:
        """An answer to an open question is one of its choices. They never change once it is asked,
        so they may be looked up before the transaction; that it is open is checked inside."""
        try:
            asked = self.snapshot(chat_id).state["questions"].get(str(args.get("question_id")))
        except NotFound:
            return  # so is the task, and that is what will be said
        if asked is not None and asked["task_id"] == task_id:
            check_choice(asked.get("choices"), args.get("answer"))

    # -- schedules

    def add_schedule(self, row: ScheduleRow) -> None:
        check_chat_id(row.chat_id)
        told = schedule_event(None, row, actor=f"user:{row.from_}", now_ms=row.created)

        def add(tx: Records) -> None:
            if tx.schedule(row.schedule_id) is not None:
                raise IdConflict(row.schedule_id)
            tx.save_schedule(row)
            _to_index(tx, [told])

        self._write(add)

    def change_schedule(
        self, row: ScheduleRow, append: Append | None = None, *, actor: str, now_ms: int
    ) -> bool:
        if append is not None:
            check_append(append)
        bodies = tuple([encode(event) for event in append.events]) if append is not None else ()

        def change(tx: Records) -> bool:
            before = tx.schedule(row.schedule_id)
            if before is None or before.revision + 1 != row.revision:
                return False
            if append is not None:
                store(tx, append, bodies, None)
            tx.save_schedule(row)
            _to_index(tx, [schedule_event(before, row, actor=actor, now_ms=now_ms)])
            return True

        return self._write(change)

    def remove_schedule(self, schedule_id: str, *, actor: str, now_ms: int) -> None:
        def remove(tx: Records) -> None:
            if (row := tx.schedule(schedule_id)) is None:
                raise NotFound("schedule", schedule_id)
            tx.drop_schedules(schedule_id)
            _to_index(tx, [schedule_event(row, None, actor=actor, now_ms=now_ms)])

        self._write(remove)

    # -- runners

    def declare_lost(self, runner_id: str, *, reason: str, now_ms: int) -> list[str]:
        ended: list[str] = []
        while task_id := self._write(lambda tx: _lose_one(tx, runner_id, reason, now_ms)):
            ended.append(task_id)
        return ended

    # -- snapshots

    def snapshot(self, chat_id: str) -> Snapshot:
        return self._folds.snapshot(chat_id)


# -- inside one transaction


def known_chat(tx: Records, chat_id: str) -> ChatRow:
    """The chat, or NotFound."""
    if (chat := tx.chat(chat_id)) is None:
        raise NotFound("chat", chat_id)
    return chat


def store(
    tx: Records,
    append: Append,
    bodies: Sequence[bytes],
    known: Mapping[str, Known] | None,
    *,
    new_life: str | None = None,
) -> Committed:
    """Store ``append``.

    Args:
        known: ids that are stored already; None: look them up.
        new_life: the epoch for the chat, if it has to be made.
    """
    chat = found = tx.chat_to_append(append.chat)
    if append.epoch is not None and (chat is None or chat.epoch != append.epoch):
        if append.fence is not None:
            raise Fenced(append.fence.task_id, "its chat was deleted or replaced")
        raise Conflict(f"chat {append.chat} was deleted or replaced")
    if chat is None:
        chat = _new_chat(append, new_life or new_epoch())
    if known is None:
        known = {} if found is None else tx.find(chat, [event.id for event in append.events])
    decided = plan(
        append,
        bodies,
        epoch=chat.epoch,
        head=chat.head,
        task=tx.task,
        active=partial(tx.active_tasks, chat),
        pending=tx.pending,
        known=known,
    )
    endings = _check_commands(tx, append) if append.commands else {}
    if found is None:
        chat = tx.make_chat(chat)
    if decided.events:
        _store_plan(tx, chat, decided, new=found is None)
    for key, outcome in endings.items():
        tx.end_command(key, outcome)
    return Committed(
        epoch=chat.epoch,
        offsets=tuple(decided.offsets),
        head=decided.head,
        extra_offsets=tuple(decided.extra),
    )


def _new_chat(append: Append, epoch: str) -> ChatRow:
    return ChatRow(
        key=0,
        chat_id=append.chat,
        epoch=epoch,
        title=None if append.title is None else safe_text(append.title),
        owner=append.owner,
        created=append.events[0].time,
        updated=append.events[-1].time,
    )


def _store_plan(tx: Records, chat: ChatRow, decided: Plan, *, new: bool) -> None:
    tx.add(chat, decided.events)
    digests: list[NewEvent] = []
    if decided.rows:
        moved = msgspec.structs.replace(chat, head=decided.head)
        for row in decided.rows.values():
            tx.save_task(moved, row)
            if row.state in TERMINAL:
                for command in tx.pending(row.task_id):
                    tx.end_command(command.key, "expired")
                tx.end_task(chat, row.task_id)
    for task_id, question in decided.asked:
        tx.open_question(chat, task_id, question)
    for task_id, answered in decided.answered:
        tx.close_questions(chat, task_id, answered)
    if chat.chat_id == INDEX_CHAT:
        return
    if decided.told:
        found = (
            digest(chat.chat_id, chat.epoch, it.event, decided.rows.get(it.event.task_id or ""))
            for it in decided.events
        )
        digests = [it for it in found if it is not None]
    if new and not (digests and digests[0].type == "chat"):
        first = decided.events[0].event
        digests.insert(0, _birth(chat, first))
    if digests:
        _to_index(tx, digests)


def _birth(chat: ChatRow, first: NewEvent) -> NewEvent:
    """What ``_index`` says of a chat that came into being with its first append."""
    return chat_event(
        chat.chat_id,
        "created",
        chat.title,
        event_id=derived_id("index", "born", chat.chat_id, chat.epoch),
        actor=first.actor,
        now_ms=first.time,
    )


def _to_index(tx: Records, digests: list[NewEvent]) -> None:
    """Store ``digests`` in ``_index``, each once."""
    index = tx.chat(INDEX_CHAT)
    if index is None:
        first = digests[0]
        index = tx.make_chat(
            ChatRow(
                key=0,
                chat_id=INDEX_CHAT,
                epoch=new_epoch(),
                created=first.time,
                updated=first.time,
            )
        )
    known = tx.find(index, [it.id for it in digests])
    out = Plan(index.head)
    for it in digests:
        if it.id not in known:
            out.put(it, encode(it))
    if out.events:
        tx.add(index, out.events)


def _check_commands(tx: Records, append: Append) -> dict[str, str]:
    """{key: outcome} for the commands that end with ``append`` and have not ended before."""
    outcomes, endings = ended_commands(append), {}
    for key in append.commands:
        state = tx.command(key)
        if state is None or state.row.chat_id != append.chat:
            raise NotFound("command", key)
        outcome = outcomes.get(state.row.command.command_id)
        if outcome is None:
            raise InvalidArgument("commands", f"the event that ends command {key}")
        if state.outcome == "accepted":
            endings[key] = outcome
    return endings


def _trim_slice(tx: Records, chat_id: str, before: int) -> tuple[bool, Position]:
    chat = known_chat(tx, chat_id)
    target = min(before, chat.head + 1)
    upto = min(target, chat.earliest + SLICE)
    if upto <= chat.earliest:
        return True, chat.position()
    base = tx.base(chat)
    removed = tx.cut(chat, upto)
    tx.save_base(chat, grow_base(base, removed, upto - 1))
    tx.drop_unused_blobs(chat, set().union(*map(blobs_in, removed)))
    chat = msgspec.structs.replace(chat, earliest=upto)
    tx.save_chat(chat)
    return upto == target, chat.position()


def _submit(
    tx: Records, chat_id: str, task_id: str, command: Command, now_ms: int, event_id: str
) -> Submitted:
    chat, row = tx.chat(chat_id), tx.task(task_id)
    if chat is None or row is None or row.chat_id != chat_id or row.epoch != chat.epoch:
        raise NotFound("task", task_id)
    key = derived_id("command", str(chat.key), chat.epoch, command.from_, command.command_id)
    digest_ = content_digest(msgspec.json.encode([task_id, command.name, command.args]))
    if (before := tx.command(key)) is not None:
        if before.digest != digest_:
            raise IdConflict(command.command_id)
        return Submitted(key=key, offset=before.row.offset, outcome=before.outcome, repeated=True)
    if row.state in TERMINAL:
        raise Conflict(f"task {task_id} has ended ({row.state})")
    if command.name == "answer":
        _check_answer(tx, chat, row, command)
    at_once = command.name == "cancel" and row.state == QUEUED and row.runner is None
    outcome = "applied" if at_once else "accepted"
    event = NewEvent(
        id=event_id,
        type="command",
        time=now_ms,
        task_id=task_id,
        actor=command.from_ if ":" in command.from_ else f"user:{command.from_}",
        data=msgspec.structs.replace(command, outcome=outcome),
    )
    events = (event, _cancelled(row, event)) if at_once else (event,)
    done = store(tx, Append(chat=chat_id, events=events), [encode(it) for it in events], None)
    accepted = CommandRow(
        key=key, chat_id=chat_id, task_id=task_id, command=command, offset=done.offsets[0]
    )
    tx.add_command(chat, CommandState(accepted, digest_, outcome))
    return Submitted(key=key, offset=done.offsets[0], outcome=outcome)


def _check_answer(tx: Records, chat: ChatRow, row: TaskRow, command: Command) -> None:
    question = str(command.args.get("question_id"))
    if not tx.has_question(chat, row.task_id, question):
        raise Conflict(f"task {row.task_id} does not wait for an answer to {question}")
    for other in tx.pending(row.task_id):
        same = str(other.command.args.get("question_id")) == question
        if other.command.name == "answer" and same:
            raise Conflict(f"question {question} has an answer already")


def _cancelled(row: TaskRow, command: NewEvent) -> NewEvent:
    """The ending of a queued task that no runner holds."""
    return NewEvent(
        id=derived_id("cancelled", row.task_id, str(row.attempt), command.id),
        type="status",
        time=command.time,
        task_id=row.task_id,
        actor="system",
        data=Status(state="cancelled", attempt=row.attempt, reason="cancelled while queued"),
    )


def _lose_one(tx: Records, runner_id: str, reason: str, now_ms: int) -> str | None:
    """End one task of the runner; with none left, forget the runner."""
    for row in tx.tasks_of_runner(runner_id):
        if row.state in ACTIVE:
            event = lost_event(row, reason=reason, now_ms=now_ms)
            store(tx, Append(chat=row.chat_id, events=(event,)), (encode(event),), _NOTHING)
            return row.task_id
    tx.forget_runner(runner_id)
    return None

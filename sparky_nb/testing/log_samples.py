"""Events, fences and appends for tests of a log."""

from __future__ import annotations

from typing import Any

from sparky_nb.events.codec import decode_event
from sparky_nb.events.model import Command, Event, JsonObject, NewEvent
from sparky_nb.ids import derived_id
from sparky_nb.log.base import Append, Committed, Fence, Log, RunnerRow, Submitted

RUNNER = "boot:1:2:3:aaaaaaaa"
OTHER = "boot:1:9:9:bbbbbbbb"


def task_id(number: int) -> str:
    """A legal task id.

    >>> task_id(7)
    'task-000000000007'
    """
    return f"task-{number:012d}"


def event(
    name: str, type_: str = "thought", task: str | None = None, /, time: int = 1000, **data: Any
) -> NewEvent:
    """An event whose id is made from ``name``."""
    if type_ == "thought" and not data:
        data = {"message_id": name, "text": f"text of {name}", "final": True}
    actor = "task" if task else "user:ann"
    return NewEvent(
        id=derived_id("sample", name), type=type_, time=time, task_id=task, actor=actor, data=data
    )


def status(name: str, task: str, state: str, attempt: int = 1, /, **data: Any) -> NewEvent:
    return event(name, "status", task, state=state, attempt=attempt, **data)


def fence(task: str, attempt: int = 1, runner: str = RUNNER) -> Fence:
    return Fence(task_id=task, attempt=attempt, runner=runner)


def append(log: Log, chat: str, *events: NewEvent, **options: Any) -> Committed:
    """Commit ``events`` to ``chat``."""
    return log.commit(Append(chat=chat, events=events, **options))


def start(log: Log, chat: str, number: int, runner: str = RUNNER, **data: Any) -> str:
    """A running task of ``runner``; its id."""
    task = task_id(number)
    data = {"kind": "call", **data}
    first = status(f"{task} begins", task, "running", runner=runner, **data)
    append(log, chat, first, fence=fence(task, runner=runner))
    return task


def queue(log: Log, chat: str, number: int, **data: Any) -> str:
    """A queued task that no runner holds; its id."""
    task = task_id(number)
    append(log, chat, status(f"{task} queued", task, "queued", kind="agent", **data))
    return task


def ask(
    log: Log, chat: str, task: str, name: str = "cancel", id_: str = "c1", **args: Any
) -> Submitted:
    """Submit a command."""
    command = Command(command_id=id_, name=name, args=args, from_="ann", outcome="accepted")  # type: ignore[arg-type]  # tests also try other names
    return log.submit(chat, task, command, now_ms=2000, event_id=derived_id(chat, task, id_))


def all_events(log: Log, chat: str) -> list[Event]:
    """Everything that is kept of ``chat``, read in small pages."""
    found: list[Event] = []
    after = 0
    while page := log.read(chat, after=after, limit=7).events:
        found += map(decode_event, page)
        after = found[-1].offset
    return found


def states(log: Log, chat: str, task: str) -> list[JsonObject]:
    """The ``status`` data of one task, in order."""
    return [e.data for e in all_events(log, chat) if e.task_id == task and e.type == "status"]


def runner_row() -> RunnerRow:
    """A kernel that has registered."""
    return RunnerRow(
        runner_id=RUNNER,
        role="kernel",
        endpoint="ipc:///x",
        chat_id="c",
        version=1,
        started=1,
        info={"host": "h"},
    )

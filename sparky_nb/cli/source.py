"""Where a command reads and writes: a log directly, or a running server.

Both answer with the objects of protocol.md §2 as dicts, so that a command does not care which it has.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import click

from sparky_nb.clock import SystemClock
from sparky_nb.events import Event, decode_event
from sparky_nb.events.model import Command
from sparky_nb.events.states import TERMINAL
from sparky_nb.ids import new_event_id
from sparky_nb.log import open_log
from sparky_nb.log.base import Log, TaskRow
from sparky_nb.log.liveness import LeaseObserver
from sparky_nb.log.sweep import sweep

POLL_SECONDS = 0.25
SWEEP_SECONDS = 2.0


class Source(Protocol):
    """What the commands need of a log or a server."""

    def tasks(self, *, chat: str | None, states: Sequence[str] | None) -> list[dict[str, Any]]:
        """Tasks as in ``GET tasks``, newest first."""
        ...

    def task(self, task_id: str) -> dict[str, Any]:
        """One task; a unique prefix of its id is enough."""
        ...

    def command(self, task_id: str, name: str, args: dict[str, Any]) -> dict[str, Any]:
        """Ask the task's runner for something; ``{command_id, offset}``."""
        ...

    def follow(self, task: dict[str, Any]) -> Iterator[Event]:
        """The events of the task from its first to its last, live."""
        ...


class LogSource:
    """A log that this process opened."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self._clock = SystemClock()
        self._observer = LeaseObserver(self._clock)

    def tasks(self, *, chat: str | None, states: Sequence[str] | None) -> list[dict[str, Any]]:
        self._sweep()
        return [task_object(row) for row in self.log.tasks(chat_id=chat, states=states)]

    def task(self, task_id: str) -> dict[str, Any]:
        self._sweep()
        return task_object(self.log.task(task_id))

    def command(self, task_id: str, name: str, args: dict[str, Any]) -> dict[str, Any]:
        row, now = self.log.task(task_id), self._clock.now_ms()
        command_id = new_event_id(now)
        command = Command(
            command_id=command_id,
            name=name,  # type: ignore[arg-type]  # one of three literals, given by our commands
            args=args,
            from_="user:cli",
            outcome="accepted",
        )
        done = self.log.submit(
            row.chat_id, row.task_id, command, now_ms=now, event_id=new_event_id(now)
        )
        return {"command_id": command_id, "offset": done.offset}

    def follow(self, task: dict[str, Any]) -> Iterator[Event]:
        import threading

        chat_id, task_id = task["chat_id"], task["task_id"]
        after, idle = task["first"] - 1, threading.Event()
        next_sweep = self._clock.monotonic()
        while True:
            page = self.log.read(chat_id, after=after)
            for event in map(decode_event, page.events):
                after = event.offset
                if event.task_id == task_id:
                    yield event
                    if event.type == "status" and event.data.get("state") in TERMINAL:
                        return
            if page.events:
                continue
            if self._clock.monotonic() >= next_sweep:
                self._sweep()
                next_sweep = self._clock.monotonic() + SWEEP_SECONDS
            idle.wait(POLL_SECONDS)

    def _sweep(self) -> None:
        """A reader who notices a dead runner says so (protocol.md §5)."""
        sweep(self.log, self._observer, self._clock)


def task_object(row: TaskRow) -> dict[str, Any]:
    """A task as in ``GET tasks``."""
    return {name: getattr(row, name) for name in row.__struct_fields__}


@contextlib.contextmanager
def open_source(*, log_url: str | None, server: str | None, token: str | None) -> Iterator[Source]:
    """The source that the common options name; closed at the end.

    Raises:
        click.UsageError: the server's address is no http or https URL.
    """
    if server is not None:
        if not server.startswith(("http://", "https://")):
            raise click.UsageError("--server: expected a URL that begins with http:// or https://")
        from sparky_nb.cli.remote import ServerSource  # tornado costs 0.1 s

        with contextlib.closing(ServerSource(server, token)) as source:
            yield source
        return
    with open_log(log_url) as log:
        yield LogSource(log)




"""A log that this process opened."""

from __future__ import annotations

import getpass
import threading
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from sparky_nb._version import __version__
from sparky_nb.clock import SystemClock
from sparky_nb.errors import Conflict
from sparky_nb.events.codec import decode_event
from sparky_nb.events.model import Command, Event, JsonObject
from sparky_nb.events.states import TERMINAL
from sparky_nb.ids import new_event_id
from sparky_nb.log.base import Append, Log
from sparky_nb.log.liveness import LeaseObserver
from sparky_nb.log.queueing import queued_task, retried_task
from sparky_nb.log.sweep import sweep

POLL_SECONDS: Final = 0.05
"""Between two looks at the log's change token, which costs microseconds."""

SWEEP_SECONDS: Final = 2.0
PAGE: Final = 1000


class LogSource:
    """See ``Source``. Whoever reads also notices dead runners and says so (protocol.md §5)."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.clock = SystemClock()
        self._observer = LeaseObserver(self.clock)

    def tasks(
        self, *, chat: str | None, states: Sequence[str] | None, limit: int
    ) -> list[JsonObject]:
        self.sweep()
        rows = self.log.tasks(chat_id=chat, states=states, limit=limit)
        return [msgspec.to_builtins(row) for row in rows]

    def task(self, task_id: str) -> JsonObject:
        self.sweep()
        whole = task_id if task_id.startswith("task-") else f"task-{task_id}"
        found: JsonObject = msgspec.to_builtins(self.log.task(whole))
        return found

    def command(self, task_id: str, name: str, args: JsonObject) -> JsonObject:
        row, now = self.log.task(task_id), self.clock.now_ms()
        command_id = new_event_id(now)
        command = Command(
            command_id=command_id,
            name=name,  # type: ignore[arg-type]  # one of three literals, given by our commands
            args=args,
            from_=user_name(),
            outcome="accepted",
        )
        done = self.log.submit(
            row.chat_id, row.task_id, command, now_ms=now, event_id=new_event_id(now)
        )
        return {"command_id": command_id, "offset": done.offset, "outcome": done.outcome}

    def add_task(
        self, chat: str, instruction: str, *, name: str | None, model: str | None
    ) -> JsonObject:
        asked_by, now_ms = user_name(), self.clock.now_ms()
        return self._queue(
            *queued_task(
                chat,
                asked_by=asked_by,
                now_ms=now_ms,
                instruction=instruction,
                name=name,
                model=model,
            )
        )

    def retry(self, task_id: str) -> JsonObject:
        row, runners = self.log.task(task_id), self.log.runners()
        asked_by, now_ms = user_name(), self.clock.now_ms()
        return self._queue(*retried_task(row, runners, asked_by=asked_by, now_ms=now_ms))

    def _queue(self, task_id: str, append: Append) -> JsonObject:
        self.log.commit(append)
        ring(self.log, append.chat, self.clock)
        found: JsonObject = msgspec.to_builtins(self.log.task(task_id))
        return found

    def follow(self, task: JsonObject) -> Iterator[Event]:
        chat_id, task_id = task["chat_id"], task["task_id"]
        after, idle = task["first"] - 1, threading.Event()
        token, next_sweep = self.log.change_token(), self.clock.monotonic()
        while True:
            page = self.log.read(chat_id, after=after)
            if page.epoch != task["epoch"]:
                raise Conflict(f"chat {chat_id} was deleted or replaced")
            for event in map(decode_event, page.events):
                after = event.offset
                if event.task_id == task_id:
                    yield event
                    if event.type == "status" and event.data.get("state") in TERMINAL:
                        return
            if page.events:
                continue
            after = max(after, page.head)
            row = self.log.task(task_id)
            if row.state in TERMINAL and row.last <= after:
                return  # its ending was trimmed
            while (seen := self.log.change_token()) == token:
                if self.clock.monotonic() >= next_sweep:
                    self.sweep()
                    next_sweep = self.clock.monotonic() + SWEEP_SECONDS
                idle.wait(POLL_SECONDS)
            token = seen

    def chats(self) -> list[JsonObject]:
        # Who watches, only a server knows: null where it is not asked.
        return [{**msgspec.to_builtins(info), "viewers": None} for info in self.log.chats()]

    def events(self, chat_id: str) -> Iterator[JsonObject]:
        position = self.log.position(chat_id)
        after = position.earliest - 1
        while after < position.head:
            page = self.log.read(chat_id, after=after, limit=PAGE)
            if page.epoch != position.epoch or not page.events:
                raise Conflict(f"chat {chat_id} was changed while it was read")
            after = page.first + len(page.events) - 1
            for wire in page.events:
                yield msgspec.json.decode(wire)

    def head(self, chat_id: str) -> int:
        return self.log.position(chat_id).head

    def snapshot(self, chat_id: str) -> JsonObject:
        return self.log.snapshot(chat_id).state

    def trim(self, chat_id: str, before: int) -> JsonObject:
        done: JsonObject = msgspec.to_builtins(self.log.trim(chat_id, before))
        return done

    def schedules(self, chat: str | None) -> list[JsonObject]:
        from sparky_nb import schedules  # cron and time zones: where they are needed

        return schedules.listed(self.log, self.clock.now_ms(), chat_id=chat)

    def add_schedule(self, wanted: JsonObject) -> JsonObject:
        from sparky_nb import schedules  # cron and time zones: where they are needed

        now_ms, fields = self.clock.now_ms(), dict(wanted)
        parts = {name: fields.pop(name, None) for name in ("every", "cron", "at", "timezone")}
        rule = schedules.make_rule(now_ms=now_ms, **parts)
        row = schedules.add(self.log, rule, now_ms=now_ms, asked_by=user_name(), **fields)
        ring(self.log, row.chat_id, self.clock)
        return schedules.described(self.log, row, now_ms)

    def change_schedule(self, schedule_id: str, change: JsonObject) -> JsonObject:
        from sparky_nb import schedules  # cron and time zones: where they are needed

        who, now_ms = user_name(), self.clock.now_ms()
        if change.get("state") == "paused":
            schedules.pause(self.log, schedule_id, asked_by=who, now_ms=now_ms)
        elif change.get("state") == "active":
            schedules.resume(self.log, schedule_id, asked_by=who, now_ms=now_ms)
        if change.get("run"):
            schedules.run_now(self.log, schedule_id, asked_by=who, now_ms=now_ms)
        row = self.log.schedule(schedule_id)
        ring(self.log, row.chat_id, self.clock)
        return schedules.described(self.log, row, now_ms)

    def remove_schedule(self, schedule_id: str) -> str:
        from sparky_nb import schedules  # cron and time zones: where they are needed

        now_ms = self.clock.now_ms()
        row = schedules.remove(self.log, schedule_id, asked_by=user_name(), now_ms=now_ms)
        ring(self.log, row.chat_id, self.clock)
        return row.schedule_id

    def health(self) -> JsonObject:
        self.sweep()
        about = self.log.health()
        return {
            "version": __version__,
            "log": {"url": self.log.url, **about},
            "runners": [msgspec.to_builtins(row) for row in self.log.runners()],
            "warnings": about["warnings"],
        }

    def sweep(self) -> None:
        """Declare the tasks of dead runners lost."""
        sweep(self.log, self._observer, self.clock)


def ring(log: Log, chat_id: str, clock: SystemClock) -> None:
    """Wake those who listen, so that they see it now and not at their next look."""
    endpoints = [row.endpoint for row in log.runners() if row.endpoint]
    if not endpoints:
        return
    from sparky_nb.fanout import Ringer  # zmq takes 50 ms

    ringer = Ringer(clock)
    try:
        ringer.set_endpoints(endpoints)
        ringer.ring(chat_id)
    finally:
        ringer.close()


def user_name() -> str:
    """Who asks, for the record; only what a server appends is trustworthy."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no such user in a container
        return "local"

"""Runs tasks for tests, and reads what the log has of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sparky_nb.clock import SystemClock
from sparky_nb.events.model import Event
from sparky_nb.log.base import Log
from sparky_nb.tasks import Runner, Settings, TaskHandle, call_work, capture
from tests.live import wait_for as wait_for

PATIENCE = 30.0  # seconds; a bound for a loaded machine, not an expectation


class Bench:
    """A runner over ``log``, and shortcuts."""

    def __init__(self, log: Log, **settings: Any) -> None:
        self.log = log
        self.runner = Runner(
            log=log,
            clock=SystemClock(),
            runner_id="runner-of-the-test",
            settings=Settings(**settings),
        )

    def start(self, fn: Callable[..., Any], *args: Any, **options: Any) -> TaskHandle:
        """Start ``fn(*args)``; options are those of ``call_work``."""
        capture.install()  # each time, as sparky_nb.api does: pytest changes the streams as well
        work = call_work(fn, args, {}, **{"chat_id": "chat", **options})
        execution = self.runner.start(work)
        return TaskHandle(self.runner, execution.task_id, execution.chat_id)

    def run(self, fn: Callable[..., Any], *args: Any, **options: Any) -> list[Event]:
        """Run ``fn(*args)`` to its end, however it ends; its events."""
        return self.ended(self.start(fn, *args, **options))

    def ended(self, handle: TaskHandle) -> list[Event]:
        """All events of the task, once it has ended."""
        assert handle._wait(PATIENCE), f"{handle} has not ended"
        return self.events(handle)

    def events(self, handle: TaskHandle) -> list[Event]:
        """The events of the task that are stored now."""
        return list(handle.events(follow=False))


def brief(events: list[Event]) -> list[tuple[str, Any]]:
    """(type, what matters of the data) of each event between the first and the last."""
    return [(e.type, _matter(e)) for e in events[1:-1]]


def texts(events: list[Event], stream: str) -> str:
    """What was printed to ``stream``."""
    found = [e.data.get("text", "") for e in events if e.data.get("stream") == stream]
    return "".join(found)


def _matter(event: Event) -> Any:
    data = event.data
    for names in (("done", "total"), ("text",), ("result",), ("args",), ("mime",), ("state",)):
        if names[0] in data:
            found = tuple(data.get(name) for name in names)
            return found if len(found) > 1 else found[0]
    return data

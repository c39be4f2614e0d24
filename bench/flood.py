"""A task that says what tasks say, as fast as it is told to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sparky_nb.clock import SystemClock
from sparky_nb.events.model import NewEvent
from sparky_nb.ids import new_event_id, new_task_id
from sparky_nb.log import Log
from sparky_nb.log.base import Append, Fence

RATE: Final = 2_000
RUNNER: Final = "bench:bench:1:1:00000000"


class Producer:
    """A running task in a chat; one without ``steps`` only prints."""

    def __init__(self, log: Log, chat: str, *, steps: bool = True) -> None:
        self._log, self._clock, self._made = log, SystemClock(), 0
        self.chat, self._steps = chat, steps
        self._fence = Fence(task_id=new_task_id(), attempt=1, runner=RUNNER)
        status = {"state": "running", "attempt": 1, "name": "bench", "runner": RUNNER}
        self._put([self._event("status", status)])

    def make(self, count: int) -> None:
        """Store ``count`` events in one transaction."""
        self._put([self._next() for _ in range(count)])

    def _put(self, events: list[NewEvent]) -> None:
        self._log.commit(Append(chat=self.chat, events=tuple(events), fence=self._fence))

    def _next(self) -> NewEvent:
        self._made += 1
        n, kind = self._made, self._made % 10 if self._steps else 9
        if kind == 0:
            call = {"tool_call_id": f"c{n}", "name": "search", "args": {"q": n}}
            return self._event("tool_use", call)
        if kind == 1:
            done: dict[str, Any] = {"tool_call_id": f"c{n - 1}", "name": "search"}
            done |= {"status": "success", "result": {"n": n}, "duration_ms": 3}
            return self._event("tool_result", done)
        if kind == 2:
            text = {"message_id": f"m{n}", "text": f"message **{n}**", "final": True}
            return self._event("message_sent", text)
        if kind == 3:
            return self._event("progress", {"key": "main", "done": n, "total": 10**6})
        return self._event("output", {"stream": "stdout", "text": f"line {n} of a task's output\n"})

    def _event(self, kind: str, data: dict[str, Any]) -> NewEvent:
        now = self._clock.now_ms()
        task_id = self._fence.task_id
        return NewEvent(
            id=new_event_id(now), type=kind, time=now, task_id=task_id, actor="task", data=data
        )


@contextmanager
def flood(producer: Producer) -> Iterator[None]:
    """``RATE`` events a second while it lasts."""
    stop, clock = threading.Event(), SystemClock()

    def run() -> None:
        began, made = clock.monotonic(), 0
        while not stop.wait(max(0.0, began + made / RATE - clock.monotonic())):
            producer.make(20)
            made += 20

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()

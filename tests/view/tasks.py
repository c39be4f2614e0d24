"""Events of one task, as tests of views need them."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from sparky_nb.events.fold import Fold
from sparky_nb.events.model import Command, Event, JsonObject, NewEvent
from sparky_nb.ids import derived_id
from sparky_nb.log.base import Append, Fence, Log

TASK = "task-00000000000a"
OTHER = "task-00000000000b"
T0 = 1_795_000_000_000


def folded(
    *events: tuple[str, dict[str, Any]], task_id: str = TASK, step_ms: int = 1000
) -> JsonObject:
    """The state after ``events`` (type, data), one each ``step_ms``."""
    fold = Fold()
    for n, (kind, data) in enumerate(events, start=1):
        event = Event(
            offset=n, id=str(n), type=kind, time=T0 + n * step_ms, task_id=task_id, actor="task",
            data=data,
        )  # fmt: skip
        with suppress(TypeError, ValueError, AttributeError, KeyError):  # as TaskCursor does
            fold.apply(event)
    return fold.state


def status(state: str, **data: Any) -> tuple[str, dict[str, Any]]:
    return "status", {"state": state, "attempt": 1, **data}


def printed(text: Any, stream: str = "stdout") -> tuple[str, dict[str, Any]]:
    return "output", {"stream": stream, "text": text}


def progress(done: Any, total: Any = None, **data: Any) -> tuple[str, dict[str, Any]]:
    known = {} if total is None else {"total": total}
    return "progress", {"key": "main", "done": done, **known, **data}


def tool(
    call: str, name: str, args: Any, result: Any = None, status: str = "success"
) -> list[tuple[str, dict[str, Any]]]:
    return [
        ("tool_use", {"tool_call_id": call, "name": name, "args": args}),
        (
            "tool_result",
            {
                "tool_call_id": call,
                "name": name,
                "status": status,
                "result": result,
                "duration_ms": 12,
            },
        ),
    ]


class Story:
    """A task in a real log: ``say`` appends to it as its runner would."""

    def __init__(self, log: Log, task_id: str = TASK, chat: str = "c") -> None:
        self.log, self.task_id, self.chat = log, task_id, chat
        self._fence = Fence(task_id=task_id, attempt=1, runner="r")
        self._count = 0

    def say(self, *events: tuple[str, dict[str, Any]]) -> None:
        made = []
        for kind, data in events:
            self._count += 1
            runner = {"runner": "r"} if kind == "status" else {}
            made.append(
                NewEvent(
                    id=derived_id(self.task_id, str(self._count)),
                    type=kind,
                    time=T0 + self._count,
                    task_id=self.task_id,
                    actor="task",
                    data={**data, **runner},
                )
            )
        self.log.commit(Append(chat=self.chat, events=tuple(made), fence=self._fence))

    def submit(self, chat: str, task_id: str, name: str, args: dict[str, Any]) -> None:
        """Give a command, as a runner does for views."""
        self._count += 1
        command = Command(
            command_id=f"command-{self._count}",
            name=name,  # type: ignore[arg-type]
            args=args,
            from_="user:ann",
            outcome="accepted",
        )
        event_id = derived_id("command", str(self._count))
        self.log.submit(chat, task_id, command, now_ms=T0, event_id=event_id)

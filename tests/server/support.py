"""What the server's tests say in one line: events, tasks, sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

from tornado.httpclient import HTTPClientError, HTTPResponse
from tornado.websocket import WebSocketClientConnection

from sparky_nb.clock import SystemClock
from sparky_nb.events.model import NewEvent
from sparky_nb.ids import new_event_id, new_task_id
from sparky_nb.log.base import Append, Fence, Log, RunnerRow

API: Final = "sparky/api/v1"
PATIENCE: Final = 20.0
CLOCK: Final = SystemClock()


def note(text: str, n: int = 0) -> NewEvent:
    """An event of a chat itself, of a type that nobody knows."""
    now = CLOCK.now_ms()
    data = {"text": text, "n": n, "later": {"than": "v1"}}
    return NewEvent(
        id=new_event_id(now), type="note", time=now, task_id=None, actor="system", data=data
    )


def status(task_id: str, state: str, **data: Any) -> NewEvent:
    now = CLOCK.now_ms()
    return NewEvent(
        id=new_event_id(now),
        type="status",
        time=now,
        task_id=task_id,
        actor="task",
        data={"state": state, "attempt": 1, **data},
    )


def append(log: Log, chat: str, count: int = 1, text: str = "x") -> None:
    """``count`` more events in ``chat``."""
    for start in range(0, count, 500):
        events = tuple(note(text, n) for n in range(start, min(count, start + 500)))
        log.commit(Append(chat=chat, events=events))


def running_task(log: Log, chat: str, runner: str = "boot:ns:1:2:abcd", **data: Any) -> str:
    """A task that some process runs."""
    task_id = new_task_id()
    fence = Fence(task_id=task_id, attempt=1, runner=runner)
    event = status(task_id, "running", **{"kind": "call", "runner": runner, **data})
    log.commit(Append(chat=chat, events=(event,), fence=fence))
    return task_id


def asks(
    log: Log,
    chat: str,
    task_id: str,
    question_id: str,
    choices: list[str],
    runner: str = "boot:ns:1:2:abcd",
) -> None:
    """That task asks, and waits."""
    now = CLOCK.now_ms()
    data = {"question_id": question_id, "prompt": "Go on?", "choices": choices}
    question = NewEvent(
        id=new_event_id(now), type="question", time=now, task_id=task_id, actor="task", data=data
    )
    fence = Fence(task_id=task_id, attempt=1, runner=runner)
    log.commit(Append(chat=chat, events=(question, status(task_id, "waiting")), fence=fence))


def register_kernel(log: Log, runner_id: str, chat: str = "a") -> None:
    """Make a kernel known that attends to ``chat``."""
    log.register(
        RunnerRow(
            runner_id=runner_id,
            role="kernel",
            endpoint=None,
            chat_id=chat,
            version=0,
            started=0,
            info={},
        )
    )


class Socket:
    """A viewer that looks at raw frames."""

    def __init__(self, connection: WebSocketClientConnection) -> None:
        self.connection = connection
        self.frames: list[dict[str, Any]] = []

    async def next(self) -> dict[str, Any] | None:
        """The next frame; None when the socket is closed."""
        async with asyncio.timeout(PATIENCE):
            text = await self.connection.read_message()
        if text is None:
            return None
        frame: dict[str, Any] = json.loads(text)
        self.frames.append(frame)
        return frame

    async def until(self, kind: str) -> dict[str, Any]:
        """The next frame of ``kind``; those before are in ``frames``."""
        while (frame := await self.next()) is not None:
            if frame["t"] == kind:
                return frame
        raise AssertionError(f"closed with {self.connection.close_code} before {kind}")

    async def closed(self) -> int | None:
        """The close code."""
        while await self.next() is not None:
            pass
        return self.connection.close_code

    async def offsets(self, last: int) -> list[int]:
        """All offsets so far, once ``last`` has come."""
        while not (got := self.offsets_so_far()) or got[-1] < last:
            await self.until("events")
        return got

    def offsets_so_far(self) -> list[int]:
        return [e["offset"] for f in self.frames if f["t"] == "events" for e in f["events"]]

    async def say(self, **frame: Any) -> None:
        await self.connection.write_message(json.dumps(frame))

    def close(self) -> None:
        self.connection.close()


Fetch = Callable[..., Awaitable[HTTPResponse]]
Connect = Callable[..., Awaitable[Socket]]


async def refused(attempt: Awaitable[Any]) -> int:
    """The HTTP status with which ``attempt`` was refused."""
    try:
        await attempt
    except HTTPClientError as error:
        return error.code
    raise AssertionError("it was let in")


def said(response: HTTPResponse) -> Any:
    """The JSON of ``response``."""
    return json.loads(response.body)


async def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until ``condition`` holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  # it is not this test that changes it
            await asyncio.sleep(0.02)

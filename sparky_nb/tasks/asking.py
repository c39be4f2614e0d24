"""How a task waits for an answer: in its thread, or on its event loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable
from typing import TYPE_CHECKING

import msgspec

from sparky_nb.errors import InvalidArgument, TaskCancelled
from sparky_nb.events.model import JsonObject
from sparky_nb.ids import new_event_id
from sparky_nb.tasks.questions import Answer, Open, QuestionExpired

if TYPE_CHECKING:
    from sparky_nb.tasks.execution import Execution


def ask(
    execution: Execution,
    prompt: str,
    choices: list[str] | None,
    timeout: float | None,
    approval: str | None = None,
) -> str | Awaitable[str]:
    """Put the question; the answer, or an awaitable of it where this thread runs a loop.

    ``approval`` is the ``tool_call_id`` that the question is about, where it is about one.
    """
    now = execution.clock.now_ms()
    question = Open(new_event_id(now), choices)
    data: JsonObject = {"question_id": question.question_id, "prompt": prompt}
    if choices is not None:
        data["choices"] = choices
    if approval is not None:
        data["approval"] = {"tool_call_id": approval}
    if timeout is not None:
        data["expires"] = now + round(timeout * 1000)
    most = execution.settings.payload_bytes
    if len(msgspec.json.encode(data)) > most:
        # Whoever answers must have read it: it does not become a blob.
        rule = f"at most {most} bytes, choices included (what is longer can be said before it)"
        raise InvalidArgument("prompt", rule, prompt)
    execution.emitter.check()
    execution.opened(question, data)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _wait(execution, question, timeout)
    return _wait_async(execution, question, timeout)


def _wait(execution: Execution, question: Open, timeout: float | None) -> str:
    wake = threading.Event()
    question.on_settled(wake.set)
    off = execution.cancellation.on_request(wake.set)
    try:
        wake.wait(timeout)
        if question.claim(Answer(expired=True)):
            if execution.cancellation.requested:
                execution.cancellation.told()
                raise TaskCancelled(execution.cancellation.reason or "the task was cancelled")
            raise _expired(execution, question, timeout)
    finally:
        off()
    wake = threading.Event()
    question.on_settled(wake.set)
    wake.wait()
    return _text(question)


async def _wait_async(execution: Execution, question: Open, timeout: float | None) -> str:
    loop, wake = asyncio.get_running_loop(), asyncio.Event()

    def settled() -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(wake.set)

    question.on_settled(settled)
    # An answer that comes in the same moment as the end of the time still counts.
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(wake.wait(), timeout)
    if question.claim(Answer(expired=True)):
        raise _expired(execution, question, timeout)
    await wake.wait()
    return _text(question)


def _expired(execution: Execution, question: Open, timeout: float | None) -> QuestionExpired:
    execution.closed(question)
    return QuestionExpired(question.question_id, timeout or 0.0)


def _text(question: Open) -> str:
    return question.answer.text or "" if question.answer is not None else ""

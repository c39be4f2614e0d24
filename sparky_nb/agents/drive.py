"""Runs any agent for a task: what it yields becomes events, and its limits hold."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import msgspec

from sparky_nb.agents.assignment import Assignment
from sparky_nb.agents.failures import LimitReached
from sparky_nb.errors import InvalidArgument
from sparky_nb.events.jsonable import safe_repr
from sparky_nb.events.model import (
    DATA_TYPES,
    Data,
    MessageSent,
    Thought,
    ToolResult,
    ToolUse,
)

Agent = Callable[[Assignment], Any]
"""An agent: gets an :class:`Assignment`; is an ``async`` function or an async generator of events.

A generator may yield a text (a message), an event's data (``Thought(…)``, ``ToolUse(…)``, …), or
``{"type": …, "data": {…}}``. Both kinds may use ``assignment.voice`` as well. What the function
returns, or else the last message, is the task's result.
"""

_TYPE_OF: Final = {data: name for name, data in DATA_TYPES.items()}


async def perform(agent: Agent, assignment: Assignment) -> Any:
    """Let ``agent`` do its work, and return its result.

    Raises:
        LimitReached: the time was up.
        asyncio.CancelledError: the task was cancelled; whatever the agent had open is closed.
    """
    why = "the agent failed"
    try:
        async with assignment.time:
            value = agent(assignment)
            if inspect.isasyncgen(value):
                await _hear(value, assignment)
                value = None
            elif inspect.isawaitable(value):
                value = await value
                if inspect.isasyncgen(value):
                    await _hear(value, assignment)
                    value = None
        why = "the agent ended before the tool did"
    except TimeoutError as error:
        if not assignment.time.expired:
            raise
        why = "the time was up"
        seconds = assignment.settings.max_seconds or 0
        raise LimitReached("max_seconds", f"the agent took longer than {seconds:g} s") from error
    except asyncio.CancelledError:
        why = "cancelled"
        raise
    finally:
        assignment.voice.close(why)
    return assignment.voice.said if value is None else value


async def _hear(values: AsyncIterator[Any], assignment: Assignment) -> None:
    async with contextlib.aclosing(values) as open_values:  # type: ignore[type-var]  # a generator
        async for value in open_values:
            hear(value, assignment)


def hear(value: Any, assignment: Assignment) -> None:
    """Make an event of ``value``, which an agent has yielded.

    Raises:
        InvalidArgument: it is of a known type and lacks what that needs.
    """
    voice = assignment.voice
    if isinstance(value, dict) and set(value) == {"type", "data"}:
        kind = DATA_TYPES.get(value["type"])
        if kind is None:
            voice.end_text()
            assignment.port.emit(value["type"], value["data"])
            return
        try:
            value = msgspec.convert(value["data"], kind)
        except msgspec.ValidationError as error:
            raise InvalidArgument(value["type"], str(error), value["data"]) from None
    if isinstance(value, Thought | MessageSent):
        voice.text(
            "thought" if isinstance(value, Thought) else "message", value.text, value.message_id
        )
        if value.final:
            voice.end_text()
    elif isinstance(value, ToolUse):
        voice.tool_use(value.tool_call_id, value.name, value.args)
    elif isinstance(value, ToolResult):
        voice.tool_result(value.tool_call_id, value.status, value.result)
    elif type(value) in _TYPE_OF:
        voice.end_text()
        data: Data = value
        assignment.port.emit(_TYPE_OF[type(data)], msgspec.to_builtins(data))
    else:
        voice.end_text()
        voice.text("message", value if isinstance(value, str) else safe_repr(value))
        voice.end_text()

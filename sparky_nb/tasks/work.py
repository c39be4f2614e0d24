"""The shapes of work: plain function, ``async`` function, generator, async generator.

A generator's values become events as they come:

- an event's data (``Thought(…)``, ``Progress(…)``) or ``{"type": …, "data": {…}}``: that event;
- anything else: a message with its text.

What the generator returns is the result.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any, Final

import msgspec

from sparky_nb.errors import TaskCancelled
from sparky_nb.events.jsonable import safe_repr
from sparky_nb.events.model import DATA_TYPES, Data

if TYPE_CHECKING:
    from sparky_nb.tasks.context import TaskContext

_TYPE_OF: Final = {data: name for name, data in DATA_TYPES.items()}


def run(call: Callable[[], Any], context: TaskContext, bind: Callable[..., None]) -> Any:
    """Call ``call`` in this thread, whatever shape it has, and return its result.

    Args:
        call: the work with its arguments bound.
        context: where a generator's values go.
        bind: told (loop, asyncio task) where there is a loop, so that a cancel can reach it.
    """
    value = call()
    if inspect.iscoroutine(value) or inspect.isasyncgen(value) or inspect.isawaitable(value):
        return _run_async(value, context, bind)
    if inspect.isgenerator(value):
        return _drain(value, context)
    return value


def _run_async(value: Any, context: TaskContext, bind: Callable[..., None]) -> Any:
    async def main() -> Any:
        bind(asyncio.get_running_loop(), asyncio.current_task())
        if inspect.isasyncgen(value):
            return await _drain_async(value, context)
        result = await value
        if inspect.isasyncgen(result):
            return await _drain_async(result, context)
        return _drain(result, context) if inspect.isgenerator(result) else result

    work: Coroutine[Any, Any, Any] = main()
    with asyncio.Runner() as runner:
        try:
            return runner.run(work)
        except asyncio.CancelledError as error:
            raise TaskCancelled("the task was cancelled") from error


def _drain(values: Iterator[Any], context: TaskContext) -> Any:
    iterator = iter(values)
    try:
        while True:
            try:
                value = next(iterator)
            except StopIteration as end:
                return end.value
            _yielded(value, context)
    finally:
        # The generator's own clean-up runs here, in its task, and not when it is collected.
        with contextlib.suppress(AttributeError):
            values.close()  # type: ignore[attr-defined]  # generators have it, iterators may not


async def _drain_async(values: AsyncIterator[Any], context: TaskContext) -> None:
    async with contextlib.aclosing(values) as open_values:  # type: ignore[type-var]  # a generator
        async for value in open_values:
            _yielded(value, context)


def _yielded(value: Any, context: TaskContext) -> None:
    if isinstance(value, Data) and type(value) in _TYPE_OF:
        context.emit(_TYPE_OF[type(value)], msgspec.to_builtins(value))
    elif isinstance(value, dict) and set(value) == {"type", "data"}:
        context.emit(value["type"], value["data"])
    else:
        context.message(value if isinstance(value, str) else safe_repr(value))

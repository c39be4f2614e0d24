"""A plain function in a thread of its own, awaited.

Unlike ``asyncio.to_thread``, a cancelled wait does not leave the function behind: it is told at its
next emit or print, after a moment by an exception, and waited for; what was cancelled has stopped.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import ctypes
import threading
from collections.abc import Callable
from typing import Any, Final

from sparky_nb.errors import TaskCancelled

PATIENCE: Final = 0.3
"""Seconds that a cancelled function has to notice by itself."""


async def in_thread(call: Callable[[], Any], name: str) -> Any:
    """What ``call()`` returns or raises; it sees the caller's context variables."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    outcome: list[Any] = []
    gate = threading.Lock()

    def finished() -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(done.set)

    def main() -> None:
        try:
            try:
                outcome.extend((call(), None))
            except BaseException as error:  # noqa: BLE001  it is raised again where it is awaited
                outcome[:] = (None, error)
            with gate:
                stopped.append(True)
        except TaskCancelled as late:  # the injected exception came just behind the function
            outcome[:] = outcome[:2] or (None, late)
        finally:
            finished()

    stopped: list[bool] = []
    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(main,), name=name, daemon=True)
    thread.start()
    try:
        await done.wait()
    except asyncio.CancelledError:
        await _stop(thread, gate, stopped, done)
        raise
    value, error = outcome
    if isinstance(error, TaskCancelled):
        raise asyncio.CancelledError(str(error)) from error
    if error is not None:
        raise error
    return value


async def _stop(
    thread: threading.Thread, gate: threading.Lock, stopped: list[bool], done: asyncio.Event
) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(done.wait(), PATIENCE)
    with gate:
        if not stopped and thread.ident is not None and thread.is_alive():
            # https://docs.python.org/3/c-api/init.html#c.PyThreadState_SetAsyncExc
            target = ctypes.c_ulong(thread.ident)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(target, ctypes.py_object(TaskCancelled))
    await done.wait()

"""Threads that a task starts, and work that it gives to a pool, belong to the task.

A plain ``threading.Thread`` does not inherit ContextVars before Python 3.14.
"""

from __future__ import annotations

import contextvars
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from sparky_nb.tasks.capture.source import speaker

_start = threading.Thread.start
_submit = ThreadPoolExecutor.submit


def install() -> None:
    """See the module."""
    threading.Thread.start = _start_in_context  # type: ignore[method-assign]  # the purpose
    ThreadPoolExecutor.submit = _submit_in_context  # type: ignore[method-assign,assignment]


def uninstall() -> None:
    """Put the original methods back."""
    if threading.Thread.start is _start_in_context:
        threading.Thread.start = _start  # type: ignore[method-assign]  # the purpose
    if ThreadPoolExecutor.submit is _submit_in_context:
        ThreadPoolExecutor.submit = _submit  # type: ignore[method-assign]  # the purpose


def _start_in_context(self: threading.Thread) -> None:
    if speaker() is not None:
        context, run = contextvars.copy_context(), self.run
        self.run = lambda: context.run(run)  # type: ignore[method-assign]  # of this one only
    _start(self)


def _submit_in_context(
    self: ThreadPoolExecutor, fn: Any, /, *args: Any, **kwargs: Any
) -> Future[Any]:
    # Also outside of tasks: the pool's thread may have been started by a task.
    return _submit(self, contextvars.copy_context().run, fn, *args, **kwargs)

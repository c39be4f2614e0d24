"""Durable, resumable background tasks for Jupyter.

    import sparky_nb
    handle = sparky_nb.start(fn, *args)        # or, in a notebook, %load_ext sparky_nb

Importing this is cheap: everything below is looked up when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from sparky_nb._version import __version__

if TYPE_CHECKING:
    from sparky_nb.agents import Assignment, tool
    from sparky_nb.api import (
        chats,
        configure,
        current_task,
        find_tasks,
        runner,
        shutdown,
        start,
        start_agent,
        task,
        watch,
    )
    from sparky_nb.errors import (
        SparkyError,
        TaskCancelled,
        TaskError,
        TaskFailed,
        TaskLost,
        TaskWasCancelled,
    )
    from sparky_nb.process import Process
    from sparky_nb.tasks import TaskContext, TaskHandle
    from sparky_nb.worker import Schedule, find_schedules, schedule

_HOMES = {
    **dict.fromkeys(
        "chats configure current_task find_tasks runner shutdown".split()
        + "start start_agent task watch".split(),
        "sparky_nb.api",
    ),
    **dict.fromkeys(["Assignment", "tool"], "sparky_nb.agents"),
    **dict.fromkeys(["TaskContext", "TaskHandle"], "sparky_nb.tasks"),
    "Process": "sparky_nb.process",
    **dict.fromkeys(["Schedule", "find_schedules", "schedule"], "sparky_nb.worker"),
    **dict.fromkeys(
        "SparkyError TaskCancelled TaskError TaskFailed TaskLost TaskWasCancelled".split(),
        "sparky_nb.errors",
    ),
}

__all__ = [
    "Assignment",
    "Process",
    "Schedule",
    "SparkyError",
    "TaskCancelled",
    "TaskContext",
    "TaskError",
    "TaskFailed",
    "TaskHandle",
    "TaskLost",
    "TaskWasCancelled",
    "__version__",
    "chats",
    "configure",
    "current_task",
    "find_schedules",
    "find_tasks",
    "runner",
    "schedule",
    "shutdown",
    "start",
    "start_agent",
    "task",
    "tool",
    "watch",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(ipython: Any) -> None:
    """``%load_ext sparky_nb``: the magics ``%sparky`` and ``%%sparky``."""
    importlib.import_module("sparky_nb.magics").load(ipython)


def unload_ipython_extension(ipython: Any) -> None:
    """``%unload_ext sparky_nb``: takes them away; tasks go on."""
    importlib.import_module("sparky_nb.magics").unload(ipython)


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    server = importlib.import_module("sparky_nb.server")
    points: list[dict[str, Any]] = server._jupyter_server_extension_points()
    return points

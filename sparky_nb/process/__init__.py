"""Room 2 of 7, beside tasks: work that outlives its kernel. In: a function or a cell, pickled;
out: a process of its own session that runs it with the tasks room and appends to the same log.
Never: a fork of the kernel; a way for a task's result that does not lead through the log."""

from sparky_nb.process.context import runner_here
from sparky_nb.process.handle import ProcessHandle, handle_for, restore
from sparky_nb.process.launch import start_call, start_cell
from sparky_nb.process.limits import MemoryLimitExceeded, Process, TimeLimitExceeded

__all__ = [
    "MemoryLimitExceeded",
    "Process",
    "ProcessHandle",
    "TimeLimitExceeded",
    "handle_for",
    "restore",
    "runner_here",
    "start_call",
    "start_cell",
]

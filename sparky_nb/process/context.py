"""Which runner this process has been started for, where it has been started for one task."""

from __future__ import annotations

import os

from sparky_nb.tasks.runner import Runner

_here: dict[int, Runner] = {}


def runner_here() -> Runner | None:
    """The runner of a process that was started for a task; None everywhere else, forks included."""
    return _here.get(os.getpid())


def set_runner_here(runner: Runner) -> None:
    """Called once, by the process itself."""
    _here[os.getpid()] = runner

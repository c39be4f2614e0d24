"""Whose output this is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from sparky_nb.tasks.current import CURRENT

if TYPE_CHECKING:
    from sparky_nb.tasks.execution import Execution

MUTED: Final[ContextVar[bool]] = ContextVar("sparky_nb_muted", default=False)
"""True while a log handler prints what has become an event already."""


OVERHEARD: Final[ContextVar[list[str] | None]] = ContextVar("sparky_nb_overheard", default=None)
"""Also collects what is printed here."""


@contextmanager
def overhear() -> Iterator[list[str]]:
    """Collect what the code in the block prints."""
    pieces: list[str] = []
    token = OVERHEARD.set(pieces)
    try:
        yield pieces
    finally:
        OVERHEARD.reset(token)


def speaker() -> Execution | None:
    """The task whose code is running here, None where its output goes where it always went:
    outside of tasks, after the task's end, and in a forked child."""
    execution = CURRENT.get()
    if execution is None or execution.emitter.ended or execution.emitter.foreign:
        return None
    return execution

"""Which task this code belongs to: one ContextVar, inherited by threads that a task starts."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sparky_nb.tasks.execution import Execution

CURRENT: ContextVar[Execution | None] = ContextVar("sparky_nb_task", default=None)

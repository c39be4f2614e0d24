"""Exit statuses (protocol.md §6).

2 is a usage error everywhere, so what a task's end says (1, 3, 130) is never confused with a
command that was misspelt; 4 is ours: what the command needs can't be reached.
"""

from __future__ import annotations

from typing import Final

from sparky_nb.errors import SparkyError, UsageError

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
LOST: Final = 3
UNAVAILABLE: Final = 4
CANCELLED: Final = 130
BROKEN_PIPE: Final = 141
"""What a shell says of a program that SIGPIPE ended."""

OF_STATE: Final = {"completed": OK, "failed": FAILED, "lost": LOST, "cancelled": CANCELLED}


def of_error(error: SparkyError) -> int:
    """
    >>> from sparky_nb.errors import NotFound
    >>> of_error(NotFound("task", "task-1"))
    2
    """
    return USAGE if isinstance(error, UsageError) else UNAVAILABLE

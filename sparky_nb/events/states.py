"""The task state table: the one place that says which state may follow which.

    (nothing) → queued → running ⇄ waiting → completed | failed | cancelled | lost

1. A task's first event is ``status queued`` or ``status running``.
2. ``completed failed cancelled lost`` are terminal: nothing follows them.
3. ``running → running`` and ``waiting → running`` are also how a new *attempt* begins; a new
   attempt has a higher number and fences the one before.
4. An illegal move raises and changes nothing.
"""

from __future__ import annotations

from typing import Final

from sparky_nb.errors import IllegalMove

QUEUED: Final = "queued"
RUNNING: Final = "running"
WAITING: Final = "waiting"
COMPLETED: Final = "completed"
FAILED: Final = "failed"
CANCELLED: Final = "cancelled"
LOST: Final = "lost"

TERMINAL: Final = frozenset({COMPLETED, FAILED, CANCELLED, LOST})
ACTIVE: Final = frozenset({QUEUED, RUNNING, WAITING})
STATES: Final = ACTIVE | TERMINAL

MOVES: Final[dict[str | None, frozenset[str]]] = {
    None: frozenset({QUEUED, RUNNING}),
    QUEUED: frozenset({RUNNING, FAILED, CANCELLED, LOST}),
    RUNNING: frozenset({WAITING, COMPLETED, FAILED, CANCELLED, LOST}),
    WAITING: frozenset({RUNNING, COMPLETED, FAILED, CANCELLED, LOST}),
    COMPLETED: frozenset(),
    FAILED: frozenset(),
    CANCELLED: frozenset(),
    LOST: frozenset(),
}


def check_move(task_id: str, before: str | None, after: str, *, new_attempt: bool = False) -> None:
    """Raise :class:`IllegalMove` unless ``after`` may follow ``before``.

    Args:
        task_id: for the message.
        before: the present state, or None where the task has no event yet.
        after: the state it is to have.
        new_attempt: the move begins a higher attempt (rule 3).

    >>> check_move("task-x", "running", "completed")
    """
    legal = MOVES[before]
    if new_attempt and before in (RUNNING, WAITING):
        legal = frozenset({RUNNING})
    if after not in legal:
        raise IllegalMove(task_id, before, after)

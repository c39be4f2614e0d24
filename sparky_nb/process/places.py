"""How many tasks have processes of their own on one machine at once.

The order in which supervisors registered is a fact of the log, the same for whoever looks; so each
can tell by itself whether its turn has come, also when whoever started it is gone.
"""

from __future__ import annotations

from itertools import takewhile

from sparky_nb.events.states import WAITING
from sparky_nb.log.base import READ_LIMIT, Log
from sparky_nb.log.liveness import is_alive

ROLE = "process"


def ahead(log: Log, runner_id: str) -> int:
    """How many live processes of this machine came before that of ``runner_id``, and are in need of
    a place: not those whose task waits for an answer.

    Raises:
        LogUnavailable: it can't be told now.
    """
    before = takewhile(lambda row: row.runner_id != runner_id, log.runners())
    asking = {row.runner for row in log.tasks(states=(WAITING,), limit=READ_LIMIT)}
    return sum(
        row.role == ROLE and row.runner_id not in asking and is_alive(row.runner_id) is True
        for row in before
    )


def waits_for(place: int) -> str:
    """What a task says that waits; ``place`` 1 is the next."""
    return f"place {place} in the queue for a process"

"""Whoever notices that a runner is dead says so in the log, once (protocol.md §5)."""

from __future__ import annotations

import contextlib

from sparky_nb.clock import Clock
from sparky_nb.errors import LogUnavailable
from sparky_nb.log.base import Log
from sparky_nb.log.liveness import LeaseObserver


def sweep(log: Log, observer: LeaseObserver, clock: Clock) -> list[str]:
    """Declare the tasks of dead runners lost; the ids of those that this call ended.

    Servers, runners, the command line and readers of the log all call it every few seconds. A log
    that can't be written now is left to the next call.

    >>> from sparky_nb.clock import SystemClock
    >>> from sparky_nb.log import open_log
    >>> clock = SystemClock()
    >>> sweep(open_log("memory://"), LeaseObserver(clock), clock)
    []
    """
    ended: list[str] = []
    with contextlib.suppress(LogUnavailable):
        for runner_id, reason in observer.dead(log.runners()):
            ended += log.declare_lost(runner_id, reason=reason, now_ms=clock.now_ms())
    return ended

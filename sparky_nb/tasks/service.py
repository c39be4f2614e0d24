"""The runner's one daemon thread: it reads commands, renews the lease, sweeps, keeps the doorbell's
endpoints fresh, and does the log's chores. It never runs user code."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from sparky_nb.clock import Clock
from sparky_nb.errors import LogUnavailable, SparkyError
from sparky_nb.log.base import Log
from sparky_nb.tasks.ports import Bell, Ringer, Settings, Sweep

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
LOOK_EVERY = 2.0
"""Seconds between two looks for new listeners, and for dead runners, while tasks run or wait here:
one of them may have the turn that another waits for."""


class Service:
    """See the module.

    Args:
        log, clock, ringer, bell, sweep, settings: see ``Runner``; without a bell it only polls.
        runner_id: whose lease is renewed.
        look: what is done where something may have moved: commands, and what is queued; true.
        busy: whether tasks run here.
        dispossessed: called when the log says that this runner was declared dead.
    """

    def __init__(
        self,
        *,
        log: Log,
        clock: Clock,
        ringer: Ringer,
        bell: Bell | None,
        sweep: Sweep | None,
        settings: Settings,
        runner_id: str,
        look: Callable[[], bool],
        busy: Callable[[], bool],
        dispossessed: Callable[[], None],
    ) -> None:
        self._log, self._clock, self._ringer, self._bell = log, clock, ringer, bell
        self._sweep, self._settings, self._runner_id = sweep, settings, runner_id
        self._look, self._busy, self._dispossessed = look, busy, dispossessed
        self._stop = threading.Event()
        self._nudged = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sparky-runner", daemon=True)

    def start(self) -> None:
        """Begin; the lease must be registered already."""
        self._thread.start()

    def nudge(self) -> None:
        """Look now. From any thread."""
        self._nudged.set()
        if self._bell is not None:
            self._bell.nudge()

    def stop(self, timeout: float = 2.0) -> None:
        """End the thread; waits at most ``timeout`` seconds for it."""
        self._stop.set()
        self.nudge()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def refresh(self) -> None:
        """Ring those who listen now."""
        rows = self._log.runners()
        mine = self._runner_id
        self._ringer.set_endpoints([r.endpoint for r in rows if r.endpoint and r.runner_id != mine])

    def _run(self) -> None:
        now = self._clock.monotonic()
        token: int | None = None
        renew_at, look_at = now + self._settings.lease_renewal, now + LOOK_EVERY
        self._guarded(self._look_after_others)
        while not self._stop.is_set():
            rung = self._wait()
            if self._stop.is_set():
                return
            now = self._clock.monotonic()
            changed = self._guarded(self._log.change_token)
            if rung or changed != token:
                # Where it fails, again at the next poll: nobody may ring a second time.
                token = changed if self._guarded(self._look) else None
            if now >= renew_at:
                renew_at = look_at = now + self._settings.lease_renewal
                self._guarded(self._renew)
                self._guarded(self._look_after_others)
            elif now >= look_at and self._busy():
                look_at = now + LOOK_EVERY
                self._guarded(self._look_after_others)

    def _wait(self) -> bool:
        """Until the bell rings, somebody nudges, or it is time to look; whether either did."""
        settings = self._settings
        timeout = settings.busy_poll if self._busy() else settings.idle_poll
        if self._bell is None:
            self._nudged.wait(timeout)
            rung = False
        else:
            rung = bool(self._bell.wait(timeout))
        nudged = self._nudged.is_set()
        if nudged:  # else one that comes in this moment would be forgotten
            self._nudged.clear()
        return rung or nudged

    def _renew(self) -> None:
        if not self._log.renew(self._runner_id):
            self._dispossessed()
        self._log.maintain()

    def _look_after_others(self) -> None:
        self.refresh()
        if self._sweep is None:
            return
        for task_id in self._sweep():
            self._ringer.ring(self._log.task(task_id).chat_id)

    def _guarded(self, act: Callable[[], _T]) -> _T | None:
        try:
            return act()
        except LogUnavailable as error:
            _log.debug("the log is not available: %s", error)
        except SparkyError:
            _log.exception("the runner's service failed; it goes on")
        except Exception:  # noqa: BLE001  this thread is the only one that hears a cancel
            _log.exception("the runner's service failed; it goes on")
        return None

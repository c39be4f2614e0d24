"""One thread that does things at a time: flushes what is held, forces a cancel, ends a wait.

Nothing in here runs user code, so that no task can delay another one's timer.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
from collections.abc import Callable

from sparky_nb.clock import Clock

_log = logging.getLogger(__name__)


class Timers:
    """A heap of (monotonic time, callback) and, once started, a daemon thread that works it off.

    Args:
        clock: what tells the time; with a clock that stands still, call ``run_due`` yourself.

    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()
        # Re-entrant: a finalizer may print in any thread, also in one that is just in here.
        self._changed = threading.Condition(threading.RLock())
        self._closed = False

    def start(self) -> None:
        """Let a thread of our own call the timers. Early: none may start as the process ends."""
        threading.Thread(target=self._run, name="sparky-timers", daemon=True).start()

    def at(self, when: float, call: Callable[[], None]) -> None:
        """Call ``call`` at the monotonic time ``when``, or soon after."""
        with self._changed:
            heapq.heappush(self._heap, (when, next(self._count), call))
            if self._heap[0][0] == when:
                self._changed.notify()

    def run_due(self) -> float | None:
        """Call what is due; the seconds until the next timer, None where there is none."""
        while True:
            with self._changed:
                if not self._heap:
                    return None
                wait = self._heap[0][0] - self._clock.monotonic()
                if wait > 0:
                    return wait
                _, _, call = heapq.heappop(self._heap)
            try:
                call()
            except Exception:  # noqa: BLE001  one task's timer must not end everybody's
                _log.exception("a timer failed")

    def close(self) -> None:
        """Forget all timers and end the thread."""
        with self._changed:
            self._closed = True
            self._heap.clear()
            self._changed.notify()

    def _run(self) -> None:
        while True:
            self.run_due()
            with self._changed:
                if self._closed:
                    return
                wait = self._heap[0][0] - self._clock.monotonic() if self._heap else None
                if wait is None or wait > 0:
                    self._changed.wait(wait)

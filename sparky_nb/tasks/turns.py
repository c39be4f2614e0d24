"""Which tasks of this process run, which are queued, and whose turn comes next. Memory only.

Nobody reads or writes the log in here: a log that is busy for seconds must not keep anybody from
cancelling or starting another task. Where a task is stored between two looks, its place is
*reserved*: it counts as one that runs until it is *settled* how it goes on.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable

from sparky_nb.errors import Conflict
from sparky_nb.events.states import RUNNING
from sparky_nb.tasks.execution import Execution, Work

_REMEMBERED = 200
"""Ended tasks whose outcome and work stay at hand, for ``result`` and ``retry``."""


class Turns:
    """See the module. All methods may be called from any thread.

    Args:
        parallel: how many may run side by side.

    Attributes:
        why_closed: the reason, once nothing begins here any more.
    """

    def __init__(self, parallel: Callable[[], int]) -> None:
        self._parallel = parallel
        self._executions: dict[str, Execution] = {}
        self._ended: deque[str] = deque()
        self._queue: list[Execution] = []
        self._reserved: set[Execution] = set()
        self._settled = threading.Condition(threading.RLock())
        self.why_closed: str | None = None

    # -- looking

    def find(self, task_id: str) -> Execution | None:
        """The execution of that task where it is, or was, of this process."""
        return self._executions.get(task_id)

    def active(self) -> list[Execution]:
        """Those that have begun and not ended, in the order of their start."""
        with self._settled:
            known = self._executions.values()
            return [e for e in known if not e.done.is_set() and self._has_begun(e)]

    def queued(self) -> tuple[Execution, ...]:
        """Those that wait for a place here, in the order of their turns."""
        with self._settled:
            return tuple(self._queue)

    def has_place(self, work: Work) -> bool:
        """Whether ``work`` could begin here now."""
        with self._settled:
            return not (self.closed or self._full() or self._lane_taken(work))

    # -- one task's way

    def add(self, execution: Execution) -> None:
        """One that has begun elsewhere belongs to this process."""
        with self._settled:
            self._executions[execution.task_id] = execution

    def begin(self, execution: Execution) -> bool:
        """Reserve a place for a new one; False: none is free, and it has to be queued.

        Raises:
            Conflict: nothing begins here any more.
        """
        with self._settled:
            self.check_open()
            free = not self._full() and not self._lane_taken(execution.work, self._queue)
            self._reserve(execution)
            return free

    def take(self, execution: Execution) -> bool:
        """Reserve a place for one that others have queued; False: none is free."""
        with self._settled:
            if execution.task_id in self._executions or not self.has_place(execution.work):
                return False
            self._reserve(execution)
            return True

    def leave_queue(self, execution: Execution) -> bool:
        """Reserve a place for one of ``queued``; False: none is free, or it is not queued now."""
        with self._settled:
            waits = execution in self._queue and execution not in self._reserved
            if not waits or not self.has_place(execution.work):
                return False
            self._reserve(execution)
            return True

    def settle(self, execution: Execution, *, queued: bool = False) -> None:
        """The log has it: it runs, or it is queued."""
        with self._settled:
            self._release(execution)
            if queued and not self.closed and execution not in self._queue:
                self._queue.append(execution)
            elif not queued and execution in self._queue:
                self._queue.remove(execution)
        if self.closed:  # meanwhile
            execution.cancel(self.why_closed)

    def forget(self, execution: Execution) -> None:
        """The log has not taken it."""
        with self._settled:
            self._release(execution)
            del self._executions[execution.task_id]

    def end(self, execution: Execution) -> None:
        """It has ended; the last ones stay at hand."""
        with self._settled:
            if execution in self._queue:
                self._queue.remove(execution)
            self._ended.append(execution.task_id)
            if len(self._ended) > _REMEMBERED:
                self._executions.pop(self._ended.popleft(), None)

    # -- the end

    @property
    def closed(self) -> bool:
        """Whether nothing begins here any more."""
        return self.why_closed is not None

    def check_open(self) -> None:
        """Raise Conflict if it is closed."""
        if self.closed:
            raise Conflict("the runner has been shut down")

    def close(self, reason: str) -> list[Execution] | None:
        """Let nothing begin any more; what has to be cancelled, the queued ones first (one that is
        just beginning is cancelled as it settles). None: it was closed before."""
        with self._settled:
            if self.closed:
                return None
            self.why_closed = reason
            active, queued, self._queue = self.active(), self._queue, []
            return [*queued, *(it for it in active if it not in queued)]

    def wait_settled(self, timeout: float) -> None:
        """Wait until nothing is being stored, at most ``timeout`` seconds."""
        with self._settled:
            self._settled.wait_for(lambda: not self._reserved, timeout)

    # -- inside the lock

    def _has_begun(self, execution: Execution) -> bool:
        return execution not in self._reserved or execution in self._queue

    def _full(self) -> bool:
        known = self._executions.values()
        running = sum(1 for e in known if e.state == RUNNING or e in self._reserved)
        return running >= self._parallel()

    def _lane_taken(self, work: Work, ahead: Iterable[Execution] = ()) -> bool:
        """Whether one of the same lane is under way here, or is one of those ``ahead``."""
        if work.lane is None:
            return False
        under_way = (it for it in self.active() if it not in self._queue)
        return any(it.work.lane == work.lane for it in (*under_way, *self._reserved, *ahead))

    def _reserve(self, execution: Execution) -> None:
        # Known before its first event, so that a command that follows at once finds it.
        self._executions[execution.task_id] = execution
        self._reserved.add(execution)

    def _release(self, execution: Execution) -> None:
        self._reserved.discard(execution)
        self._settled.notify_all()

"""The process that executes tasks: it registers, starts, bounds, and ends them.

One per process (``sparky_nb.api`` makes it). Each task has a thread of its own; commands, leases
and sweeps belong to the service thread, moments in time to the timers.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable

from sparky_nb.clock import Clock
from sparky_nb.errors import Conflict, Fenced, LaneTaken, LogUnavailable, NotFound, UsageError
from sparky_nb.events.model import Command, JsonObject
from sparky_nb.events.states import QUEUED, RUNNING, TERMINAL, WAITING
from sparky_nb.ids import DEFAULT_CHAT, check_chat_id, new_event_id, new_task_id
from sparky_nb.log.base import Fence, Log, RunnerRow, TaskRow
from sparky_nb.tasks.cancel import Cancellation
from sparky_nb.tasks.commands import carry_out
from sparky_nb.tasks.emitter import Emitter
from sparky_nb.tasks.execution import Execution, Work
from sparky_nb.tasks.ports import Bell, Ringer, Settings, SilentRinger, Sweep
from sparky_nb.tasks.service import Service
from sparky_nb.tasks.timers import Timers

_REMEMBERED = 200
"""Ended tasks whose outcome and work stay at hand, for ``result`` and ``retry``."""
SWEEP_EVERY = 1.0
"""Seconds between two looks for dead runners while somebody waits for one."""


class Runner:
    """See the module.

    Args:
        log: where events go.
        clock: what tells the time.
        runner_id: who this process is (``sparky_nb.log.liveness``).
        ringer, bell: the doorbell, both ways; without them others learn of events by polling.
        sweep: declares the tasks of dead runners lost.
        chat_id: where tasks go that name no chat; ``title`` names it where it is new.
        role: ``kernel``, ``worker`` or ``process``.
        settings: the numbers.
        info: facts about the process, for people.
    """

    def __init__(
        self,
        *,
        log: Log,
        clock: Clock,
        runner_id: str,
        ringer: Ringer | None = None,
        bell: Bell | None = None,
        sweep: Sweep | None = None,
        chat_id: str = DEFAULT_CHAT,
        title: str | None = None,
        role: str = "kernel",
        settings: Settings | None = None,
        info: JsonObject | None = None,
    ) -> None:
        self.log, self.clock, self.runner_id = log, clock, runner_id
        self.chat_id, self.title, self.role = check_chat_id(chat_id), title, role
        self.settings = settings or Settings()
        self._ringer, self._bell = ringer or SilentRinger(), bell
        self._info = info or {}
        self._timers = Timers(clock)
        self._executions: dict[str, Execution] = {}
        self._ended: deque[str] = deque()
        self._queue: deque[Execution] = deque()
        self._lock = threading.RLock()
        self._command_lock = threading.Lock()
        self._on_moved: Callable[[], None] = lambda: None
        self._sweep, self._swept = sweep, clock.monotonic() - SWEEP_EVERY
        self._pid = os.getpid()
        self._registered = self._attending = self._closed = False
        self._service = Service(
            log=log,
            clock=clock,
            ringer=self._ringer,
            bell=bell,
            sweep=sweep,
            settings=self.settings,
            runner_id=runner_id,
            commands=self.run_commands,
            busy=lambda: bool(self.active()),
            dispossessed=self._dispossessed,
        )

    # -- starting

    def start(self, work: Work, *, retry_of: str | None = None) -> Execution:
        """Start ``work`` as a task, or queue it; its first event is stored when this returns.

        Raises:
            LogUnavailable: the log can't be written; nothing was started.
            Conflict: this runner is closed, or this process is a fork of the one it belongs to.
        """
        if os.getpid() != self._pid:
            raise Conflict("this process is a fork; a runner can't be shared with it")
        check_chat_id(work.chat_id)
        with self._lock:
            if self._closed:
                raise Conflict("the runner has been shut down")
            self._register()
            task_id = new_task_id()
            execution = self._execution(work, task_id, runner_id=self.runner_id, retry_of=retry_of)
            full = self._full() or self._lane_taken(work, self._queue)
            # Known before its first event, so that a command that follows at once finds it.
            self._executions[task_id] = execution
            try:
                full = not self._begin(execution, full)
            except BaseException:
                del self._executions[task_id]
                raise
            if full:
                self._queue.append(execution)
            else:
                execution.launch()
            return execution

    def _begin(self, execution: Execution, full: bool) -> bool:
        """Store its first event; whether it may be launched."""
        if not full:
            try:
                execution.begin()
            except LaneTaken:  # another process was faster
                full = True
        if full:
            execution.begin(queued_behind=len(self._queue))
        return not full

    def announce(
        self, work: Work, *, task_id: str, runner_id: str, waits: str, retry_of: str | None = None
    ) -> str:
        """Store the first event of a task that another process is about to ``adopt``.

        Args:
            task_id, runner_id: of the task, and of the other runner, which is registered.
            waits: why the task is queued until then.

        Returns:
            The epoch of the chat, for ``adopt``.
        """
        execution = self._execution(work, task_id, runner_id=runner_id, retry_of=retry_of)
        execution.begin(waits=waits)
        assert execution.emitter.epoch is not None
        return execution.emitter.epoch

    def adopt(self, work: Work, *, task_id: str, epoch: str) -> Execution:
        """Take a task over that another process has announced for this runner; ``launch`` it."""
        with self._lock:
            execution = self._execution(work, task_id, runner_id=self.runner_id)
            execution.emitter.epoch = epoch
            self._executions[task_id] = execution
            self._register()
        return execution

    def attend(self, on_moved: Callable[[], None]) -> None:
        """Register now as one who takes what is queued, and hear of what moves in the log.

        Args:
            on_moved: called, in the service's thread, when something has; it must not block.
        """
        with self._lock:
            if not self._closed:
                self._on_moved = on_moved
                known, self._attending = self._registered, True
                if known:  # as one who only starts tasks of its own
                    self.log.register(self._row())
                else:
                    self._register()

    def take(self, row: TaskRow, work: Work) -> Execution | None:
        """Claim a queued task and execute it as ``work``; None: there is no place for it now, or
        another runner was faster. What the log stores first counts.

        Raises:
            LogUnavailable: it can't be claimed now.
        """
        with self._lock:
            if self._closed or self._full() or self._lane_taken(work):
                return None
            self._register()
            execution = self._execution(work, row.task_id, runner_id=self.runner_id)
            execution.emitter.epoch = row.epoch
            self._executions[row.task_id] = execution
            try:
                execution.claim()
            except BaseException as error:
                del self._executions[row.task_id]
                if isinstance(error, Fenced | UsageError):
                    return None
                raise
            execution.launch()
            return execution

    def retry(self, task_id: str) -> Execution:
        """Start the work of an ended task again, as a new task.

        Raises:
            NotFound: this process does not know the work (any more).
            Conflict: the task has not ended.
        """
        execution = self.find(task_id)
        if execution is None:
            raise NotFound("task", f"{task_id} in this process, so its work is not known")
        if not execution.done.is_set():
            raise Conflict(f"task {execution.task_id} has not ended")
        return self.start(execution.work, retry_of=execution.task_id)

    # -- looking

    def find(self, task_id: str) -> Execution | None:
        """The execution of that task where it is, or was, of this process."""
        return self._executions.get(task_id)

    @property
    def closed(self) -> bool:
        """Whether it takes no more work."""
        return self._closed

    def active(self) -> list[Execution]:
        """The tasks of this process that have not ended, in the order of their start."""
        with self._lock:
            return [e for e in self._executions.values() if not e.done.is_set()]

    def not_durable(self, task_id: str) -> bool:
        """Whether events of that task wait in memory because the log can't be written."""
        execution = self.find(task_id)
        return execution is not None and not execution.emitter.durable

    # -- commands

    def submit(self, chat_id: str, task_id: str, name: str, args: JsonObject) -> None:
        """Give a command for any task, of this process or another.

        Raises:
            NotFound, Conflict: see ``Log.submit``.
        """
        now = self.clock.now_ms()
        command = Command(
            command_id=new_event_id(now),
            name=name,  # type: ignore[arg-type]  # a Literal; the log checks it
            args=args,
            from_=user_name(),
            outcome="accepted",
        )
        execution = self.find(task_id)
        try:
            self.log.submit(chat_id, task_id, command, now_ms=now, event_id=new_event_id(now))
        except LogUnavailable:
            # A task that runs here can be stopped without the log.
            if name != "cancel" or execution is None:
                raise
            execution.cancel(f"cancelled by {command.from_}")
            return
        self._ringer.ring(chat_id)
        if execution is not None:
            self.run_commands()

    def run_commands(self) -> None:
        """Carry out what is pending for the tasks of this process."""
        if os.getpid() != self._pid:
            return
        with self._command_lock:
            for row in self.log.pending_commands(self.runner_id):
                execution = self.find(row.task_id)
                if execution is not None and not execution.done.is_set():
                    carry_out(row, execution, self.clock)
            self._take_retries()
        self._on_moved()
        if self._queue:
            self._fill()  # a task of another process, which one waited for, may have ended

    def _take_retries(self) -> None:
        """A server queues a retry for the runner that has the work at hand: this one."""
        for row in self.log.tasks(runner=self.runner_id, states=(QUEUED,)):
            if row.task_id not in self._executions and row.retry_of is not None:
                again = self.find(row.retry_of)
                self.take(row, _forgotten(row) if again is None else again.work)

    def look_after_others(self) -> None:
        """Declare the tasks of dead runners lost. Whoever waits for a task of another process calls
        this as often as it likes: it looks once a second."""
        now = self.clock.monotonic()
        if self._sweep is None or now - self._swept < SWEEP_EVERY:
            return
        self._swept = now
        for task_id in self._sweep():
            self._ringer.ring(self.log.task(task_id).chat_id)

    # -- ending

    def close(self, reason: str = "shut down") -> None:
        """Cancel what runs, say why, wait a bounded time, and leave. Closing twice is fine."""
        if os.getpid() != self._pid:
            return
        with self._lock:
            if self._closed:
                return
            self._closed = True
            queued, active = list(self._queue), self.active()
            self._queue.clear()
        for execution in [*queued, *(e for e in active if e not in queued)]:
            execution.cancel(reason)
        grace = self.settings.shutdown_grace
        begun = self.clock.monotonic()
        self._wait_for(active, begun + grace / 2)
        for execution in active:
            execution.force()
        self._wait_for(active, begun + grace)
        for execution in active:
            if not execution.done.is_set():
                execution.abandon(reason)
            execution.emitter.wait_durable(max(0.0, begun + grace - self.clock.monotonic()))
        if self._registered:
            self._service.stop()
            # Where that fails, whoever looks next finds the process gone.
            with contextlib.suppress(LogUnavailable):
                self.log.unregister(self.runner_id)
        self._timers.close()

    # -- inside

    def _register(self) -> None:
        if self._registered:
            return
        self.log.register(self._row())
        self._registered = True
        self._service.refresh()
        self._timers.start()
        self._service.start()

    def _row(self) -> RunnerRow:
        return RunnerRow(
            runner_id=self.runner_id,
            role=self.role,
            endpoint=self._bell.endpoint if self._bell is not None else None,
            chat_id=self.chat_id if self._attending and self.role == "kernel" else None,
            version=1,
            started=self.clock.now_ms(),
            info=self._info,
        )

    def _execution(
        self, work: Work, task_id: str, *, runner_id: str, retry_of: str | None = None
    ) -> Execution:
        return Execution(
            work,
            task_id=task_id,
            runner_id=runner_id,
            emitter=lambda *args: self._emitter(work, *args),
            clock=self.clock,
            timers=self._timers,
            settings=self.settings,
            retry_of=retry_of,
            on_state=self._on_state,
        )

    def _emitter(
        self,
        work: Work,
        fence: Fence,
        cancellation: Cancellation,
        on_fenced: Callable[[Fenced], None],
    ) -> Emitter:
        return Emitter(
            log=self.log,
            clock=self.clock,
            ringer=self._ringer,
            timers=self._timers,
            settings=self.settings,
            chat_id=work.chat_id,
            title=work.title,
            fence=fence,
            cancellation=cancellation,
            on_fenced=on_fenced,
            actor="agent" if work.kind == "agent" else "task",
        )

    def _running(self) -> int:
        return sum(1 for e in self._executions.values() if e.state == RUNNING)

    def _full(self) -> bool:
        return self._running() >= self.settings.parallel

    def _lane_taken(self, work: Work, ahead: Iterable[Execution] = ()) -> bool:
        """Whether a task of the same lane is under way, here or in another process, or is one of
        those ``ahead``. It saves the attempt; who gets the lane, the log decides."""
        if work.lane is None:
            return False
        under_way = (it for it in self.active() if it not in self._queue)
        if any(it.work.lane == work.lane for it in (*under_way, *ahead)):
            return True
        try:
            rows = self.log.tasks(chat_id=work.chat_id, states=(RUNNING, WAITING))
        except LogUnavailable:
            return True  # rather later than two at once; the service looks again
        return any(row.kind == work.kind and row.runner != self.runner_id for row in rows)

    def _on_state(self, execution: Execution) -> None:
        """A task waits, goes on, or has ended: perhaps there is a place for the next."""
        if execution.state in TERMINAL:
            with self._lock:
                if execution in self._queue:
                    self._queue.remove(execution)
                self._ended.append(execution.task_id)
                if len(self._ended) > _REMEMBERED:
                    self._executions.pop(self._ended.popleft(), None)
        if execution.state == WAITING or execution.state in TERMINAL:
            self._fill()
            self._service.nudge()  # what others have queued for this runner may have a place now

    def _fill(self) -> None:
        with self._lock:
            for execution in list(self._queue):
                if self._closed or self._full():
                    return
                if execution not in self._queue or self._lane_taken(execution.work):
                    continue
                try:
                    execution.launch()
                except (LaneTaken, LogUnavailable):
                    continue  # it keeps its place; the service looks again
                except (Fenced, Conflict) as error:
                    execution.cancel(str(error))
                if execution in self._queue:
                    self._queue.remove(execution)

    def _dispossessed(self) -> None:
        """This runner was declared dead: its tasks have their endings, and must stop."""
        for execution in self.active():
            execution.cancel("the runner was declared lost")
        self.log.register(self._row())

    def _wait_for(self, executions: list[Execution], until: float) -> None:
        for execution in executions:
            execution.done.wait(max(0.0, until - self.clock.monotonic()))


def _forgotten(row: TaskRow) -> Work:
    """The work of a retry that came too late: it fails, and says why."""

    def call(context: object) -> None:
        raise Conflict(f"the work of {row.retry_of} is not known here any more: run its cell again")

    return Work(call=call, name=row.name or row.task_id, kind=row.kind, chat_id=row.chat_id)


def user_name() -> str:
    """Who runs this process, for the record; only what a server appends is trustworthy."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no such user in a container
        return "local"

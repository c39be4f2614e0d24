"""The process that executes tasks: it registers, starts, bounds, and ends them.

One per process (``sparky_nb.api`` makes it). Each task has a thread of its own; commands, leases
and sweeps belong to the service thread, moments in time to the timers.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import threading
from collections.abc import Callable

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
from sparky_nb.tasks.interrupts import held_back
from sparky_nb.tasks.ports import Bell, Ringer, Settings, SilentRinger, Sweep
from sparky_nb.tasks.service import Service
from sparky_nb.tasks.timers import Timers
from sparky_nb.tasks.turns import Turns

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
        # Apart, as a flush may wait for the log for seconds, and a forced cancel must not.
        self._timers, self._flushes = Timers(clock), Timers(clock)
        self._turns = Turns(lambda: self.settings.parallel)
        # These are for what must happen once: who waits for one of them waits for just that.
        self._command_lock, self._registering = threading.Lock(), threading.Lock()
        self._carried_out: set[str] = set()
        self._on_moved: Callable[[], None] = lambda: None
        self._sweep, self._swept = sweep, clock.monotonic() - SWEEP_EVERY
        self._pid = os.getpid()
        self._registered = self._attending = False
        self._service = Service(
            log=log,
            clock=clock,
            ringer=self._ringer,
            bell=bell,
            sweep=sweep,
            settings=self.settings,
            runner_id=runner_id,
            look=self._look,
            busy=lambda: bool(self.active()),
            dispossessed=self._dispossessed,
        )

    # -- starting

    def start(self, work: Work, *, retry_of: str | None = None) -> Execution:
        """Start ``work`` as a task, or queue it; its first event is stored when this returns.

        An interrupt that comes meanwhile is raised once the task has been started.

        Raises:
            LogUnavailable: the log can't be written; nothing was started.
            Conflict: this runner is closed, or this process is a fork of the one it belongs to.
        """
        if os.getpid() != self._pid:
            raise Conflict("this process is a fork; a runner can't be shared with it")
        check_chat_id(work.chat_id)
        self._turns.check_open()
        self._register()
        execution = self._execution(
            work, new_task_id(), runner_id=self.runner_id, retry_of=retry_of
        )
        with held_back():
            free = self._turns.begin(execution)
            try:
                queued = not self._begin(execution, free and not self._lane_elsewhere(work))
            except BaseException:
                self._turns.forget(execution)
                self._service.nudge()  # a place was kept for it
                raise
            self._turns.settle(execution, queued=queued)
            if queued:
                self._service.nudge()  # a place may have become free
            else:
                execution.launch()
        return execution

    def _begin(self, execution: Execution, free: bool) -> bool:
        """Store its first event; whether it may be launched."""
        if free:
            try:
                execution.begin()
            except LaneTaken:  # another process was faster
                free = False
        if not free:
            execution.begin(queued_behind=len(self._turns.queued()))
        return free

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
        execution = self._execution(work, task_id, runner_id=self.runner_id)
        execution.emitter.epoch = epoch
        # Known before the runner is: its commands may be waiting already.
        self._turns.add(execution)
        self._register()
        return execution

    def attend(self, on_moved: Callable[[], None]) -> None:
        """Register now as one who takes what is queued, and hear of what moves in the log.

        Args:
            on_moved: called, in the service's thread, when something has; it must not block.
        """
        if not self.closed:
            self._on_moved = on_moved
            with self._registering:
                self._attending = True
                if self._registered:  # as one who only starts tasks of its own
                    self.log.register(self._row())
            self._register()

    def take(self, row: TaskRow, work: Work) -> Execution | None:
        """Claim a queued task and execute it as ``work``; None: there is no place for it now, or
        another runner was faster. What the log stores first counts.

        Raises:
            LogUnavailable: it can't be claimed now.
        """
        if not self._turns.has_place(work) or self._lane_elsewhere(work):
            return None
        self._register()
        execution = self._execution(work, row.task_id, runner_id=self.runner_id)
        execution.emitter.epoch = row.epoch
        if not self._turns.take(execution):
            return None
        try:
            execution.claim()
        except BaseException as error:
            self._turns.forget(execution)
            if isinstance(error, Fenced | UsageError):
                return None
            raise
        self._turns.settle(execution)
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
        return self._turns.find(task_id)

    @property
    def closed(self) -> bool:
        """Whether it takes no more work."""
        return self._turns.closed

    def active(self) -> list[Execution]:
        """The tasks of this process that have begun and not ended, in the order of their start."""
        return self._turns.active()

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
            rows = self.log.pending_commands(self.runner_id)
            self._carried_out &= {row.key for row in rows}
            for row in rows:
                if row.key in self._carried_out:
                    continue  # its outcome waits in the outbox
                execution = self.find(row.task_id)
                if execution is not None and not execution.done.is_set():
                    carry_out(row, execution, self.clock)
                    self._carried_out.add(row.key)

    def _look(self) -> bool:
        """The service's round, whenever something may have moved: commands before all else."""
        self.run_commands()
        self._take_retries()
        self._on_moved()
        self._launch_next()
        return True

    def _take_retries(self) -> None:
        """A server queues a retry for the runner that has the work at hand: this one."""
        for row in self.log.tasks(runner=self.runner_id, states=(QUEUED,)):
            if self.find(row.task_id) is None and row.retry_of is not None:
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
        cancelled = self._turns.close(reason)
        if cancelled is None:
            return
        for execution in cancelled:
            execution.cancel(reason)
        grace = self.settings.shutdown_grace
        begun = self.clock.monotonic()
        half, whole = begun + grace / 2, begun + grace
        self._wait_for(cancelled, half)
        self._turns.wait_settled(max(0.0, half - self.clock.monotonic()))
        late = self.active()
        for execution in late:
            execution.force()
        self._wait_for(late, whole)
        for execution in late:
            if not execution.done.is_set():
                execution.abandon(reason)
        for execution in {*cancelled, *late}:
            execution.emitter.wait_durable(max(0.0, whole - self.clock.monotonic()))
        if self._registered:
            self._leave()

    def _leave(self) -> None:
        self._service.stop()
        # Where that fails, whoever looks next finds the process gone.
        with contextlib.suppress(LogUnavailable):
            self.log.unregister(self.runner_id)
        self._timers.close()
        self._flushes.close()

    # -- inside

    def _register(self) -> None:
        with self._registering:
            if self._registered:
                return
            self.log.register(self._row())
            self._service.refresh()
            self._timers.start()
            self._flushes.start()
            self._service.start()
            self._registered = True  # now that all of it has worked; else it is tried again
        if self.closed:  # meanwhile
            self._leave()

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
            timers=self._flushes,
            settings=self.settings,
            chat_id=work.chat_id,
            title=work.title,
            fence=fence,
            cancellation=cancellation,
            on_fenced=on_fenced,
            actor="agent" if work.kind == "agent" else "task",
        )

    def _lane_elsewhere(self, work: Work) -> bool:
        """Whether another process is at a task of the same lane. Asking saves an attempt; who gets
        the lane, the log decides."""
        if work.lane is None:
            return False
        rows = self.log.tasks(chat_id=work.chat_id, states=(RUNNING, WAITING))
        return any(row.kind == work.kind and row.runner != self.runner_id for row in rows)

    def _on_state(self, execution: Execution) -> None:
        """A task waits, goes on, or has ended: perhaps there is a place for the next."""
        if execution.state in TERMINAL:
            self._turns.end(execution)
        if execution.state == WAITING or execution.state in TERMINAL:
            self._service.nudge()

    def _launch_next(self) -> None:
        """Launch the first in the queue whose turn has come; only the service does. One at a time:
        whatever has come meanwhile, a cancel say, is before the next."""
        for execution in self._turns.queued():
            if not self._turns.leave_queue(execution):
                continue
            waits = True
            try:
                if self._lane_elsewhere(execution.work):
                    continue
                execution.launch()
                waits = False
            except LaneTaken:
                continue
            except (Fenced, Conflict) as error:
                execution.cancel(str(error))
                waits = False
            finally:
                self._turns.settle(execution, queued=waits)
            self._service.nudge()
            return

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

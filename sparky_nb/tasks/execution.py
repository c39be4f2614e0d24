"""One task being executed: in a daemon thread of its own, from its first event to its ending."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from sparky_nb.clock import Clock
from sparky_nb.errors import Conflict, Fenced, SparkyError, TaskCancelled
from sparky_nb.events.jsonable import jsonable, safe_repr
from sparky_nb.events.model import JsonObject, NewEvent
from sparky_nb.events.states import CANCELLED, COMPLETED, FAILED, LOST, QUEUED, RUNNING, WAITING
from sparky_nb.events.usage import tokens
from sparky_nb.ids import new_event_id
from sparky_nb.log.base import Fence
from sparky_nb.tasks.asking import ask
from sparky_nb.tasks.cancel import Cancellation, Gate
from sparky_nb.tasks.capture import displays
from sparky_nb.tasks.context import TaskContext
from sparky_nb.tasks.current import CURRENT
from sparky_nb.tasks.emitter import Emitter
from sparky_nb.tasks.holding import Held
from sparky_nb.tasks.payload import fit
from sparky_nb.tasks.ports import Host, Settings
from sparky_nb.tasks.questions import Open, Questions
from sparky_nb.tasks.results import stored
from sparky_nb.tasks.timers import Timers
from sparky_nb.tasks.tracebacks import describe
from sparky_nb.tasks.work import run


class Work(Struct, frozen=True, kw_only=True):
    """What a task does, and how it came about; enough to do it again.

    Attributes:
        call: gets the :class:`TaskContext`, returns what the work's own call returns.
        name, kind, instruction, origin: go into the first event.
        model: the LLM model of an agent task.
        asked_by: who gave the instruction to an agent; it is also the first message then.
        lane: tasks of one lane run one after the other, in whatever processes (log/rules.py).
        shows_result: the result is also displayed, as a cell's value is.
        host: what surrounds the work where it has a process of its own.
    """

    call: Callable[[TaskContext], Any]
    name: str
    kind: str
    chat_id: str
    title: str | None = None
    instruction: str | None = None
    origin: JsonObject | None = None
    shows_result: bool = False
    model: str | None = None
    asked_by: str | None = None
    lane: str | None = None
    host: Host | None = None


class Execution:
    """See the module. Made and started by ``Runner``.

    Attributes:
        state: as in the log; ``value`` and ``error`` are the outcome, once ``done`` is set.
    """

    def __init__(
        self,
        work: Work,
        *,
        task_id: str,
        runner_id: str,
        emitter: Callable[[Fence, Cancellation, Callable[[Fenced], None]], Emitter],
        clock: Clock,
        timers: Timers,
        settings: Settings,
        retry_of: str | None,
        on_state: Callable[[Execution], None],
    ) -> None:
        self.work, self.task_id, self.chat_id = work, task_id, work.chat_id
        self.attempt = 1
        self.clock, self.settings = clock, settings
        self.cancellation = Cancellation()
        self.questions = Questions()
        self.state = QUEUED
        self.value: Any = None
        self.error: BaseException | None = None
        self.done = threading.Event()
        self.usage: JsonObject | None = None
        self._retry_of, self._runner_id = retry_of, runner_id
        self._timers, self._on_state = timers, on_state
        fence = Fence(task_id=task_id, attempt=self.attempt, runner=runner_id)
        self.emitter = emitter(fence, self.cancellation, self._on_fenced)
        self.context = TaskContext(self)
        self._gate = Gate()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._async_task: asyncio.Task[Any] | None = None
        self._messages: deque[str] = deque()
        self._moved = threading.Condition()
        self._callbacks: list[Callable[[], None]] = []
        self._variables = contextvars.copy_context()
        self._began: float | None = None
        self._taken = False

    # -- its life

    def begin(self, *, queued_behind: int | None = None, waits: str | None = None) -> None:
        """Store the first event.

        Args:
            queued_behind: the task is queued, and so many come first.
            waits: the task is queued, and this says what it waits for.

        Raises:
            LaneTaken: it can't begin at once; queue it.
            LogUnavailable: it can't be stored now; nothing was.
        """
        work = self.work
        if queued_behind is not None:
            waits = f"place {queued_behind + 1} in the queue"
        self.state = RUNNING if waits is None else QUEUED
        data: JsonObject = {"name": work.name, "kind": work.kind, "runner": self._runner_id}
        for field in ("instruction", "model", "origin"):
            if (value := getattr(work, field)) is not None:
                data[field] = value
        if self._retry_of is not None:
            data["retry_of"] = self._retry_of
        if waits is not None:
            data["reason"] = waits
        data = {"state": self.state, "attempt": self.attempt, **data}
        self.emitter.begin(data, said=self._said())

    def claim(self) -> None:
        """Store the status that takes a task out of the queue.

        Raises:
            Fenced, UsageError: somebody else has it, or its lane, or it has ended.
            LogUnavailable: it can't be stored now; nothing was.
        """
        data = {"state": RUNNING, "attempt": self.attempt, "name": self.work.name}
        if self.work.model is not None:
            data["model"] = self.work.model
        self.state = RUNNING  # before: a cancel may come as soon as the log has it
        self.emitter.begin({**data, "runner": self._runner_id})

    def _said(self) -> NewEvent | None:
        """The instruction as the user's message, where it is one."""
        by, text = self.work.asked_by, self.work.instruction
        if by is None or text is None:
            return None
        now = self.clock.now_ms()
        key = new_event_id(now)
        return NewEvent(
            id=key,
            type="message_received",
            time=now,
            task_id=self.task_id,
            actor=f"user:{by}",
            data={"message_id": key, "text": text, "from": by},
        )

    def launch(self, run: Callable[[Callable[[], None]], object] | None = None) -> None:
        """Run the work in a thread of its own.

        Args:
            run: calls what it is given, in place of that thread.

        Raises:
            LaneTaken, LogUnavailable: its turn has not come; it is queued as before.
        """
        if not self._take():
            return
        if self.state == QUEUED:
            try:
                self._leave_queue()
            except BaseException:
                with self._moved:
                    self._taken = False
                if self.cancellation.requested:  # meanwhile, by who found it taken
                    self.cancel(self.cancellation.reason)
                raise
        self._began = self.clock.monotonic()
        (run or self._in_thread)(lambda: self._variables.run(self._main))

    def _leave_queue(self) -> None:
        if self.work.lane is None:
            self.move(RUNNING, runner=self._runner_id)
        else:  # whose turn it is, the log alone decides: nothing begins before it has said so
            status = {"state": RUNNING, "attempt": self.attempt, "runner": self._runner_id}
            self.emitter.begin(status)
            self.moved_to(RUNNING)

    def _in_thread(self, main: Callable[[], None]) -> None:
        try:
            threading.Thread(target=main, name=self.task_id, daemon=True).start()
        except RuntimeError as error:  # the process has as many as it may have
            self._finish(None, error)

    def interrupt(self, *, anyway: bool = False) -> bool:
        """From a signal handler: raise the cancellation in the code that the signal interrupted.

        Args:
            anyway: also where an event loop has been told to cancel the work.

        Returns:
            False where that code is storing an event and must not be disturbed: try again soon.
        """
        if self.done.is_set() or not self._gate.here or (self._loop is not None and not anyway):
            return True
        if self.emitter.storing_here:
            return False
        self.cancellation.check()
        return True

    def move(self, state: str, before: tuple[Held, ...] = (), **fields: Any) -> None:
        """Store a ``status`` (after the events ``before``)."""
        status = {"state": state, "attempt": self.attempt, **fields}
        self.emitter.emit_all([*before, ("status", status)])
        self.moved_to(state)

    def moved_to(self, state: str) -> None:
        """The log has the task in ``state`` now."""
        self.state = state
        self._on_state(self)

    def cancel(self, reason: str | None = None) -> None:
        """Ask the work to stop, and make it after the grace."""
        self.cancellation.request(reason)
        if self.state == QUEUED and self._take():
            self._finish(None, TaskCancelled(reason or "cancelled while it was queued"))
            return
        self._cancel_async()
        self._timers.at(self.clock.monotonic() + self.settings.cancel_grace, self.force)

    def force(self) -> None:
        """Make code stop that never looks: raise in it once, wherever it is.

        Code that emits is told by its next emit, again; only code that does not, is interrupted.
        """
        if self.done.is_set():
            return
        self.cancellation.request()
        self._timers.at(self.clock.monotonic() + 0.05, self._inject)

    def abandon(self, reason: str) -> None:
        """The process ends and the work with it, although it has not stopped by itself."""
        self.emitter.end(self._ending(CANCELLED, reason=reason))
        self.emitter.close()

    def on_done(self, call: Callable[[], None]) -> None:
        """Call ``call`` once the task has ended, in the thread that ended it or in this one."""
        with self._moved:
            if not self.done.is_set():
                self._callbacks.append(call)
                return
        call()

    # -- what its code asks for

    def ask(
        self,
        prompt: str,
        choices: list[str] | None,
        timeout: float | None,
        approval: str | None = None,
    ) -> Any:
        """See ``TaskContext.ask``."""
        return ask(self, prompt, choices, timeout, approval)

    def receive(self, timeout: float | None) -> str | None:
        """See ``TaskContext.receive``."""
        off = self.cancellation.on_request(self._wake_receiver)
        try:
            with self._moved:
                self._moved.wait_for(lambda: self._messages or self.cancellation.requested, timeout)
                self.emitter.check()
                return self._messages.popleft() if self._messages else None
        finally:
            off()

    def deliver(self, text: str) -> None:
        """A message for the task's code has come."""
        with self._moved:
            self._messages.append(text)
            self._moved.notify_all()

    def display(self, obj: Any) -> None:
        """Store ``obj`` as the notebook would show it."""
        mime = displays.bundle(obj)
        if mime:
            self.show(mime)

    def show(self, mime: JsonObject, **more: Any) -> None:
        """Store a MIME bundle."""
        mime = jsonable(mime)
        self.emitter.display({"stream": "display", "mime": mime, **more}, displays.size(mime))

    def use(self, usage: JsonObject) -> None:
        """It has used up so much; told like a progress, and again in the ending."""
        if usage == self.usage:
            return
        self.usage = usage
        data = {"key": "usage", "done": tokens(usage), "unit": "tokens", "usage": usage}
        if not self.cancellation.requested and not self.emitter.ended:
            self.emitter.progress(self._fitted(data))

    def closing(self, type: str, data: JsonObject) -> None:  # noqa: A002
        """Store the event that closes something, also while the task is being cancelled."""
        # Where the task has ended meanwhile, whatever was open has ended with it.
        with contextlib.suppress(Conflict, Fenced):
            self.emitter.emit_all([(type, self._fitted(data))])

    def opened(self, question: Open, data: JsonObject) -> None:
        """A question is put: the task waits from now on."""
        self.questions.ask(question)
        if self.state == WAITING:
            self.emitter.emit_all([("question", data)])
        else:
            self.move(WAITING, (("question", data),))

    def closed(self, question: Open) -> None:
        """A question waits no longer, without an answer."""
        if self.questions.close(question) == 0 and self.state == WAITING:
            self.move(RUNNING)

    # -- inside

    def _take(self) -> bool:
        """Whoever gets True first decides about a task that has not begun: to run it, or not to."""
        with self._moved:
            taken, self._taken = self._taken, True
            return not taken

    def _main(self) -> None:
        CURRENT.set(self)
        outcome: tuple[Any, BaseException | None] | None = None
        while True:
            # A forced cancel may arrive as late as here, once.
            try:
                if outcome is None:
                    outcome = self._attempt()
                self._gate.close()
                break
            except TaskCancelled as late:
                outcome = outcome or (None, late)
        if self.emitter.foreign:
            os._exit(0)  # a forked child has come to the end of its copy of the work
        self._finish(*outcome)

    def _attempt(self) -> tuple[Any, BaseException | None]:
        try:
            self._gate.open()
            self.cancellation.check()
            return run(lambda: self.work.call(self.context), self.context, self._bind), None
        except BaseException as error:  # noqa: BLE001  the top of a task: it becomes the ending
            return None, error

    def _finish(self, value: Any, error: BaseException | None) -> None:
        before: list[Held] = []
        if self.work.host is not None:
            error = self.work.host.ending(error)
        if error is None:
            self.value = value
            ending, before = self._completed(value)
        elif isinstance(error, TaskCancelled):
            ending = self._ending(CANCELLED, reason=self.cancellation.reason)
        else:
            ending = self._ending(FAILED, error=describe(error))
        self.error = error
        self.emitter.end(ending, before=before)
        self.state = LOST if self.emitter.fenced is not None else ending["state"]
        with self._moved:
            self.done.set()
            callbacks, self._callbacks = self._callbacks, []
        for call in callbacks:
            call()
        self._on_state(self)

    def _completed(self, value: Any) -> tuple[JsonObject, list[Held]]:
        before: list[Held] = []
        try:
            if self.work.shows_result and (mime := displays.rich(value)):
                data = {"stream": "display", "mime": jsonable(mime)}
                before.append(("output", self._fitted(data)))
            ending = {} if value is None else self._fitted({"result": stored(value)})
            if self.work.host is not None:
                ending |= self.work.host.kept(value, self.emitter.put_blob)
        except Exception:  # noqa: BLE001  a user's object may raise from any method; it has completed
            ending = {"result": safe_repr(value)}
        return self._ending(COMPLETED, **ending), before

    def _ending(self, state: str, **fields: Any) -> JsonObject:
        data = {"state": state, "attempt": self.attempt}
        if self._began is not None:
            data["duration_ms"] = int((self.clock.monotonic() - self._began) * 1000)
        if self.usage is not None:
            data["usage"] = self.usage
        return {**data, **{k: v for k, v in fields.items() if v is not None}}

    def _fitted(self, data: JsonObject) -> JsonObject:
        settings = self.settings
        put = self.emitter.put_blob
        return fit(data, limit=settings.payload_bytes, most=settings.blob_bytes, put=put)

    def _bind(self, loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]) -> None:
        self._loop, self._async_task = loop, task
        if self.cancellation.requested:
            self._cancel_async()

    def _cancel_async(self) -> None:
        loop, task = self._loop, self._async_task
        if loop is None or task is None:
            return

        def deliver() -> None:
            self.cancellation.told()
            task.cancel("the task was cancelled")

        self._in_loop(loop, deliver)

    def _inject(self) -> None:
        if self.done.is_set():
            return
        if not self.emitter.undisturbed(lambda: self._gate.inject(self.cancellation.knows)):
            self._timers.at(self.clock.monotonic() + 0.1, self._inject)
        elif self._loop is not None:
            self._in_loop(self._loop, lambda: None)  # a loop that sleeps would not notice

    @staticmethod
    def _in_loop(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: its work has stopped
            loop.call_soon_threadsafe(call)

    def _wake_receiver(self) -> None:
        with self._moved:
            self._moved.notify_all()

    def _on_fenced(self, error: SparkyError) -> None:
        # Not from here: the log's refusal may come in the middle of an emit.
        self._timers.at(self.clock.monotonic(), lambda: self.cancel(str(error)))

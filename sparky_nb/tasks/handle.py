"""A task seen from outside, in the process that runs it or in any other with the same log."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Generator, Iterator
from typing import Any, ClassVar

from sparky_nb.errors import (
    Conflict,
    NotFound,
    TaskCancelled,
    TaskError,
    TaskFailed,
    TaskLost,
    TaskWasCancelled,
)
from sparky_nb.events.codec import decode_event
from sparky_nb.events.model import Event
from sparky_nb.events.states import CANCELLED, COMPLETED, LOST, TERMINAL
from sparky_nb.log.base import TaskRow
from sparky_nb.tasks.execution import Execution
from sparky_nb.tasks.questions import Open, Questions
from sparky_nb.tasks.runner import Runner

_POLL = 0.1


class TaskHandle:
    """What ``sparky_nb.start`` and ``%sparky task`` return.

    Awaitable: ``await handle`` gives the result. In a notebook it shows the live view.

    Args:
        runner: the runner of *this* process, whose log has the task.
        task_id, chat_id: which task.

    Example:
        >>> handle = sparky_nb.start(sum, [1, 2])  # doctest: +SKIP
        >>> handle.result()  # doctest: +SKIP
        3
    """

    make_view: ClassVar[Callable[[TaskHandle], Any] | None] = None
    """Makes the rich view; set by the composition root."""

    restore: ClassVar[Callable[[TaskHandle, TaskRow], Any] | None] = None
    """Gives the result of a task of another process; set likewise."""

    def __init__(self, runner: Runner, task_id: str, chat_id: str) -> None:
        self._runner, self.task_id, self.chat_id = runner, task_id, chat_id
        # Held here, so that the outcome lives as long as the handle does.
        self._execution: Execution | None = runner.find(task_id)

    # -- looking

    @property
    def id(self) -> str:
        """``task_id``, by the name that it has inside the task (``task.id``)."""
        return self.task_id

    @property
    def chat(self) -> str:
        """``chat_id``, by the name that it has inside the task (``task.chat``)."""
        return self.chat_id

    @property
    def state(self) -> str:
        """The present state; terminal ones stay."""
        if self._execution is not None:
            return self._execution.state
        return self.row().state

    @property
    def durable(self) -> bool:
        """False while events of the task wait in memory because the log can't be written."""
        return self._execution is None or self._execution.emitter.durable

    def row(self) -> TaskRow:
        """What the log knows of the task."""
        return self._runner.log.task(self.task_id)

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the end and return the result.

        In the process that ran the task it is the object itself, elsewhere what was kept of it.
        Interrupting the wait does not touch the task.

        Args:
            timeout: seconds; None waits for ever.

        Raises:
            TimeoutError: it has not ended yet.
            TaskFailed, TaskWasCancelled, TaskLost: it ended otherwise. ``TaskFailed`` has the
                task's own exception as its cause where it happened in this process.
        """
        if not self._wait(timeout):
            raise TimeoutError(f"task {self.task_id} has not ended within {timeout:g} s")
        return self._outcome()

    def events(self, *, follow: bool = True) -> Iterator[Event]:
        """The task's events from its first on, until it has ended.

        Args:
            follow: wait for those to come; False: only those that are there.
        """
        log, row = self._runner.log, self.row()
        after, pause = row.first - 1, threading.Event()
        while True:
            page = log.read(self.chat_id, after=after)
            for wire in page.events:
                event = decode_event(wire)
                after = event.offset
                if event.task_id == self.task_id:
                    yield event
                    if event.type == "status" and event.data.get("state") in TERMINAL:
                        return
            if page.first + len(page.events) > page.head:
                if not follow or (self.row().state in TERMINAL and after >= self.row().last):
                    return
                self._runner.look_after_others()
                pause.wait(_POLL)

    def view(self) -> Any:
        """The live view: a widget in a notebook, text elsewhere."""
        make = type(self).make_view
        return self if make is None else make(self)

    # -- acting

    def cancel(self, reason: str | None = None) -> None:
        """Ask the task to stop. It shows as cancelling until it has. One that has ended stays."""
        if self.state in TERMINAL:
            return
        args = {} if reason is None else {"reason": reason}
        # It may end in this very moment.
        with contextlib.suppress(Conflict):
            self._runner.submit(self.chat_id, self.task_id, "cancel", args)

    def send(self, text: str) -> None:
        """Send the task a message.

        Raises:
            Conflict: it has ended.
        """
        self._runner.submit(self.chat_id, self.task_id, "message", {"text": text})

    def answer(self, text: str, question_id: str | None = None) -> None:
        """Answer a question of the task; without an id, the only one that is open.

        Raises:
            Conflict: it waits for no answer, or several questions are open.
            NotFound: that question is not open.
            InvalidArgument: ``text`` is not among the question's choices.
        """
        if self._execution is not None and not self._execution.done.is_set():
            question = self._execution.questions.find(question_id)
        else:
            question = self._open_question(question_id)
        args = {"question_id": question.question_id, "answer": text}
        self._runner.submit(self.chat_id, self.task_id, "answer", args)

    def retry(self) -> TaskHandle:
        """Do the same work again as a new task, which names this one in its first event.

        Raises:
            Conflict: it has not ended.
            NotFound: the work is not known in this process.
        """
        if self._execution is not None and self._runner.find(self.task_id) is None:
            if not self._execution.done.is_set():
                raise Conflict(f"task {self.task_id} has not ended")
            again = self._runner.start(self._execution.work, retry_of=self.task_id)
        else:
            again = self._runner.retry(self.task_id)
        return TaskHandle(self._runner, again.task_id, again.chat_id)

    # -- showing

    def __await__(self) -> Generator[Any, None, Any]:
        return self._result_async().__await__()

    def __repr__(self) -> str:
        execution = self._execution
        try:
            state = self.state
        except NotFound:
            state = "not in the log"
        name = f" {execution.work.name!r}" if execution is not None else ""
        note = "" if self.durable else ", not durable: the log can't be written"
        return f"<Task {self.task_id}{name}: {state}{note}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        make = type(self).make_view
        view = None if make is None else make(self)
        if view is None or not hasattr(view, "_repr_mimebundle_"):
            return {"text/plain": repr(self)}
        return view._repr_mimebundle_(include=include, exclude=exclude)

    # -- inside

    def _wait(self, timeout: float | None) -> bool:
        if self._execution is not None:
            return self._execution.done.wait(timeout)
        clock, pause = self._runner.clock, threading.Event()
        until = None if timeout is None else clock.monotonic() + timeout
        while self.row().state not in TERMINAL:
            left = _POLL if until is None else until - clock.monotonic()
            if left <= 0:
                return False
            self._runner.look_after_others()
            pause.wait(min(_POLL, left))
        return True

    def _outcome(self) -> Any:
        execution = self._execution
        if execution is None:
            row = self.row()
            if row.state == COMPLETED:
                restore = type(self).restore
                return row.result if restore is None else restore(self, row)
            raise _error(self.task_id, row.state, row.error)
        if execution.state == COMPLETED:
            return execution.value
        described = None
        if execution.error is not None and not isinstance(execution.error, TaskCancelled):
            from sparky_nb.tasks.tracebacks import describe

            described = describe(execution.error)
        raise _error(self.task_id, execution.state, described) from execution.error

    async def _result_async(self) -> Any:
        if self._execution is None:
            return await asyncio.to_thread(self.result)
        loop, ended = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(ended.set)

        self._execution.on_done(wake)
        await ended.wait()
        return self._outcome()

    def _open_question(self, question_id: str | None) -> Open:
        state = self._runner.log.snapshot(self.chat_id).state
        asked = Questions()
        for key, it in state["questions"].items():
            if it["task_id"] == self.task_id:
                asked.ask(Open(key, None))
        return asked.find(question_id)


def _error(task_id: str, state: str, error: dict[str, Any] | None) -> TaskError:
    if state == CANCELLED:
        return TaskWasCancelled(task_id, f"task {task_id} was cancelled", error)
    if state == LOST:
        why = error["message"] if error else "its process died"
        return TaskLost(task_id, f"task {task_id} was lost: {why}", error)
    told = f"{error['type']}: {error['message']}" if error else "it failed"
    return TaskFailed(task_id, f"task {task_id} failed: {told}", error)

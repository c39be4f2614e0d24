"""What code inside a task is given: :class:`TaskContext` (design: "Code inside a task gets …")."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from operator import length_hint
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from sparky_nb.errors import InvalidArgument, TaskCancelled
from sparky_nb.events.jsonable import MAX_SAFE_INTEGER, jsonable, safe_repr, safe_text
from sparky_nb.events.model import Data
from sparky_nb.ids import new_event_id
from sparky_nb.tasks.capture.source import overhear
from sparky_nb.tasks.masking import mask
from sparky_nb.tasks.results import stored

if TYPE_CHECKING:
    from sparky_nb.tasks.execution import Execution

_RESERVED = ("status", "command", "message_received", "chat", "redaction", "redacted", "hidden")
_NAME_MAX = 200
_NUMBER = "a finite number"


class TaskContext:
    """The task, seen from inside.

    It comes as the first parameter of a task's function where that is named ``task`` or annotated
    ``TaskContext``, as ``task`` in a cell, and from ``sparky_nb.current_task()`` anywhere. All
    methods may be called from any thread; when one returns, its event is stored.

    Every method raises :class:`~sparky_nb.errors.TaskCancelled` once where the task is being
    cancelled, and :class:`~sparky_nb.errors.Conflict` after the task has ended.
    """

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self._emitter = execution.emitter
        self._clock = execution.clock

    def __repr__(self) -> str:
        return f"<TaskContext {self.id} in chat {self.chat}>"

    @property
    def id(self) -> str:
        """The ``task_id``."""
        return self._execution.task_id

    @property
    def chat(self) -> str:
        """The ``chat_id``."""
        return self._execution.chat_id

    @property
    def attempt(self) -> int:
        """Counts from 1."""
        return self._execution.attempt

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked the task to stop; look at it in a loop that emits nothing."""
        return self._execution.cancellation.requested

    @property
    def ended(self) -> bool:
        """Whether the task has ended: nothing can be emitted any more."""
        return self._emitter.ended

    def emit(self, type: Any, data: Any) -> None:  # noqa: A002  checked below
        """Store an event of any type (own types are welcome).

        Raises:
            InvalidArgument: ``type`` is no text or one that the system makes itself, or ``data``
                is no object.

        Example:
            >>> task.emit("epoch_done", {"loss": 0.25})  # doctest: +SKIP
        """
        if not isinstance(type, str) or not 0 < len(type) <= _NAME_MAX:
            raise InvalidArgument("type", f"a text of 1 to {_NAME_MAX} characters", type)
        if type in _RESERVED:
            raise InvalidArgument("type", "a type that the system does not make itself", type)
        if isinstance(data, Data):
            data = msgspec.to_builtins(data)
        if not isinstance(data, dict):
            raise InvalidArgument("data", "an object (a dict)", data)
        self._emitter.emit(safe_text(type), jsonable(data))

    # -- progress

    def progress(
        self,
        done: float,
        total: float | None = None,
        message: str | None = None,
        key: str = "main",
        unit: str | None = None,
    ) -> None:
        """Say how far the work is; of values that come fast the last within 100 ms is stored.

        Args:
            done, total: finite numbers of ``unit``; without a total the end is unknown.
            message: what is being done now.
            key: tells several bars of one task apart.
            unit: what is counted, say ``"files"``.

        Raises:
            InvalidArgument: a value is no finite number, or a text is none.
        """
        data: dict[str, Any] = {"key": _text("key", key), "done": _number("done", done)}
        if total is not None:
            data["total"] = _number("total", total)
        if message is not None:
            data["message"] = _text("message", message)
        if unit is not None:
            data["unit"] = _text("unit", unit)
        self._emitter.progress(data)

    def track(
        self,
        iterable: Any,
        message: str | None = None,
        total: float | None = None,
        key: str = "main",
    ) -> Tracked:
        """Iterate (``for`` or ``async for``) and show the progress.

        Args:
            iterable: what to go through.
            message: what is being done.
            total: number of items, where ``len(iterable)`` does not tell.
            key: tells several bars apart.

        Example:
            >>> for path in task.track(paths, "reading"): ...  # doctest: +SKIP
        """
        if total is None:
            total = length_hint(iterable, -1) if hasattr(iterable, "__iter__") else -1
            total = None if total < 0 else total
        return Tracked(self, iterable, message, total, key)

    # -- tools, thoughts, messages

    @contextmanager
    def tool(self, name: str, /, **args: Any) -> Iterator[ToolCall]:
        """A tool call: ``tool_use`` now, ``tool_result`` at the end of the block.

        An exception makes the result ``status: error`` and propagates. Arguments whose names look
        like secrets are masked.

        Example:
            >>> with task.tool("search", q="cats") as call:  # doctest: +SKIP
            ...     call.result = search("cats")
        """
        tool_call_id = self._new_id()
        call = ToolCall(tool_call_id, _text("name", name)[:_NAME_MAX])
        rule = self._execution.settings.secret
        head = {"tool_call_id": tool_call_id, "name": call.name}
        self._emitter.emit("tool_use", {**head, "args": jsonable(mask(args, rule))})
        began = self._clock.monotonic()
        status: Literal["success", "error"] = "success"
        try:
            yield call
        except BaseException as error:
            status, call.result = "error", f"{type(error).__name__}: {_message_of(error)}"
            raise
        finally:
            elapsed = int((self._clock.monotonic() - began) * 1000)
            end = {"status": status, "result": stored(call.result), "duration_ms": elapsed}
            self._execution.closing("tool_result", {**head, **end})

    def thought(self, text: str) -> None:
        """Store a thought."""
        self._say("thought", text)

    def message(self, text: str) -> None:
        """Send a message to the user."""
        self._say("message_sent", text)

    @contextmanager
    def streaming(self, kind: Literal["thought", "message"]) -> Iterator[Writer]:
        """Send a text in pieces.

        Example:
            >>> with task.streaming("message") as out:  # doctest: +SKIP
            ...     out.write("Hel")
            ...     out.write("lo")
        """
        types = {"thought": "thought", "message": "message_sent"}
        if kind not in types:
            raise InvalidArgument("kind", "'thought' or 'message'", kind)
        writer = Writer(self, types[kind], self._new_id())
        try:
            yield writer
        finally:
            self._execution.closing(writer.type, {**writer.head, "text": "", "final": True})

    # -- the other way

    def ask(
        self,
        prompt: str,
        choices: Iterable[str] | None = None,
        timeout: float | None = None,
        *,
        approval: str | None = None,
    ) -> Any:
        """Ask whoever watches, and wait; the task's state is ``waiting`` meanwhile.

        Args:
            prompt: the question, with the choices at most 64 KiB.
            choices: the answers that are accepted; None: any text.
            timeout: seconds; None waits for ever.
            approval: the ``tool_call_id`` of the call that the answer allows or denies.

        Returns:
            The answer's text. Inside a running event loop: an awaitable of it
            (``await task.ask(…)``), so that the loop goes on meanwhile.

        Raises:
            QuestionExpired: (a ``TimeoutError``) nobody answered in time.
            InvalidArgument: naming the field and its rule; nothing was asked.

        Example:
            >>> if task.ask("Delete 3 files?", ["yes", "no"]) == "yes": ...  # doctest: +SKIP
        """
        if timeout is not None and _number("timeout", timeout) <= 0:
            raise InvalidArgument("timeout", "seconds above 0", timeout)
        options = None if choices is None else [_text("choices", c) for c in choices]
        return self._execution.ask(_text("prompt", prompt), options, timeout, approval)

    def receive(self, timeout: float | None = 0) -> str | None:
        """The next message that somebody sent to the task, None where there is none.

        Args:
            timeout: seconds to wait for one; None waits for ever.
        """
        return self._execution.receive(timeout)

    def use(self, usage: dict[str, Any]) -> None:
        """Say what the task has used up so far (``input_tokens``, ``cost_usd``, …): whoever watches
        sees it grow, and its ending has the last value."""
        self._execution.use(jsonable(usage))

    # -- output

    def overhear(self) -> AbstractContextManager[list[str]]:
        """Also collect what the code in the ``with`` block prints; its output is stored as ever.

        Example:
            >>> with task.overhear() as printed:  # doctest: +SKIP
            ...     print("hello")
        """
        return overhear()

    def display(self, obj: Any) -> None:
        """Show ``obj`` (a figure, a DataFrame, …) as the notebook would."""
        self._execution.display(obj)

    # -- inside

    def _say(self, type_: str, text: str) -> None:
        data = {"message_id": self._new_id(), "text": _text("text", text), "final": True}
        self._emitter.emit(type_, data)

    def _new_id(self) -> str:
        return new_event_id(self._clock.now_ms())


class ToolCall:
    """A tool call under way; set ``result`` to what the tool gave back."""

    def __init__(self, id: str, name: str) -> None:  # noqa: A002
        self.id, self.name = id, name
        self.result: Any = None


class Writer:
    """Takes the pieces of one streamed text; ``write`` returns before they are stored (≤ 40 ms)."""

    def __init__(self, context: TaskContext, type: str, message_id: str) -> None:  # noqa: A002
        self.type = type
        self.head = {"message_id": message_id}
        self._data = {"message_id": message_id, "final": False}
        self._emitter = context._emitter

    def write(self, piece: str) -> int:
        """Add ``piece``; the number of characters taken, as files do."""
        text = _text("piece", piece)
        if text:
            self._emitter.text(self.type, self._data, text)
        return len(text)


class Tracked:
    """What ``task.track`` returns: iterate over it, once, with ``for`` or ``async for``."""

    def __init__(
        self,
        context: TaskContext,
        iterable: Any,
        message: str | None,
        total: float | None,
        key: str,
    ) -> None:
        self._context, self._iterable = context, iterable
        self._rest = (total, message, key)

    def __len__(self) -> int:
        return len(self._iterable)

    def __iter__(self) -> Iterator[Any]:
        progress = self._context.progress
        progress(0, *self._rest)
        for done, item in enumerate(self._iterable, 1):
            yield item
            progress(done, *self._rest)

    async def __aiter__(self) -> AsyncIterator[Any]:
        done, progress = 0, self._context.progress
        progress(0, *self._rest)
        async for item in self._iterable:
            yield item
            done += 1
            progress(done, *self._rest)


def _number(field: str, value: Any) -> float:
    if type(value) is int or type(value) is float:
        number: float = value
    else:
        plain = None if isinstance(value, str) else jsonable(value)  # of a numpy scalar, say
        if isinstance(plain, bool) or not isinstance(plain, int | float):
            raise InvalidArgument(field, _NUMBER, value)
        number = plain
    if not math.isfinite(number):
        raise InvalidArgument(field, _NUMBER, value)
    return number if abs(number) <= MAX_SAFE_INTEGER else float(number)


def _text(field: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidArgument(field, "a text", value)
    return value if value.isascii() else safe_text(value)


def _message_of(error: BaseException) -> str:
    if isinstance(error, TaskCancelled):
        return "the task was cancelled"
    try:
        return str(error)
    except Exception:  # noqa: BLE001  a user's __str__ may raise anything
        return safe_repr(error)

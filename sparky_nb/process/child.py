"""The process of one task: it runs the work in its main thread, with the tasks room's own runner.

Signals can interrupt only a main thread; so a cancel also ends a ``time.sleep`` or a blocked read.
"""

from __future__ import annotations

import ctypes
import os
import pickle
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from types import FrameType
from typing import Any, Final

from sparky_nb.clock import SystemClock
from sparky_nb.errors import TaskCancelled
from sparky_nb.events.model import JsonObject
from sparky_nb.fanout import Bell, Ringer
from sparky_nb.log import open_log
from sparky_nb.log.liveness import LeaseObserver
from sparky_nb.log.sweep import sweep
from sparky_nb.process.cells import unpack_cell
from sparky_nb.process.context import set_runner_here
from sparky_nb.process.control import Control
from sparky_nb.process.limits import (
    MemoryLimit,
    MemoryLimitExceeded,
    TimeLimitExceeded,
    readable_size,
)
from sparky_nb.process.order import Note, Order, Wire
from sparky_nb.process.results import kept
from sparky_nb.tasks import (
    Runner,
    TaskContext,
    Work,
    call_work,
    capture,
    cell_work,
    surroundings,
)

_PR_SET_PDEATHSIG: Final = 1
_NO_FORCE: Final = 1e9
"""Signals make this work stop; nothing is injected into its thread."""
_FLUSH_SECONDS: Final = 5.0


def main(wire: Wire, payload: int) -> None:
    """Run the task that the supervisor at the other end of ``wire`` orders.

    Args:
        payload: the descriptor of the pickled work.
    """
    signal.signal(signal.SIGINT, _leave)
    _die_with_supervisor()
    order = wire.first()
    sys.path[:], sys.argv[:] = order.path, [""]
    with ExitStack() as stack:
        runner = _runner(order, stack)
        set_runner_here(runner)
        host = TaskHost(order, wire)
        execution = runner.adopt(host.work(payload), task_id=order.task_id, epoch=order.epoch)
        runner.settings = order.own_settings()  # for tasks that the work itself starts
        capture.install()
        control = Control(execution, wire, host, runner.run_commands)
        control.start()
        execution.launch(lambda run: run())
        for other in runner.active():
            other.done.wait()
        execution.emitter.wait_durable(_NO_FORCE)
        capture.uninstall()
        runner.close("the process ended")
        wire.send(Note(t="leaving"))


def _leave(number: int, frame: FrameType | None) -> None:
    """A cancel comes before the work has begun: the supervisor writes the ending."""
    sys.exit(128 + number)


def _die_with_supervisor() -> None:
    """Where Linux can: be killed when the supervisor dies. ``Control`` notices everywhere."""
    if sys.platform == "linux":
        parent = os.getppid()
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if parent == 1 or os.getppid() != parent:
            os._exit(1)


def _runner(order: Order, stack: ExitStack) -> Runner:
    clock = SystemClock()
    durability: Any = order.durability
    log = stack.enter_context(open_log(order.log_url, clock=clock, durability=durability))
    ringer, bell, observer = Ringer(clock), Bell("process"), LeaseObserver(clock)
    stack.callback(ringer.close)
    stack.callback(bell.close)
    return Runner(
        log=log,
        clock=clock,
        runner_id=order.runner_id,
        ringer=ringer,
        bell=bell,
        sweep=lambda: sweep(log, observer, clock),
        chat_id=order.chat_id,
        title=order.title,
        role="process",
        settings=order.own_settings(cancel_grace=_NO_FORCE),
        info={**surroundings.facts(), "task": order.task_id},
    )


class TaskHost:
    """What surrounds the work here: its limits, its output's last bytes, its result's object.

    Attributes:
        time_is_up: whether it is being stopped because of its time limit.
        flushed: set when the supervisor has stored what was written to the descriptors.
    """

    def __init__(self, order: Order, wire: Wire) -> None:
        self._order, self._wire = order, wire
        self._memory = MemoryLimit(order.memory)
        self.time_is_up = False
        self.flushed = threading.Event()

    def work(self, payload: int) -> Work:
        """The work, which is loaded when it is called: imports are part of the task."""
        order = self._order

        def call(context: TaskContext) -> Any:
            self._wire.send(Note(t="begun"))
            self._memory.set()
            with os.fdopen(payload, "rb") as file:
                parts = pickle.load(file)  # from whoever started this process, and nobody else
            return self._loaded(parts)(context)

        return Work(
            call=call,
            name=order.name,
            kind=order.kind,
            chat_id=order.chat_id,
            title=order.title,
            shows_result=order.shows_result,
            host=self,
        )

    def _loaded(self, parts: JsonObject) -> Callable[[TaskContext], Any]:
        chat_id, rule = self._order.chat_id, parts.pop(" secret", None)
        if " source" not in parts:
            if self._order.shell:
                _shell({})
            fn, args, kwargs = parts["fn"], parts["args"], parts["kwargs"]
            return call_work(fn, args, kwargs, chat_id=chat_id, rule=rule).call
        source, namespace = unpack_cell(parts)
        shell, kind = _shell(namespace), self._order.kind
        return cell_work(source, shell=shell, chat_id=chat_id, kind=kind, rule=rule).call

    # -- Host

    def ending(self, error: BaseException | None) -> BaseException | None:
        """The work has stopped: store what it has written, and say which limit it met."""
        self._memory.lift()
        for stream in (sys.__stdout__, sys.__stderr__):
            with suppress(OSError, ValueError, AttributeError):
                stream.flush()  # type: ignore[union-attr]  # None is suppressed as well
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).fflush(None)
        if self._wire.send(Note(t="flush")):
            self.flushed.wait(_FLUSH_SECONDS)
        return self._told(error)

    def kept(self, value: Any, put_blob: Callable[[bytes, str], str]) -> JsonObject:
        """See ``results.kept``."""
        return kept(value, self._order.task_id, put_blob)

    def _told(self, error: BaseException | None) -> BaseException | None:
        told: BaseException
        if isinstance(error, TaskCancelled) and self.time_is_up:
            told = TimeLimitExceeded(time_limit_text(self._order))
        elif isinstance(error, MemoryError) and self._order.memory is not None:
            size = readable_size(self._order.memory)
            told = MemoryLimitExceeded(f"the task asked for more than its limit of {size}")
        else:
            return error
        return told.with_traceback(error.__traceback__)


def time_limit_text(order: Order) -> str:
    """The message of a ``TimeLimitExceeded``."""
    return f"the task ran longer than its limit of {order.seconds:g} s"


def _shell(namespace: JsonObject) -> Any:
    """An IPython shell as a notebook has one, without its history and its prompts."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config({"HistoryManager": {"enabled": False}})
    shell = InteractiveShell.instance(config=config, user_ns=namespace)
    capture.install()  # its publisher is new
    return shell


def boot(control: int, payload: int) -> None:
    """Where a new process begins; the descriptors are inherited."""
    main(Wire(socket.socket(fileno=control)), payload)


__all__ = ["TaskHost", "boot", "main", "time_limit_text"]

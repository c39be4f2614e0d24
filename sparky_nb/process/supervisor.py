"""The process beside a task's process: it stores what that one writes to its descriptors, makes it
stop when it is to, and gives the task an honest ending when it has died without one.

It runs none of the work's code, so nothing the work does can stop it: a C call that never lets go
of the interpreter, a crash, or memory that has run out.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Final, TypeVar

import msgspec

from sparky_nb.clock import SystemClock
from sparky_nb.errors import Conflict, Fenced, LogUnavailable, NotFound
from sparky_nb.events.codec import decode_event
from sparky_nb.events.jsonable import MAX_SAFE_INTEGER
from sparky_nb.events.model import JsonObject
from sparky_nb.events.states import CANCELLED, FAILED, LOST, TERMINAL
from sparky_nb.fanout import Ringer
from sparky_nb.log import open_log
from sparky_nb.log.base import Fence
from sparky_nb.log.rules import command_event
from sparky_nb.process.command import KILL, command_line
from sparky_nb.process.escalation import Escalation
from sparky_nb.process.guard import Guard
from sparky_nb.process.limits import TimeLimitExceeded, readable_size
from sparky_nb.process.order import Note, Order, Wire
from sparky_nb.process.output import Output
from sparky_nb.process.places import ahead
from sparky_nb.tasks.cancel import Cancellation
from sparky_nb.tasks.emitter import Emitter
from sparky_nb.tasks.timers import Timers

_LOOK: Final = 0.25
_FAR: Final = 20
"""From this place in the queue on, looks become no rarer."""
_RENEW: Final = 10.0
_REFRESH: Final = 2.0
_LEAVE: Final = 10.0
"""Seconds that the process has for its own end, after the task's."""
_T = TypeVar("_T")


def boot(payload: int) -> None:
    """Where a new process begins. The order comes by standard input once the log has the task;
    where none comes, whoever started this has died, and nothing was started."""
    line = sys.stdin.buffer.readline()
    if line.endswith(b"\n"):
        Supervisor(msgspec.json.decode(line, type=Order), payload).run()


class Supervisor:
    """See the module."""

    def __init__(self, order: Order, payload: int) -> None:
        self._order, self._payload = order, payload
        self._clock = SystemClock()
        self._stop = Escalation(order.own_settings().cancel_grace)
        self._reason: str | None = None
        self._begun: float | None = None
        self._time_is_up = self._work_stopped = False
        self._leave_at: float | None = None
        self._token: int | None = None
        self._next_look = self._next_renewal = self._next_refresh = 0.0
        ours, self._theirs = socket.socketpair()
        ours.setblocking(False)
        self._wire = Wire(ours)
        self._selector = selectors.DefaultSelector()
        self._signals = _hear_signals()
        self._selector.register(self._signals, selectors.EVENT_READ, self._on_signals)

    def run(self) -> None:
        """From the start of the process to the end of its task."""
        order = self._order
        with ExitStack() as stack:
            stack.enter_context(self._selector)
            log = open_log(order.log_url, clock=self._clock, durability=order.durability)  # type: ignore[arg-type]  # a Literal
            self._log = stack.enter_context(log)
            self._ringer = Ringer(self._clock)
            stack.callback(self._ringer.close)
            timers = Timers(self._clock)
            timers.start()
            stack.callback(timers.close)
            self._emitter = self._make_emitter(timers)
            if not self._has_place():
                self._give_up()
                return
            self._spawn()
            self._guard = Guard(self._process.pid)
            self._output = Output(self._emitter, self._process)
            self._output.register(self._selector)
            while self._process.poll() is None:
                self._wait()
                self._look(self._clock.monotonic())
            self._conclude()

    def _has_place(self) -> bool:
        """Wait for a place; False: the task is to stop before it has begun."""
        places = self._order.places
        while places is not None:
            try:
                place = ahead(self._log, self._order.runner_id) + 1 - places
            except LogUnavailable:
                place = _FAR
            if place <= 0:
                break
            look_at = self._clock.monotonic() + _LOOK * min(place, _FAR)
            while (now := self._clock.monotonic()) < look_at and not self._stop.asked:
                self._wait()
                self._look_now_and_then(now)
            if self._stop.asked:
                return False
        return True

    def _spawn(self) -> None:
        descriptors = (self._theirs.fileno(), self._payload)
        self._process = subprocess.Popen(
            command_line("child", *descriptors, label=self._order.task_id),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=descriptors,
            process_group=0,
        )
        self._theirs.close()
        os.close(self._payload)
        self._wire.send(self._order)
        self._selector.register(self._wire.socket, selectors.EVENT_READ, self._on_notes)

    def _make_emitter(self, timers: Timers) -> Emitter:
        order = self._order
        emitter = Emitter(
            log=self._log,
            clock=self._clock,
            ringer=self._ringer,
            timers=timers,
            settings=order.own_settings(),
            chat_id=order.chat_id,
            title=order.title,
            fence=Fence(task_id=order.task_id, attempt=1, runner=order.runner_id),
            cancellation=Cancellation(),
        )
        emitter.epoch = order.epoch
        return emitter

    # -- what happens

    def _wait(self) -> None:
        now = self._clock.monotonic()
        times = (self._next_look, self._stop.next_at(), self._leave_at, self._time_limit())
        timeout = max(0.0, min(at for at in times if at is not None) - now)
        for key, _ in self._selector.select(timeout):
            key.data()

    def _on_signals(self) -> None:
        for number in self._signals.recv(256):
            if number == KILL:
                self._stop.hurry(self._clock.monotonic())
            elif number in (signal.SIGTERM, signal.SIGINT):
                self._ask("its process was told to end")

    def _on_notes(self) -> None:
        notes = self._wire.receive()
        if notes is None:
            self._selector.unregister(self._wire.socket)
            return
        for note in notes:
            if note.t == "begun":
                self._begun = self._clock.monotonic()
            elif note.t == "stopping":
                self._reason = self._reason or note.reason
                self._stop.ask(self._clock.monotonic())
            elif note.t == "flush":
                # The work has stopped; tasks that it has started may go on.
                self._work_stopped = True
                self._stop = Escalation(self._order.own_settings().cancel_grace)
                self._output.drain()
                self._wire.send(Note(t="flushed"))
            elif note.t == "leaving":
                self._leave_at = self._clock.monotonic() + _LEAVE

    def _look(self, now: float) -> None:
        limit = self._time_limit()
        if limit is not None and now >= limit:
            self._time_is_up = True
            self._ask(self._time_text(), limit=True)
        if self._leave_at is not None and now >= self._leave_at:
            self._stop.hurry(now)
        for name in self._stop.due(now):
            if name == "SIGTERM":
                self._wire.send(Note(t="again"))
            self._signal(signal.Signals[name])
        self._look_now_and_then(now)

    def _look_now_and_then(self, now: float) -> None:
        if now >= self._next_look:
            self._next_look = now + _LOOK
            with suppress(LogUnavailable):
                self._look_at_log(now)

    def _look_at_log(self, now: float) -> None:
        """The process itself hears commands; but perhaps it hears nothing any more."""
        if now >= self._next_refresh:
            self._next_refresh = now + _REFRESH
            self._ringer.set_endpoints([r.endpoint for r in self._log.runners() if r.endpoint])
        if now >= self._next_renewal:
            self._next_renewal = now + _RENEW
            self._log.renew(self._order.runner_id)
        token, before = self._log.change_token(), self._token
        self._token = token
        if token == before or self._work_stopped:
            return
        try:
            row = self._log.task(self._order.task_id)
        except NotFound:
            self._stop.ask(now)  # its chat was deleted
            return
        if row.cancelling or row.state == LOST:
            self._stop.ask(now)

    def _ask(self, reason: str, *, limit: bool = False) -> None:
        """Let the process stop by itself, as long as it can."""
        if self._reason is None:
            self._reason = reason
            self._wire.send(Note(t="stop", reason=reason, limit=limit))
        self._stop.ask(self._clock.monotonic())

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _time_limit(self) -> float | None:
        seconds = self._order.seconds
        if seconds is None or self._begun is None or self._stop.asked or self._work_stopped:
            return None
        return self._begun + seconds

    def _time_text(self) -> str:
        return f"the task ran longer than its limit of {self._order.seconds:g} s"

    def _who_asked(self) -> str:
        """The last cancel of the task in the log; the process had no time to tell."""
        page = self._log.read_before(self._order.chat_id, before=MAX_SAFE_INTEGER)
        for event in map(decode_event, reversed(page.events)):
            data, of_task = event.data, event.task_id == self._order.task_id
            if of_task and event.type == "command" and data.get("name") == "cancel":
                return str(data["args"].get("reason") or f"cancelled by {data['from']}")
        return "cancelled"

    # -- the end

    def _conclude(self) -> None:
        """The process has ended. Most often its task had, before; else this is its ending."""
        order, status = self._order, self._process.returncode
        self._output.drain()
        ended = self._insist(lambda: self._log.task(order.task_id).state in TERMINAL)
        if status != 0 or not ended:
            self._signal(signal.SIGKILL)  # what it has started, and left
        self._guard.release()
        if ended is False and self._stop.asked:
            self._end(self._ending(f"; its process {_how(status)}"))
        self._leave(f"the task's process {_how(status)}{self._limit_text()}")

    def _give_up(self) -> None:
        """It was to stop before it had a place, so nothing of it has run."""
        self._end(self._ending())
        self._leave("its process ended before the task had begun")

    def _end(self, ending: JsonObject) -> None:
        with suppress(Conflict, Fenced):
            self._insist(self._apply_cancels)
        self._emitter.end(ending)
        while not self._emitter.wait_durable(60.0):
            pass

    def _apply_cancels(self) -> None:
        for row in self._log.pending_commands(self._order.runner_id):
            if row.command.name == "cancel":
                event = command_event(row, "applied", self._clock.now_ms())
                self._emitter.append([event], commands=[row.key])

    def _leave(self, why: str) -> None:
        """Nothing is held from here on; a task without an ending gets its own: lost."""
        runner_id, now = self._order.runner_id, self._clock.now_ms
        self._insist(lambda: self._log.declare_lost(runner_id, reason=why, now_ms=now()))
        self._ringer.ring(self._order.chat_id)

    def _ending(self, how: str = "") -> JsonObject:
        data: JsonObject = {"state": CANCELLED, "attempt": 1}
        if self._begun is not None:
            data["duration_ms"] = int((self._clock.monotonic() - self._begun) * 1000)
        if self._time_is_up:
            kind = f"{TimeLimitExceeded.__module__}.{TimeLimitExceeded.__qualname__}"
            message = f"{self._time_text()}{how}"
            return {**data, "state": FAILED, "error": {"type": kind, "message": message}}
        reason = self._reason or self._insist(self._who_asked) or "cancelled"
        return {**data, "reason": f"{reason}{how}"}

    def _limit_text(self) -> str:
        size = self._order.memory
        return "" if size is None else f" (its memory limit was {readable_size(size)})"

    def _insist(self, act: Callable[[], _T]) -> _T | None:
        """Do ``act`` however long the log takes to be there again; None where the chat is gone."""
        while True:
            try:
                return act()
            except LogUnavailable:
                threading.Event().wait(0.5)
            except NotFound:
                return None


def _how(status: int) -> str:
    if status >= 0:
        return f"exited with status {status} before the task had ended"
    name = signal.Signals(-status).name if -status in set(signal.Signals) else str(-status)
    note = ", by hand or because memory ran out" if name == "SIGKILL" else ""
    return f"was killed by {name}{note}"


def _hear_signals() -> socket.socket:
    """A socket that gets a byte with the number of each signal."""
    hear, tell = socket.socketpair()
    hear.setblocking(False)
    tell.setblocking(False)
    signal.set_wakeup_fd(tell.detach(), warn_on_full_buffer=False)
    for name in ("SIGTERM", "SIGINT", "SIGUSR1", "SIGCHLD", "SIGHUP"):
        # A handler of our own, and not SIG_IGN, which the processes that we start would inherit.
        signal.signal(signal.Signals[name], lambda number, frame: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {KILL})  # blocked by who started us
    return hear

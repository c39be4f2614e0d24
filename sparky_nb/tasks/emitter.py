"""One task's way into the log: it keeps the order, holds what may wait, commits the rest at once.

``emit`` commits in the caller's thread; when it returns, the event is stored (P3). The only
exceptions are visible ones: what is held for a moment (holding.py), and what waits in the outbox
while the log can't be written (outbox.py).
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sparky_nb.clock import Clock
from sparky_nb.errors import Conflict, Fenced, LogUnavailable, TaskCancelled
from sparky_nb.events.model import NewEvent
from sparky_nb.ids import new_event_id
from sparky_nb.log.base import Append, Fence, Log
from sparky_nb.tasks.cancel import Cancellation
from sparky_nb.tasks.holding import CHUNK_CHARS, Held, Holder
from sparky_nb.tasks.outbox import Outbox
from sparky_nb.tasks.payload import fit
from sparky_nb.tasks.ports import Ringer, Settings
from sparky_nb.tasks.timers import Timers

_BATCH_CHUNKS = 32


class Emitter:
    """Appends the events of one attempt of one task.

    Args:
        log, clock, ringer, timers, settings: see ``Runner``.
        chat_id: the chat; ``title`` names it where this append creates it.
        fence: the task, its attempt and its runner.
        cancellation: checked before each event.
        actor: who speaks: ``task`` or ``agent``.

    Attributes:
        epoch: the life of the chat in which the task began.
        fenced: the refusal, once the log has refused an event for good.
        ended: whether the terminal event was handed over: nothing can follow it.
        omitted_bytes: output that was not kept.
    """

    def __init__(
        self,
        *,
        log: Log,
        clock: Clock,
        ringer: Ringer,
        timers: Timers,
        settings: Settings,
        chat_id: str,
        title: str | None,
        fence: Fence,
        cancellation: Cancellation,
        on_fenced: Callable[[Fenced], None] = lambda error: None,
        actor: str = "task",
    ) -> None:
        self._log, self._clock, self._ringer, self._timers = log, clock, ringer, timers
        self._settings = settings
        self._chat_id, self._title, self._fence = chat_id, title, fence
        self._task_id = fence.task_id
        self._cancellation = cancellation
        self._on_fenced, self._actor = on_fenced, actor
        self._holder = Holder(settings.text_hold, settings.text_hold_chars, settings.progress_hold)
        self._outbox = Outbox(
            log.commit,
            limit=settings.outbox_bytes,
            retry=settings.outbox_retry,
            on_fenced=self._refused,
            on_drained=self._drained,
        )
        # Re-entrant because the garbage collector may run a finalizer that prints in the middle
        # of a commit; what it prints is held (see ``_busy``).
        self._lock = threading.RLock()
        self._busy = False
        self._timer_at: float | None = None
        self._output_left = settings.output_bytes
        self._pid = os.getpid()
        self.epoch: str | None = None
        self.fenced: Fenced | None = None
        self.ended = False
        self.omitted_bytes = 0
        self._truncated = False

    @property
    def durable(self) -> bool:
        """Whether everything that was emitted so far is stored."""
        return not self._outbox.active

    @property
    def foreign(self) -> bool:
        """Whether this is a forked child: it has a copy of the task, no right to write for it."""
        return os.getpid() != self._pid

    @property
    def storing_here(self) -> bool:
        """Whether this thread is in the middle of an append."""
        return bool(self._lock._is_owned())  # type: ignore[attr-defined]  # as threading.Condition asks

    # -- events

    def emit(self, type: str, data: dict[str, Any]) -> None:  # noqa: A002
        """Store one event, after whatever is held.

        Raises:
            TaskCancelled: the task is being cancelled, or fenced off.
            Conflict: the task has ended, or this is a forked child.
        """
        self.check()
        settings = self._settings
        data = fit(data, limit=settings.payload_bytes, most=settings.blob_bytes, put=self.put_blob)
        self._wait_for_room()
        with self._lock:
            self._recheck()
            if self._busy:
                self._holder.event(type, data, self._clock.monotonic())
                self._set_timer()
                return
            self._store([*self._take(), self._event(type, data, self._actor)])

    def emit_all(self, events: Iterable[Held], *, commands: Sequence[str] = ()) -> None:
        """Store several events in one transaction, without looking at the cancellation.

        Args:
            events: their types and data; small ones.
            commands: ids of commands that end with it.

        Raises:
            Conflict: the task has ended.
            Fenced: the log refuses this attempt.
        """
        with self._lock:
            if self.ended:
                raise self._has_ended()
            new = [self._event(type_, data, self._actor) for type_, data in events]
            self._store([*self._take(), *new], commands=tuple(commands), strict=True)

    def append(self, events: Sequence[NewEvent], *, commands: Sequence[str] = ()) -> None:
        """Like ``emit_all`` for events that have their ids already."""
        with self._lock:
            if self.ended:
                raise self._has_ended()
            self._store([*self._take(), *events], commands=tuple(commands), strict=True)

    def begin(self, data: dict[str, Any], *, said: NewEvent | None = None) -> None:
        """Store the task's first event, and what the user ``said`` to begin it, in one transaction;
        or the status by which its turn begins. The log must take it now: nothing is started
        otherwise.

        Raises:
            LogUnavailable, LaneTaken, Fenced, InvalidArgument: see ``Log.commit``.
        """
        with self._lock:
            if self._outbox.active:
                raise LogUnavailable(f"what task {self._task_id} has said before waits for it")
            events = [self._event("status", data, "task"), *([] if said is None else [said])]
            committed = self._log.commit(self._append(events, ()))
            self.epoch = committed.epoch
        self._ringer.ring(self._chat_id)

    def end(self, data: dict[str, Any], *, before: Sequence[Held] = ()) -> None:
        """Store the terminal event, once; a second ending is ignored."""
        with self._lock:
            if self.ended or self.foreign:
                return
            events = [self._event(type_, fields, "task") for type_, fields in before]
            if self.omitted_bytes:
                data = {**data, "omitted_bytes": self.omitted_bytes}
            held = self._take()
            self.ended = True
            self._store([*held, *events, self._event("status", data, "task")], force=True)

    # -- what may wait

    def text(self, type: str, data: dict[str, Any], text: str) -> None:  # noqa: A002
        """Add ``text`` to what is held of the stream that ``type`` and ``data`` name."""
        self.check()
        for start in range(0, len(text), CHUNK_CHARS * _BATCH_CHUNKS):
            piece = text[start : start + CHUNK_CHARS * _BATCH_CHUNKS]
            self._wait_for_room()
            with self._lock:
                self._recheck()
                full = self._holder.text(type, data, piece, self._clock.monotonic())
                self._settle(full)
            if start:
                self._cancellation.check()

    def output(self, stream: str, text: str) -> None:
        """Like ``text`` for printed output, within what is kept of a task's output."""
        self.check()
        data = {"stream": stream}
        with self._lock:
            keep = self._allowance(text)
            if len(keep) <= CHUNK_CHARS and not self._outbox.active:
                self._recheck()
                self._settle(self._holder.text("output", data, keep, self._clock.monotonic()))
                keep_later = ""
            else:
                keep_later = keep
        if keep_later:
            self.text("output", data, keep_later)
        if len(keep) < len(text):
            self._say_truncated(stream)

    def display(self, data: dict[str, Any], size: int) -> None:
        """An ``output`` event whose payload has ``size`` bytes, within the same bound."""
        with self._lock:
            fits = size <= self._output_left
            if fits:
                self._output_left -= size
            else:
                self._omit(size)
        if fits:
            self.emit("output", data)
        else:
            self.check()
            self._say_truncated(data["stream"])

    def progress(self, data: dict[str, Any]) -> None:
        """Note a progress value: stored at once, or the last one within 100 ms."""
        if self._cancellation.requested or self.fenced is not None or self.ended:
            self.check()
        with self._lock:
            if self.ended:
                raise self._has_ended()
            self._settle(self._holder.progress(data, self._clock.monotonic()))

    def undisturbed(self, act: Callable[[], object]) -> bool:
        """Call ``act`` while no thread is in the middle of an append; False: no such moment."""
        if not self._lock.acquire(timeout=0.1):
            return False
        try:
            act()
        finally:
            self._lock.release()
        return True

    def flush(self) -> None:
        """Store what is held."""
        with self._lock:
            self._flush()

    def wait_durable(self, timeout: float) -> bool:
        """Wait until everything is stored, at most ``timeout`` seconds; whether it is."""
        return self._outbox.flush(timeout)

    def close(self) -> None:
        """The process ends: what still waits for the log is given up."""
        with self._lock:
            self.ended = True
        self._outbox.close()

    def check(self) -> None:
        """Raise if nothing may be emitted here any more (see ``emit``)."""
        if os.getpid() != self._pid:
            raise Conflict(f"a forked child can't write for task {self._task_id}")
        if self.ended:
            raise self._has_ended()
        self._cancellation.check()
        if self.fenced is not None:
            raise TaskCancelled(str(self.fenced))

    def _recheck(self) -> None:
        """What may have changed while the caller waited for the lock."""
        if self.ended:
            raise self._has_ended()
        if self._cancellation.requested:
            self._cancellation.check()

    def put_blob(self, data: bytes, media_type: str) -> str:
        """Keep ``data`` for the chat; waits while the log can't be written."""
        pause = threading.Event()
        while True:
            try:
                return self._log.put_blob(self._chat_id, data, media_type)
            except LogUnavailable:
                pause.wait(self._settings.outbox_retry)
                if not self.ended:
                    self.check()

    def _wait_for_room(self) -> None:
        """A full outbox makes the task wait, here, where nothing is locked."""
        if self._outbox.active:
            self._outbox.wait_for_room(self.check)

    # -- inside the lock

    def _event(self, type_: str, data: dict[str, Any], actor: str) -> NewEvent:
        now = self._clock.now_ms()
        return NewEvent(
            id=new_event_id(now),
            type=type_,
            time=now,
            task_id=self._task_id,
            actor=actor,
            data=data,
        )

    def _take(self) -> list[NewEvent]:
        if self._holder.due is None:
            return []
        held = self._holder.take(self._clock.monotonic())
        return [self._event(type_, data, self._actor) for type_, data in held]

    def _append(self, events: list[NewEvent], commands: tuple[str, ...]) -> Append:
        return Append(
            chat=self._chat_id,
            events=tuple(events),
            fence=self._fence,
            epoch=self.epoch,
            commands=commands,
            title=self._title,
        )

    def _store(
        self,
        events: list[NewEvent],
        *,
        commands: tuple[str, ...] = (),
        force: bool = False,
        strict: bool = False,
    ) -> None:
        append = self._append(events, commands)
        self._busy = True
        try:
            if self._outbox.active and self._outbox.add(append):
                return
            self._log.commit(append)
        except LogUnavailable as error:
            self._outbox.begin(append, str(error))
        except Fenced as error:
            self._refused(error)
            if strict:
                raise
            if not force:
                raise TaskCancelled(str(error)) from error
        else:
            self._ringer.ring(self._chat_id)
        finally:
            self._busy = False

    def _settle(self, full: bool) -> None:
        """Store what is held if it is time to, else see that it will be."""
        if full and not self._busy:
            self._flush()
        else:
            self._set_timer()

    def _flush(self) -> None:
        if self._busy or self.ended or self.fenced is not None:
            return
        if held := self._take():
            self._store(held)

    def _set_timer(self) -> None:
        # One timer at a time: it looks again when it fires, so a fast loop sets few of them.
        if self._timer_at is None and (due := self._holder.due) is not None:
            self._timer_at = due
            self._timers.at(due, self._on_timer)

    def _on_timer(self) -> None:
        with self._lock:
            self._timer_at = None
            due = self._holder.due
            if due is None:
                return
            if due > self._clock.monotonic() or self._busy:
                self._set_timer()
                return
            # Fenced: the task's own thread is told at its next emit.
            with contextlib.suppress(TaskCancelled):
                self._flush()

    # -- bounds

    def _allowance(self, text: str) -> str:
        """As much of ``text`` as is still kept of this task's output."""
        size = len(text) if text.isascii() else _utf8_size(text)
        if size <= self._output_left:
            self._output_left -= size
            return text
        # A character has at most 4 bytes, so this never keeps more than is left.
        keep = text[: self._output_left if text.isascii() else self._output_left // 4]
        self._omit(size - _utf8_size(keep))
        return keep

    def _omit(self, size: int) -> None:
        self.omitted_bytes += size
        self._output_left = 0

    def _say_truncated(self, stream: str) -> None:
        with self._lock:
            if not self._truncated:
                self._truncated = True
                data = {"stream": stream, "truncated": True}
                self._holder.event("output", data, self._clock.monotonic())
                self._set_timer()

    # -- refusals and recovery

    def _has_ended(self) -> Conflict:
        return Conflict(f"task {self._task_id} has ended; nothing can be emitted for it any more")

    def _refused(self, error: Fenced) -> None:
        if self.fenced is None:
            self.fenced = error
            self._on_fenced(error)

    def _drained(self) -> None:
        text = "The log could not be written for a while; until now this task was not durable.\n"
        with self._lock:
            if not self.ended:
                data = {"stream": "log", "level": "WARNING", "text": text}
                self._holder.event("output", data, self._clock.monotonic())
                self._set_timer()
        self._ringer.ring(self._chat_id)


def _utf8_size(text: str) -> int:
    """Bytes of ``text`` in UTF-8, without a second copy of a huge one."""
    step = 1 << 20
    return sum(
        len(text[i : i + step].encode("utf-8", "surrogatepass")) for i in range(0, len(text), step)
    )

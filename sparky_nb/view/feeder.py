"""One thread that keeps every open widget of this process up to date.

It follows the log with a cursor for each task, looks at it when somebody calls ``wake`` (and now
and then without), and sends at most twenty pictures a second for a task, however fast its events
come. What a page asks for (cancel, answer, …) goes through the same thread into the log, so that
neither comm traffic nor a busy log ever holds up a task or the kernel.
"""

from __future__ import annotations

import base64
import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from sparky_nb.clock import Clock, SystemClock
from sparky_nb.errors import LogUnavailable, NotFound, SparkyError
from sparky_nb.events.codec import decode_event
from sparky_nb.events.model import JsonObject
from sparky_nb.log.base import Log
from sparky_nb.view.cursor import TaskCursor
from sparky_nb.view.model import Head, Picture
from sparky_nb.view.timeline import IMAGES
from sparky_nb.view.widget import TaskCode, TaskWidget, new_code

INTERVAL: Final = 0.05
"""Seconds between two pictures of one task."""
POLL: Final = 0.25
"""Seconds after which the log is looked at though nobody called ``wake``."""
REST: Final = 10
"""Times as long as it has worked the thread rests then: a flood of events slows down the pictures,
not the task (they share one interpreter lock)."""
REST_MAX: Final = 1.0
IMAGE_MAX: Final = 8 << 20
TEXT_MAX: Final = 32_000
INBOX_MAX: Final = 200

_logger = logging.getLogger(__name__)


class Feeder:
    """See the module. Use one for each log; every method may be called from any thread.

    Args:
        log: where the tasks are.
        submit: takes a command (chat id, task id, name, arguments) for any task.
        clock: for what the time is.
        not_durable: whether what a task emits can't be stored now.
    """

    def __init__(
        self,
        log: Log,
        *,
        submit: Callable[[str, str, str, JsonObject], None],
        clock: Clock | None = None,
        not_durable: Callable[[str], bool] = lambda task_id: False,
    ) -> None:
        self._log, self._clock = log, clock or SystemClock()
        self._submit, self._not_durable = submit, not_durable
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._open: dict[str, _Shown] = {}
        self._inbox: deque[tuple[_Shown, dict[str, Any]]] = deque(maxlen=INBOX_MAX)
        self._code: TaskCode | None = None

    def widget(self, cursor: TaskCursor) -> TaskWidget:
        """The widget of the cursor's task: the one that is open, else a new one.

        The feeder keeps ``cursor`` then; the caller must not use it again.
        """
        task_id = cursor.row.task_id
        with self._lock:
            shown = self._open.get(task_id)
            if shown is not None and shown.widget.comm is not None:
                return shown.widget
            if self._code is None or self._code.comm is None:
                self._code = new_code()
            shown = _Shown(self, cursor, self._picture(cursor), self._code)
            self._open[task_id] = shown
        if shown.live:
            self._start()
        return shown.widget

    def wake(self) -> None:
        """Say that the log has moved. It costs a task that calls it next to nothing."""
        if not self._wake.is_set():
            self._wake.set()

    def close(self, timeout: float = 2.0) -> None:
        """Feed once more and stop; the widgets stay as they are. Closing twice is fine."""
        self._closing.set()
        self._wake.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)

    def hear(self, shown: _Shown, message: dict[str, Any]) -> None:
        """A page has sent ``message``; it waits here for the feeder's thread."""
        self._inbox.append((shown, message))
        self._start()
        self.wake()

    # -- the thread

    def _start(self) -> None:
        with self._lock:
            if self._thread is None and not self._closing.is_set():
                self._thread = threading.Thread(
                    target=self._run, name="sparky-nb-view", daemon=True
                )
                self._thread.start()

    def _run(self) -> None:
        while True:
            self._wake.wait(POLL)
            self._wake.clear()
            began = self._clock.monotonic()
            while self._inbox:
                self._guard(self._serve, *self._inbox.popleft())
            for shown in self._live():
                self._guard(self._feed, shown)
            worked = self._clock.monotonic() - began
            self._closing.wait(min(REST_MAX, max(INTERVAL, REST * worked)))
            with self._lock:
                idle = not self._inbox and not any(it.live for it in self._open.values())
                if idle or self._closing.is_set():
                    self._thread = None
                    return

    def _live(self) -> list[_Shown]:
        with self._lock:
            return [shown for shown in self._open.values() if shown.live]

    def _guard(self, work: Callable[..., None], shown: _Shown, *args: Any) -> None:
        try:
            work(shown, *args)
        except LogUnavailable as error:
            shown.show(self._picture(shown.cursor, f"The log can't be read now: {error}"))
        except NotFound:
            shown.live = False
            shown.show(self._picture(shown.cursor, "The task's chat was deleted."))
        except Exception:  # one broken view (a closed comm, say) must not stop the others
            shown.live &= work != self._feed
            _logger.debug("the view of %s stops", shown.cursor.row.task_id, exc_info=True)

    def _feed(self, shown: _Shown) -> None:
        if shown.widget.comm is None:  # closed by the user, or with the kernel
            shown.live = False
            return
        cursor, deadline = shown.cursor, self._clock.monotonic() + INTERVAL
        more = True
        changed = shown.head.notice is not None or (
            shown.head.not_durable != self._not_durable(cursor.row.task_id)
        )
        while more and self._clock.monotonic() < deadline:
            moved, more = cursor.advance()
            changed |= moved
        if more:
            self._wake.set()
        if changed:
            shown.show(self._picture(cursor))
        shown.live = not cursor.ended

    def _picture(self, cursor: TaskCursor, notice: str | None = None) -> Picture:
        return cursor.picture(not_durable=self._not_durable(cursor.row.task_id), notice=notice)

    # -- what pages ask for

    def _serve(self, shown: _Shown, message: dict[str, Any]) -> None:
        kind = message.get("type")
        if kind in ("hello", "ping"):
            shown.widget.tell({"type": "clock", "now": self._clock.now_ms()})
            if (
                kind == "hello" and not shown.live
            ):  # what was redacted since it ended must not be shown again
                shown.cursor = TaskCursor(self._log, shown.cursor.row.task_id)
                shown.cursor.catch_up()
                shown.show(self._picture(shown.cursor))
        elif kind == "code":
            shown.widget.tell_code()
        elif kind == "image":
            self._send_image(shown, message.get("at"))
        elif kind in ("cancel", "answer", "message"):
            self._command(shown, str(kind), message)

    def _command(self, shown: _Shown, name: str, message: dict[str, Any]) -> None:
        row, text = shown.cursor.row, str(message.get("text", ""))[:TEXT_MAX]
        args: JsonObject = {}
        if name == "message":
            args = {"text": text}
        elif name == "answer":
            question_id = str(message.get("question_id"))[:128]
            args = {"question_id": question_id, "answer": text}
            asked = shown.cursor.state["questions"].get(question_id, {})
            choices, choice = asked.get("choices"), message.get("choice")
            if isinstance(choices, list) and isinstance(choice, int):
                args["answer"] = str(choices[choice]) if 0 <= choice < len(choices) else ""
        try:
            self._submit(row.chat_id, row.task_id, name, args)
        except SparkyError as error:
            shown.widget.tell({"type": "result", "ok": False, "error": str(error)})
        else:
            shown.widget.tell({"type": "result", "ok": True})

    def _send_image(self, shown: _Shown, at: object) -> None:
        row = shown.cursor.row
        if not isinstance(at, int) or not 1 <= at <= shown.cursor.after:
            return
        page = self._log.read(row.chat_id, after=at - 1, limit=1)
        if page.first != at or not page.events:
            return
        event = decode_event(page.events[0])
        bundle = event.data.get("mime")
        if event.task_id != row.task_id or not isinstance(bundle, dict):
            return
        media_type = next((name for name in IMAGES if name in bundle), None)
        if media_type is None:
            return
        data = self._bytes(row.chat_id, bundle[media_type])
        if data is not None and len(data) <= IMAGE_MAX:
            shown.widget.tell({"type": "image", "at": at, "mime": media_type}, data)

    def _bytes(self, chat_id: str, value: object) -> bytes | None:
        """An image: base 64 in the event, or the bytes themselves as a blob of the chat."""
        if isinstance(value, dict) and isinstance(value.get("ref"), dict):
            return self._log.get_blob(chat_id, str(value["ref"].get("sha256"))).data
        return base64.b64decode(value) if isinstance(value, str) else None


class _Shown:
    """A widget that is open, with its cursor; ``live`` until its task's ending is shown."""

    def __init__(self, feeder: Feeder, cursor: TaskCursor, first: Picture, code: TaskCode) -> None:
        self.cursor, self.live = cursor, not cursor.ended
        self._last = first
        self.widget = TaskWidget(first, code, lambda message: feeder.hear(self, message))

    def show(self, found: Picture) -> None:
        if found != self._last:
            self._last = found
            self.widget.show(found)

    @property
    def head(self) -> Head:
        """What was shown last."""
        return self._last.head

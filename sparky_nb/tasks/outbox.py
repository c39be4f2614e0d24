"""Where events wait while the log can't be written (protocol.md §4).

In order, bounded, nothing is dropped. While anything is in here everything new of the task joins
the end of it; a thread of its own tries again, and ends when the last one is stored.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable

from sparky_nb.errors import Fenced, LogUnavailable, SparkyError
from sparky_nb.events.codec import encode_body
from sparky_nb.log.base import Append

_log = logging.getLogger(__name__)


class Outbox:
    """The appends of one task that are not stored yet.

    Args:
        commit: stores one append or raises.
        limit: bytes that it holds.
        retry: seconds between two attempts.
        on_fenced: called when an append is refused for good; the rest is given up.
        on_drained: called after the last append was stored.

    Attributes:
        active: whether something waits in it.
        ever: whether anything ever did: the task was *not durable* for a while.
    """

    def __init__(
        self,
        commit: Callable[[Append], object],
        *,
        limit: int,
        retry: float,
        on_fenced: Callable[[Fenced], None],
        on_drained: Callable[[], None],
    ) -> None:
        self._commit, self._limit, self._retry = commit, limit, retry
        self._on_fenced, self._on_drained = on_fenced, on_drained
        self._waiting: deque[tuple[Append, int]] = deque()
        self._bytes = 0
        self._changed = threading.Condition(threading.RLock())
        self._closed = False
        self.active = False
        self.ever = False
        self.why = ""

    def begin(self, append: Append, why: str) -> None:
        """``append`` could not be stored: it is the first to wait."""
        with self._changed:
            self.active = self.ever = True
            self.why = why
            self._put(append)
            thread = threading.Thread(target=self._drain, name="sparky-outbox", daemon=True)
            thread.start()
        _log.warning("the log can't be written (%s); events are kept in memory until it can", why)

    def add(self, append: Append) -> bool:
        """Put ``append`` at the end; False where nothing waits any more: it can be stored."""
        with self._changed:
            if self.active:
                self._put(append)
            return self.active

    def wait_for_room(self, check: Callable[[], None]) -> None:
        """Return when there is room; ``check`` is called while waiting and may raise."""
        with self._changed:
            while self.active and self._bytes >= self._limit:
                check()
                self._changed.wait(0.1)

    def flush(self, timeout: float) -> bool:
        """Wait until everything is stored, at most ``timeout`` seconds; whether it is."""
        with self._changed:
            self._changed.wait_for(lambda: not self.active, timeout)
            return not self.active

    def close(self) -> None:
        """Give up what still waits: the process ends."""
        with self._changed:
            self._closed, self.active = True, False
            self._changed.notify_all()

    def _put(self, append: Append) -> None:
        size = sum(len(encode_body(event)) for event in append.events)
        self._waiting.append((append, size))
        self._bytes += size

    def _drain(self) -> None:
        while True:
            append, size = self._waiting[0]
            try:
                self._commit(append)
            except LogUnavailable as error:
                if self._closed_after_pause(str(error)):
                    return
                continue
            except Fenced as error:
                with self._changed:
                    self._waiting.clear()
                    self._end()
                self._on_fenced(error)
                return
            except SparkyError:
                # What the log refuses as malformed would be refused for ever.
                _log.exception("an event that waited in the outbox was refused")
            except Exception as error:  # noqa: BLE001  without this thread the task would wait for ever
                if self.why != repr(error):
                    _log.exception("the outbox failed; it tries again")
                if self._closed_after_pause(repr(error)):
                    return
                continue
            with self._changed:
                self._waiting.popleft()
                self._bytes -= size
                if self._closed or not self._waiting:
                    self._end()
                    break
                self._changed.notify_all()
        self._on_drained()

    def _closed_after_pause(self, why: str) -> bool:
        self.why = why
        with self._changed:
            return self._changed.wait_for(lambda: self._closed, self._retry)

    def _end(self) -> None:
        self._bytes, self.active = 0, False
        self._changed.notify_all()

"""What may wait a moment before it is stored (protocol.md §1).

Pure: it is told the time. Pieces of text wait at most 40 ms or 16 KiB, progress at most 100 ms per
key; the first value of a key after a pause does not wait at all. Text keeps its order, the last
values of progress follow it, and whoever stores anything else of the task first takes everything
that is held.
"""

from __future__ import annotations

from typing import Any, Final

CHUNK_CHARS: Final = 16 * 1024
"""No stored piece of text is longer: 16,384 characters are at most 64 KiB in UTF-8."""

_KEYS_MAX: Final = 1000

Held = tuple[str, dict[str, Any]]
"""An event to be: its type and its data."""


class _Text:
    __slots__ = ("chars", "data", "parts", "type")

    def __init__(self, type: str, data: dict[str, Any]) -> None:  # noqa: A002 the word of the wire
        self.type, self.data = type, data
        self.parts: list[str] = []
        self.chars = 0


class Holder:
    """The held events of one task.

    Args:
        text_hold, text_chars, progress_hold: see ``Settings``; seconds and characters.

    Attributes:
        due: the monotonic time at which ``take`` is due, None where nothing is held.

    >>> holder = Holder(0.04, 16384, 0.1)
    >>> holder.text("output", {"stream": "stdout"}, "a", 1.0), holder.due
    (False, 1.04)
    >>> holder.text("output", {"stream": "stdout"}, "b", 1.01), holder.take(1.04)
    (False, [('output', {'stream': 'stdout', 'text': 'ab'})])
    """

    def __init__(self, text_hold: float, text_chars: int, progress_hold: float) -> None:
        self._text_hold, self._text_chars = text_hold, text_chars
        self._progress_hold = progress_hold
        self._entries: list[_Text | Held] = []
        self._progress: dict[str, Held] = {}
        self._stored_at: dict[str, float] = {}
        self._chars = 0
        self.due: float | None = None

    def text(self, type: str, data: dict[str, Any], text: str, now: float) -> bool:  # noqa: A002
        """Hold ``text``, which continues the last held text with the same ``data``.

        Returns:
            Whether it is time to ``take``.
        """
        last = self._entries[-1] if self._entries else None
        if not (isinstance(last, _Text) and last.data == data and last.type == type):
            last = _Text(type, data)
            self._entries.append(last)
        last.parts.append(text)
        last.chars += len(text)
        self._chars += len(text)
        self._wait(now + self._text_hold)
        return self._chars >= self._text_chars

    def progress(self, data: dict[str, Any], now: float) -> bool:
        """Hold a progress value; a newer one of the same key takes its place.

        Returns:
            Whether it is time to ``take``.
        """
        key = data["key"]
        waits = key in self._progress
        self._progress[key] = ("progress", data)
        if waits:
            return False
        due = self._stored_at.get(key, now - self._progress_hold) + self._progress_hold
        self._wait(due)
        return due <= now

    def event(self, type: str, data: dict[str, Any], now: float) -> None:  # noqa: A002
        """Hold an event that can't be stored at this moment (see ``Emitter``)."""
        self._entries.append((type, data))
        self._wait(now)

    def take(self, now: float) -> list[Held]:
        """Everything that is held; nothing is held after."""
        if self.due is None:
            return []
        entries, self._entries = self._entries, []
        progress, self._progress = self._progress, {}
        self._chars, self.due = 0, None
        taken: list[Held] = []
        for entry in entries:
            if isinstance(entry, _Text):
                taken.extend(_pieces(entry))
            else:
                taken.append(entry)
        if progress:
            if len(self._stored_at) > _KEYS_MAX:
                self._stored_at.clear()
            self._stored_at.update(dict.fromkeys(progress, now))
            taken.extend(progress.values())
        return taken

    def _wait(self, due: float) -> None:
        if self.due is None or due < self.due:
            self.due = due


def _pieces(entry: _Text) -> list[Held]:
    text = "".join(entry.parts)
    if len(text) <= CHUNK_CHARS:
        return [(entry.type, {**entry.data, "text": text})]
    starts = range(0, len(text), CHUNK_CHARS)
    return [(entry.type, {**entry.data, "text": text[i : i + CHUNK_CHARS]}) for i in starts]

"""``sys.stdout`` and ``sys.stderr``: what a task prints becomes its ``output``."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable
from typing import Any

from sparky_nb.errors import Conflict
from sparky_nb.tasks.capture.source import MUTED, OVERHEARD, speaker


class Router(io.TextIOBase):
    """Stands in front of a stream; outside of tasks everything goes through to it."""

    def __init__(self, name: str, original: Any) -> None:
        self._name, self.original = name, original
        self._bytes = _Bytes(self)

    def write(self, text: str) -> int:
        execution = speaker()
        if execution is None:
            return int(self.original.write(text) or 0)
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if text and not MUTED.get():
            if (pieces := OVERHEARD.get()) is not None:
                pieces.append(text)
            try:
                execution.emitter.output(self._name, text)
            except Conflict:  # it has ended in this very moment
                self.original.write(text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:  # type: ignore[override]  # of text
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        # Held pieces are stored within 40 ms; tools that flush after each line gain nothing else.
        if speaker() is None:
            self.original.flush()

    def isatty(self) -> bool:
        return speaker() is None and bool(self.original.isatty())

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def fileno(self) -> int:
        return int(self.original.fileno())

    def close(self) -> None:
        """Nobody closes the process's own streams through a router."""

    @property
    def buffer(self) -> Any:
        return self._bytes if speaker() is not None else self.original.buffer

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a property there, too
        return getattr(self.original, "encoding", None) or "utf-8"

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        return getattr(self.original, "errors", None)

    @property
    def closed(self) -> bool:
        return bool(getattr(self.original, "closed", False))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.original, name)

    def __del__(self) -> None:
        """A dropped router leaves its stream open."""


class _Bytes(io.RawIOBase):
    """The ``buffer`` of a router inside a task."""

    def __init__(self, router: Router) -> None:
        self._router = router

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        raw = bytes(data)
        self._router.write(raw.decode("utf-8", "replace"))
        return len(raw)


def install() -> None:
    """Stand in front of the present streams, unless that is so."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, Router):
            setattr(sys, name, Router(name, stream))


def uninstall() -> None:
    """Put the streams back, where nobody else has replaced them since."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, Router):
            setattr(sys, name, stream.original)


def originals() -> list[Any]:
    """The streams that the process prints to, routers and what is behind them."""
    found: list[Any] = [sys.__stdout__, sys.__stderr__, sys.stdout, sys.stderr]
    found.extend(s.original for s in (sys.stdout, sys.stderr) if isinstance(s, Router))
    return found

"""What a process writes to its descriptors (C code, its own subprocesses) → output of its task."""

from __future__ import annotations

import codecs
import os
import selectors
import subprocess
from contextlib import suppress
from functools import partial
from typing import IO, Final

from sparky_nb.errors import Conflict, TaskCancelled
from sparky_nb.tasks.emitter import Emitter

_CHUNK: Final = 64 * 1024


class Output:
    """The two pipes of a process.

    Args:
        emitter: of the task.
        process: with ``stdout`` and ``stderr`` as pipes.
    """

    def __init__(self, emitter: Emitter, process: subprocess.Popen[bytes]) -> None:
        self._emitter = emitter
        self._pipes = {"stdout": process.stdout, "stderr": process.stderr}
        decoder = codecs.getincrementaldecoder("utf-8")
        self._decoders = {name: decoder("replace") for name in self._pipes}
        self._selector: selectors.BaseSelector | None = None

    def register(self, selector: selectors.BaseSelector) -> None:
        """Let ``selector`` say when something can be read."""
        self._selector = selector
        for name, pipe in self._pipes.items():
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
                selector.register(pipe, selectors.EVENT_READ, partial(self._read, name))

    def drain(self) -> None:
        """Store all that was written until now."""
        for name in self._pipes:
            while self._read(name):
                pass
        with suppress(TaskCancelled):  # fenced: its ending is there
            self._emitter.flush()

    def _read(self, name: str) -> bool:
        """Take what is there of one pipe; whether there may be more."""
        pipe = self._pipes[name]
        if pipe is None:
            return False
        try:
            data = os.read(pipe.fileno(), _CHUNK)
        except BlockingIOError:
            return False
        if text := self._decoders[name].decode(data, final=not data):
            with suppress(TaskCancelled, Conflict):  # after its ending nobody is told
                self._emitter.output(name, text)
        if not data:
            self._close(name, pipe)
        return bool(data)

    def _close(self, name: str, pipe: IO[bytes]) -> None:
        if self._selector is not None:
            self._selector.unregister(pipe)
        pipe.close()
        self._pipes[name] = None

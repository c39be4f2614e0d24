"""The line between a task's process and its supervisor, and the signals that stop the work.

1. Whoever cancels the task, this process hears it (from the log, or from the supervisor), tells the
   supervisor, and signals itself, so that a main thread that blocks wakes up and is told.
2. The supervisor signals, too: the whole process group, at 0, 5 and 10 s.
3. A handler takes no lock: it runs in the middle of anything.
4. What the work forks (a pool of ``multiprocessing``) has the usual handlers again.
"""

from __future__ import annotations

import os
import selectors
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Final, Protocol

from sparky_nb.process.order import Note, Wire
from sparky_nb.tasks.execution import Execution

_RETRY: Final = 0.02
_ASKED, _LATER = b"a", b"l"


class Limited(Protocol):
    """What the supervisor tells about goes here."""

    time_is_up: bool
    flushed: threading.Event


class Control:
    """See the module. Made in the main thread, which is about to run ``execution``.

    Args:
        wire: to the supervisor.
        host: is told what comes from there.
        commands: carries out what is pending in the log.
    """

    def __init__(
        self, execution: Execution, wire: Wire, host: Limited, commands: Callable[[], None]
    ) -> None:
        self._execution, self._wire, self._host = execution, wire, host
        self._commands = commands
        self._anyway = False
        self._main = threading.get_ident()
        self._hear, self._tell = os.pipe()
        os.set_blocking(self._tell, False)

    def start(self) -> None:
        """Listen, and take signals from now on."""
        thread = threading.Thread(target=self._run, name="sparky-control", daemon=True)
        thread.start()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        os.register_at_fork(after_in_child=_usual_handlers)
        self._execution.cancellation.on_request(self._on_request)

    def _on_request(self) -> None:
        """The task is to stop: the main thread is told, whatever it waits for."""
        self._wire.send(Note(t="stopping", reason=self._execution.cancellation.reason))
        self._signal_main()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        execution = self._execution
        if not execution.cancellation.requested:
            os.write(self._tell, _ASKED)
        elif not execution.interrupt(anyway=self._anyway):
            os.write(self._tell, _LATER)

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._wire.socket, selectors.EVENT_READ)
            selector.register(self._hear, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fd == self._hear:
                        self._heard(os.read(self._hear, 4096))
                    else:
                        self._read()

    def _heard(self, said: bytes) -> None:
        if _ASKED in said:
            self._commands()  # most often a command is the reason; then it says who
            if not self._execution.cancellation.requested:
                self._execution.cancel("a signal told its process to end")
        if _LATER in said:
            threading.Event().wait(_RETRY)
            self._signal_main()

    def _read(self) -> None:
        notes = self._wire.receive()
        if notes is None:
            os._exit(1)  # the supervisor has died, and with it the right to go on
        for note in notes:
            if note.t == "flushed":
                self._host.flushed.set()
            elif note.t == "stop":
                self._host.time_is_up = note.limit
                self._execution.cancel(note.reason)
            elif note.t == "again":
                self._anyway = True
                self._execution.cancellation.request()

    def _signal_main(self) -> None:
        if not self._execution.done.is_set():
            signal.pthread_kill(self._main, signal.SIGINT)


def _usual_handlers() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)

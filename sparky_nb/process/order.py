"""What passes between the three: whoever starts a task, its supervisor, and its process.

The work itself (pickled) lies in an unlinked file that the processes inherit; the *order* says
which task it is. Supervisor and process talk in lines over a socket pair.
"""

from __future__ import annotations

import socket
from typing import Any, Final

import msgspec
from msgspec import Struct

from sparky_nb.tasks.ports import Settings

WIRE_MAX: Final = 1 << 20


class Order(Struct, frozen=True, kw_only=True):
    """Which task a process is for.

    Attributes:
        log_url, durability: where its events go.
        runner_id: who the supervisor is; the task is the supervisor's as long as it lives.
        task_id, chat_id, title, epoch, name, kind: of the task.
        shows_result: see ``Work``.
        shell: it was started in a notebook: there is an IPython shell for its code, too.
        memory, seconds: the limits, None where there are none.
        places: it waits while as many others have a process; None: it begins at once.
        path: ``sys.path`` of whoever started it.
        settings: that differ from the defaults.
    """

    log_url: str
    durability: str
    runner_id: str
    task_id: str
    chat_id: str
    title: str | None
    epoch: str
    name: str
    kind: str
    shows_result: bool
    shell: bool
    memory: int | None
    seconds: float | None
    places: int | None
    path: list[str]
    settings: dict[str, Any]

    def own_settings(self, **changes: Any) -> Settings:
        """The settings for this process."""
        return msgspec.convert({**self.settings, **changes}, Settings, strict=False)


class Note(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line between supervisor and process.

    Attributes:
        t: from the process: ``begun``, ``stopping`` (somebody asked it to), ``flush`` (the work has
            stopped: store what was written to the descriptors), ``leaving``. From the supervisor:
            ``flushed``, ``stop``, ``again`` (it was asked, and goes on).
        reason: why it is to stop.
        limit: it is to stop because of its time limit.
    """

    t: str
    reason: str | None = None
    limit: bool = False


def changed_settings(settings: Settings) -> dict[str, Any]:
    """What of ``settings`` is not as it comes, less what JSON can't hold.

    >>> changed_settings(Settings(parallel=2))
    {'parallel': 2}
    """
    default = msgspec.structs.asdict(Settings())
    values = msgspec.structs.asdict(settings)
    return {k: v for k, v in values.items() if v != default[k] and k != "secret"}


class Wire:
    """One end of the socket pair. ``send`` may be called from any thread and never blocks long."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self._rest = b""

    def send(self, note: Note | Order) -> bool:
        """Send ``note``; False where the other end is gone."""
        try:
            self.socket.sendall(msgspec.json.encode(note) + b"\n")
        except OSError:
            return False
        return True

    def first(self) -> Order:
        """The order, which is the first line. Raises EOFError where none comes."""
        while b"\n" not in self._rest:
            if not (data := self.socket.recv(WIRE_MAX)):
                raise EOFError("no order has come")
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return msgspec.json.decode(line, type=Order)

    def receive(self) -> list[Note] | None:
        """The notes that have come since the last call; None at the end. The socket is readable."""
        try:
            data = self.socket.recv(WIRE_MAX)
        except BlockingIOError:
            return []
        except OSError:
            return None
        if not data:
            return None
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [msgspec.json.decode(line, type=Note) for line in lines if line]

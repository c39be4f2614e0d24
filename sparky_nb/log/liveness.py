"""Is a runner alive? (protocol.md §5)

In the same boot and the same pid namespace the process itself decides, and only it: a process that
is stopped, or slept with its laptop, is alive. Elsewhere only its lease does: its *version* grows
while it lives, and an observer that has seen it stand still for a whole lease, on a clock of its
own, calls it dead. Wall clocks are never compared.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from sparky_nb.clock import Clock
from sparky_nb.errors import InvalidArgument
from sparky_nb.log.base import LEASE_SECONDS, RunnerRow
from sparky_nb.log.boot import boot_id

UNKNOWN: Final = "?"
_WINDOWS_ACCESS: Final = 0x1000  # PROCESS_QUERY_LIMITED_INFORMATION
_WINDOWS_STILL_ACTIVE: Final = 259


class RunnerIdentity(Struct, frozen=True, kw_only=True):
    """Which process a runner is.

    Attributes:
        boot: the run of the machine (containers of one machine share it).
        namespace: the pid namespace, by its inode.
        pid: in that namespace.
        started: when the process began, in raw ticks since boot: a pid is used again, this is not.
        nonce: told apart by it: two runners of one process.

    >>> me = RunnerIdentity.current("0a1b2c3d")
    >>> RunnerIdentity.parse(me.runner_id) == me
    True
    """

    boot: str
    namespace: str
    pid: int
    started: str
    nonce: str

    @classmethod
    def current(cls, nonce: str) -> RunnerIdentity:
        """This process. ``nonce``: see ``ids.new_nonce``."""
        return cls.of(os.getpid(), nonce)

    @classmethod
    def of(cls, pid: int, nonce: str) -> RunnerIdentity:
        """The process ``pid`` of the same machine and pid namespace, say a child."""
        return cls(
            boot=boot_id() or UNKNOWN,
            namespace=_namespace(),
            pid=pid,
            started=_started(pid) or UNKNOWN,
            nonce=nonce,
        )

    @property
    def runner_id(self) -> str:
        """All of it as one text."""
        return f"{self.boot}:{self.namespace}:{self.pid}:{self.started}:{self.nonce}"

    @classmethod
    def parse(cls, runner_id: str) -> RunnerIdentity:
        """The inverse of ``runner_id``. Raises InvalidArgument."""
        parts = runner_id.split(":")
        if len(parts) != 5 or not parts[2].isdecimal():
            raise InvalidArgument("runner_id", "boot:namespace:pid:ticks:nonce", runner_id)
        boot, namespace, pid, started, nonce = parts
        return cls(boot=boot, namespace=namespace, pid=int(pid), started=started, nonce=nonce)


def is_alive(runner_id: str) -> bool | None:
    """Whether the runner's process lives; None where only its lease can tell.

    >>> is_alive(RunnerIdentity.current("0a1b2c3d").runner_id)
    True
    """
    try:
        runner = RunnerIdentity.parse(runner_id)
    except InvalidArgument:
        return None
    if UNKNOWN in (runner.boot, runner.started):
        return None
    if runner.boot != (boot_id() or UNKNOWN) or runner.namespace != _namespace():
        return None
    return _started(runner.pid) == runner.started


class LeaseObserver:
    """One process's view of the others' leases.

    Args:
        clock: only its monotonic reading is used.
        lease: seconds for which a version may stand still.
    """

    def __init__(self, clock: Clock, *, lease: float = LEASE_SECONDS) -> None:
        self._clock, self._lease = clock, lease
        self._seen: dict[str, tuple[int, float]] = {}
        self._looked: float | None = None

    def dead(self, rows: Sequence[RunnerRow]) -> list[tuple[str, str]]:
        """(runner id, reason) of those of ``rows`` that are known to be dead.

        Call it every few seconds: after a pause of more than a third of a lease (this process was
        stopped, or slept) the watch over all leases begins anew.
        """
        now = self._clock.monotonic()
        if self._looked is not None and now - self._looked > self._lease / 3:
            self._seen.clear()
        self._looked = now
        present = {row.runner_id for row in rows}
        for gone in self._seen.keys() - present:
            del self._seen[gone]
        found = []
        for row in rows:
            alive = is_alive(row.runner_id)
            if alive is False:
                found.append((row.runner_id, f"the process of the {row.role} has died"))
            elif alive is None and self._expired(row, now):
                found.append(
                    (row.runner_id, f"the {row.role} gave no sign of life for {self._lease:g} s")
                )
        return found

    def _expired(self, row: RunnerRow, now: float) -> bool:
        seen = self._seen.get(row.runner_id)
        if seen is None or seen[0] != row.version:
            self._seen[row.runner_id] = (row.version, now)
            return False
        return now - seen[1] >= self._lease


def _namespace() -> str:
    """The pid namespace that this process is in; pids mean nothing outside of it."""
    if sys.platform != "linux":
        return "0"
    try:
        return str(os.stat("/proc/self/ns/pid").st_ino)
    except OSError:
        return UNKNOWN


def _started(pid: int) -> str:
    """When ``pid`` began, in a text to compare; empty where there is no such process."""
    return _STARTED.get(sys.platform, _started_windows)(pid)


def _started_linux(pid: int) -> str:
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return ""
    # The command's name may hold anything but ends at the last parenthesis; then come the fields
    # from the third on: state is the third, starttime the 22nd (proc(5)).
    fields = text.rpartition(")")[2].split()
    return "" if fields[0] in ("Z", "X") else fields[19]


def _started_mac(pid: int) -> str:
    """From ``proc_pidinfo(PROC_PIDTBSDINFO)``: seconds and microseconds at offset 120."""
    buffer = ctypes.create_string_buffer(136)
    with contextlib.suppress(OSError, AttributeError):
        size = ctypes.CDLL("libproc.dylib").proc_pidinfo(pid, 3, ctypes.c_uint64(0), buffer, 136)
        if size == 136 and int.from_bytes(buffer.raw[4:8], "little") != 5:  # SZOMB
            return str(int.from_bytes(buffer.raw[120:136], "little"))
    return ""


def _started_windows(pid: int) -> str:
    """Only whether it is there: Windows keeps pids apart long enough for a lease to run out."""
    kernel = ctypes.CDLL("kernel32")
    handle = kernel.OpenProcess(_WINDOWS_ACCESS, False, pid)
    if not handle:
        return ""
    code = ctypes.c_ulong()
    kernel.GetExitCodeProcess(handle, ctypes.byref(code))
    kernel.CloseHandle(handle)
    return "running" if code.value == _WINDOWS_STILL_ACTIVE else ""


_STARTED: Final[dict[str, Callable[[int], str]]] = {
    "linux": _started_linux,
    "darwin": _started_mac,
}

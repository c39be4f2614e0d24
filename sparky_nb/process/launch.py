"""Start a task in a process of its own.

1. The work is pickled into an unlinked file that the new process inherits.
2. The new process, the *supervisor*, is started in a session of its own and waits.
3. Its identity is registered as a runner, and the task's first event (``queued``, held by that
   runner) is stored. Whoever kills what from here on, somebody finds the task and its dead runner.
4. The order goes out: one line, which fits into a pipe's buffer. From here on nothing of this
   process is needed any more.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import IO, Any, Final

import msgspec

from sparky_nb.errors import Conflict, SparkyError
from sparky_nb.ids import new_nonce, new_task_id
from sparky_nb.log.base import RunnerRow
from sparky_nb.log.liveness import RunnerIdentity
from sparky_nb.process.cells import pack_cell
from sparky_nb.process.command import KILL, command_line
from sparky_nb.process.handle import ProcessHandle, remember
from sparky_nb.process.limits import Process, chosen
from sparky_nb.process.order import Order, changed_settings
from sparky_nb.process.pack import dumps
from sparky_nb.process.places import ROLE, ahead, waits_for
from sparky_nb.tasks import Runner, Work, surroundings

_log = logging.getLogger(__name__)
_SAID: Final = 2000


def start_call(
    here: Runner,
    work: Work,
    fn: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    on: object,
) -> ProcessHandle:
    """Start the call that ``work`` describes in a process of its own.

    Args:
        here: the runner of this process: its log, its settings.
        work: of ``call_work(fn, args, kwargs)``.
        on: ``"process"``, or a ``Process`` with limits.

    Raises:
        InvalidArgument: what can't be pickled, by its path; or a limit that is none.
        Conflict: no cloudpickle, a log that only this process has, a system without sessions.
    """

    def pack() -> bytes:
        roots = {"fn": fn, "args": tuple(args), "kwargs": dict(kwargs), **_secret(here)}
        label = getattr(fn, "__name__", None) or "fn"
        return dumps(roots, named=[(label, fn), ("args", tuple(args)), *kwargs.items()])

    return _start(here, work, pack, chosen(on))


def start_cell(here: Runner, work: Work, source: str, shell: Any, on: object) -> ProcessHandle:
    """Start the cell that ``work`` describes in a process of its own; see ``start_call``."""
    return _start(here, work, lambda: pack_cell(source, shell, _secret(here)), chosen(on))


def _secret(here: Runner) -> dict[str, Any]:
    return {} if here.settings.secret is None else {" secret": here.settings.secret}


def _start(
    here: Runner,
    work: Work,
    pack: Callable[[], bytes],
    limits: Process,
    retry_of: str | None = None,
) -> ProcessHandle:
    if os.name != "posix":
        raise Conflict("a task in a process of its own needs Linux or macOS")
    if here.log.url.startswith("memory:"):
        raise Conflict(f"the log {here.log.url} is in this process only; another can't reach it")
    with tempfile.TemporaryFile() as payload:
        payload.write(pack())
        payload.flush()
        payload.seek(0)
        task_id = new_task_id()
        process, said = _spawn(payload, task_id)
    runner_id = RunnerIdentity.of(process.pid, new_nonce()).runner_id
    try:
        _hand_over(here, work, limits, task_id, process, runner_id, retry_of)
    except BaseException:
        _close(process)
        process.wait()  # without an order it leaves
        said.close()
        raise
    reaper = threading.Thread(
        target=_reap, args=(here, process, said, runner_id), name="sparky-reaper", daemon=True
    )
    reaper.start()

    def again() -> ProcessHandle:
        return _start(here, work, pack, limits, retry_of=task_id)

    remember(task_id, again)
    return ProcessHandle(here, task_id, work.chat_id)


def _spawn(payload: IO[bytes], task_id: str) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
    said = tempfile.TemporaryFile()  # noqa: SIM115  the reaper closes it
    # It inherits the mask: a kill that comes before it can hear one waits, and does not end it.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {KILL})
    try:
        process = subprocess.Popen(
            command_line("supervisor", payload.fileno(), label=task_id),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=said,
            pass_fds=(payload.fileno(),),
            start_new_session=True,
        )
    except OSError as error:
        said.close()
        raise Conflict(f"no process can be started now: {error}") from error
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return process, said


def _hand_over(
    here: Runner,
    work: Work,
    limits: Process,
    task_id: str,
    process: subprocess.Popen[bytes],
    runner_id: str,
    retry_of: str | None,
) -> None:
    here.log.register(
        RunnerRow(
            runner_id=runner_id,
            role=ROLE,
            endpoint=None,
            chat_id=None,
            version=1,
            started=here.clock.now_ms(),
            info={**surroundings.facts(), "pid": process.pid, "task": task_id},
        )
    )
    try:
        # One that a process waits for must not wait for that process to leave.
        places = None if here.role == ROLE else here.settings.processes
        place = 0 if places is None else ahead(here.log, runner_id) + 1 - places
        epoch = here.announce(
            work,
            task_id=task_id,
            runner_id=runner_id,
            waits=waits_for(place) if place > 0 else "its process is starting",
            retry_of=retry_of,
        )
    except BaseException:
        with suppress(SparkyError):
            here.log.unregister(runner_id)
        raise
    order = Order(
        log_url=here.log.url,
        durability=here.log.durability,
        runner_id=runner_id,
        task_id=task_id,
        chat_id=work.chat_id,
        title=work.title,
        epoch=epoch,
        name=work.name,
        kind=work.kind,
        shows_result=work.shows_result,
        shell=surroundings.shell() is not None,
        memory=limits.memory,  # type: ignore[arg-type]  # checked: a number or None
        seconds=limits.time,  # type: ignore[arg-type]  # likewise
        places=places,
        path=[os.path.abspath(entry) for entry in sys.path],
        settings=changed_settings(here.settings),
    )
    assert process.stdin is not None
    # Where it has died already, the reaper says so.
    with suppress(BrokenPipeError):
        process.stdin.write(msgspec.json.encode(order) + b"\n")
    _close(process)


def _close(process: subprocess.Popen[bytes]) -> None:
    with suppress(OSError):
        if process.stdin is not None:
            process.stdin.close()


def _reap(here: Runner, process: subprocess.Popen[bytes], said: IO[bytes], runner_id: str) -> None:
    """Wait for the supervisor, so that it leaves no zombie; say what it said if it failed."""
    status = process.wait()
    with said:
        if status == 0:
            return
        said.seek(0, os.SEEK_END)
        said.seek(max(0, said.tell() - _SAID))
        lines = said.read().decode("utf-8", "replace").strip().splitlines()
    why = f"its supervisor ended with status {status}" + (f": {lines[-1]}" if lines else "")
    try:
        here.log.declare_lost(runner_id, reason=why, now_ms=here.clock.now_ms())
    except Exception as error:  # noqa: BLE001  this process may be leaving, its log closed
        _log.debug("%s is left to whoever looks next: %s", runner_id, error)

"""What the tests of processes share: work to send, and looking at what came of it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import sparky_nb
from sparky_nb.events.model import Event
from sparky_nb.events.states import TERMINAL
from sparky_nb.log.liveness import RunnerIdentity
from sparky_nb.process.handle import ProcessHandle
from tests.live import wait_for as wait_for

PATIENCE = 40.0  # seconds; a bound for a loaded machine, not an expectation


def start(fn: Callable[..., Any], *args: Any, on: Any = "process", **kwargs: Any) -> ProcessHandle:
    """``sparky_nb.start`` on a process; ``fn`` is a local function, so it travels whole."""
    handle = sparky_nb.start(fn, *args, on=on, **kwargs)
    assert isinstance(handle, ProcessHandle)
    return handle


def events_of(handle: Any) -> list[Event]:
    """All events of a task, once it has ended; the ending is the last, and the only one (P6)."""
    wait_for(lambda: handle.state in TERMINAL, f"{handle} ends")
    events = list(handle.events(follow=False))
    endings = [e for e in events if e.type == "status" and e.data["state"] in TERMINAL]
    assert endings == events[-1:]
    return events


def ending_of(handle: Any) -> dict[str, Any]:
    """The data of a task's ending."""
    return events_of(handle)[-1].data


def printed(events: list[Event], stream: str = "stdout") -> str:
    """What was written to ``stream``."""
    return "".join(
        e.data.get("text", "") for e in events if e.type == "output" and e.data["stream"] == stream
    )


def plain(text: str) -> str:
    """``text`` without its colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def until_says(handle: Any, text: str) -> None:
    """Wait until the task has sent a message with ``text``."""
    said = lambda: any(  # noqa: E731
        e.type == "message_sent" and e.data["text"] == text for e in handle.events(follow=False)
    )
    wait_for(said, f"{handle} says {text}")


def supervisor_of(handle: Any) -> int:
    """The pid of the supervisor of a task's process."""
    return RunnerIdentity.parse(handle.row().runner).pid


def is_gone(pid: int) -> bool:
    """Whether a process has ended (a zombie has)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return False


def python(code: str, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    """Another process of the same user with the same log, say a kernel."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        **options,
    )


def kill_9(process: subprocess.Popen[str]) -> None:
    """End a process as a crash does, with all of its group, as Jupyter ends a kernel's."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(PATIENCE)
    assert process.stdout is not None
    process.stdout.close()

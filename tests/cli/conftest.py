"""The real ``sparky`` as a process, on a real log."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sparky_nb.events.model import NewEvent
from sparky_nb.ids import new_event_id, new_task_id
from sparky_nb.log import Append, Fence, Log, open_log

SPARKY = (sys.executable, "-m", "sparky_nb.cli")
PATIENCE = 60.0

Sparky = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def log_url(tmp_path: Path) -> str:
    return f"sqlite://{tmp_path}/log/log.db"


@pytest.fixture
def log(log_url: str) -> Iterator[Log]:
    with open_log(log_url) as opened:
        yield opened


@pytest.fixture
def environment(log_url: str) -> dict[str, str]:
    # Whether there are colours is the test's to say.
    ours = {name: value for name, value in os.environ.items() if not name.endswith("_COLOR")}
    return {**ours, "SPARKY_LOG_URL": log_url, "PYTHONWARNINGS": "error"}


@pytest.fixture
def sparky(environment: dict[str, str], tmp_path: Path) -> Sparky:
    """Runs a command and returns what became of it."""

    def run(*words: str, **more: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*SPARKY, *words],
            env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE,
            check=False, **more,
        )  # fmt: skip

    return run


class Said:
    """A task written into the log by hand, so that a test decides every event."""

    def __init__(self, log: Log, chat: str = "default", runner: str = "r:0:1:1:x") -> None:
        self.log, self.chat, self.task_id = log, chat, new_task_id()
        self.fence = Fence(task_id=self.task_id, attempt=1, runner=runner)
        self.status("running", runner=runner, kind="call", name="by hand")

    def say(self, kind: str, /, **data: Any) -> Said:
        event = NewEvent(
            id=new_event_id(1), type=kind, time=1_700_000_000_000, task_id=self.task_id,
            actor="task", data=data,
        )  # fmt: skip
        self.log.commit(Append(chat=self.chat, events=(event,), fence=self.fence))
        return self

    def status(self, state: str, **more: Any) -> Said:
        return self.say("status", state=state, attempt=1, **more)


@pytest.fixture
def said(log: Log) -> Callable[..., Said]:
    return lambda *args, **more: Said(log, *args, **more)

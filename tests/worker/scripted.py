"""An agent that needs no model, and a place to run workers that know it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 60.0
MODEL = "agent:scripted"

# ``wait FILE`` ends when the file is there; each run leaves a line, so that two would show.
STARTUP = """
import asyncio, os, pathlib

async def scripted(assignment):
    words = assignment.instruction.split()
    if os.environ.get("RUNS"):
        with open(os.environ["RUNS"], "a") as runs:
            runs.write(f"{assignment.instruction} {os.getpid()}\\n")
    assignment.port.emit("thought", {"message_id": "m", "text": "on it", "final": True})
    if words[0] == "wait":
        while not pathlib.Path(words[1]).exists():
            await asyncio.sleep(0.02)
    return assignment.instruction
"""


def workshop(folder: Path, log_url: str) -> dict[str, str]:
    """The environment of workers whose namespace has the agent."""
    startup = folder / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True, exist_ok=True)
    (startup / "agent.py").write_text(STARTUP)
    return {
        **os.environ,
        "IPYTHONDIR": str(folder / "ipython"),
        "SPARKY_LOG_URL": log_url,
        "SPARKY_MODEL": MODEL,
        "RUNS": str(folder / "runs.txt"),
    }


@contextmanager
def worker(environment: dict[str, str], cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """``sparky agent worker``, ready."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sparky_nb.cli", "agent", "worker"],
        env=environment, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("sparky worker:"):
                break
        else:
            raise AssertionError("the worker did not start")
        yield process
    finally:
        process.kill()
        process.wait(PATIENCE)
        assert process.stderr is not None
        process.stderr.close()

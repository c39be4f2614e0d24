"""How long a command takes from start to exit, beside a bare start of the same Python."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from bench.table import Row, Table, milli, quantile
from sparky_nb.log import open_log
from sparky_nb.log.queueing import queued_task

TASKS = 100
TIMES = 15
COMMANDS = (("--version",), ("agent", "tasks", "list"), ("agent", "status"), ("log", "inspect"))


def measure(table: Table, folder: Path) -> None:
    """Several commands on a log with some tasks."""
    url = f"sqlite:///{folder / 'command.db'}"
    with open_log(url) as log:
        for number in range(TASKS):
            said = f"task {number}"
            _, append = queued_task("bench", asked_by="bench", now_ms=number, instruction=said)
            log.commit(append)
    bare = _times([sys.executable, "-c", "import click"], url)
    for words in COMMANDS:
        times = _times([sys.executable, "-m", "sparky_nb.cli", *words], url)
        table.add(
            Row(
                what=f"sparky {' '.join(words)}, start to exit ({TASKS} tasks)",
                figure=f"median {milli(quantile(times, 0.5))}",
                limit=f"import click {milli(quantile(bare, 0.5))}",
                ratio=quantile(times, 0.5) / quantile(bare, 0.5),
                aim="≤ 300 ms",
            )
        )


def _times(command: list[str], url: str) -> list[float]:
    found = []
    for _ in range(TIMES):
        begun = time.perf_counter()
        environment = {**os.environ, "SPARKY_LOG_URL": url}
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
        found.append(time.perf_counter() - begun)
    return found

"""Whether a stalled viewer slows a task down (P7): the same task with and without one."""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path

import sparky_nb
from bench.table import Row, Table
from tests.live import LiveServer

EVENTS = 3_000
PAIRS = 5


def measure(table: Table, folder: Path) -> None:
    """Pairs of runs, in turn, with no viewer and with one that never reads."""
    server = LiveServer(folder).start()
    try:
        os.environ["SPARKY_LOG_URL"] = server.log_url

        def work(task: sparky_nb.TaskContext) -> float:
            begun = time.perf_counter()
            for _ in range(EVENTS):
                task.emit("bench", {"text": "x" * 1000})
            return time.perf_counter() - begun

        sparky_nb.start(work, chat="stalled").result(timeout=120)
        ratios = []
        for _ in range(PAIRS):
            alone = sparky_nb.start(work, chat="stalled").result(timeout=120)
            viewer = server.socket("stalled", offset=0)  # it never reads again
            watched = sparky_nb.start(work, chat="stalled").result(timeout=120)
            viewer.cut()
            ratios.append(alone / watched)
        table.add(
            Row(
                what="speed of a task with a stalled viewer : with none",
                figure=f"{statistics.median(ratios):.3f}",
                limit=f"{PAIRS} pairs, {min(ratios):.2f} … {max(ratios):.2f}",
                aim="≥ 0.98",
            )
        )
    finally:
        sparky_nb.shutdown()
        server.close()

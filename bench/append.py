"""How fast events become durable, beside a bare SQLite insert of the same bytes."""

from __future__ import annotations

import os
import time
from pathlib import Path

import sparky_nb
from bench.peers import raw_sqlite
from bench.table import Row, Table, micro, p50_p99, quantile, rate
from sparky_nb.clock import SystemClock
from sparky_nb.events import NewEvent
from sparky_nb.events.codec import encode_body
from sparky_nb.ids import new_event_id, new_task_id
from sparky_nb.log import open_log
from sparky_nb.log.base import Append, Fence

SINGLE = 5_000
BATCHED = 100_000
BATCH = 500
TEXT = "x" * 280  # an event of about 400 bytes


def measure(table: Table, folder: Path) -> None:
    """Appends, single and batched; ``emit`` as a task sees it."""
    clock = SystemClock()
    with open_log(f"sqlite:///{folder / 'append.db'}") as log:
        task_id, runner = new_task_id(), "bench"
        fence = Fence(task_id=task_id, attempt=1, runner=runner)

        def event(data: dict[str, object], kind: str = "message_sent") -> NewEvent:
            now = clock.now_ms()
            return NewEvent(
                id=new_event_id(now), type=kind, time=now, task_id=task_id, actor="task", data=data
            )

        def say() -> NewEvent:
            return event({"message_id": "m", "text": TEXT, "final": False})

        first = event({"state": "running", "attempt": 1, "runner": runner}, "status")
        log.commit(Append(chat="bench", events=(first,)))
        body = encode_body(say())

        times = []
        for _ in range(SINGLE):
            begun = time.perf_counter()
            log.commit(Append(chat="bench", events=(say(),), fence=fence))
            times.append(time.perf_counter() - begun)
        seconds, raw = raw_sqlite(folder, SINGLE, 1, body)
        table.add(
            Row(
                what=f"durable appends, one a commit ({len(body)} bytes)",
                figure=f"{rate(SINGLE, sum(times))}, {p50_p99(times)}",
                limit=f"bare INSERT {rate(SINGLE, seconds)}, {p50_p99(raw)}",
                ratio=quantile(times, 0.5) / quantile(raw, 0.5),
            )
        )
        log.maintain()

        begun = time.perf_counter()
        for _ in range(BATCHED // BATCH):
            events = tuple(say() for _ in range(BATCH))
            log.commit(Append(chat="bench", events=events, fence=fence))
        took = time.perf_counter() - begun
        seconds, _ = raw_sqlite(folder, BATCHED, BATCH, body)
        table.add(
            Row(
                what=f"durable appends, {BATCH} a commit",
                figure=rate(BATCHED, took),
                limit=f"bare INSERT {rate(BATCHED, seconds)}",
                ratio=took / seconds,
                aim="≥ 100,000 /s",
            )
        )
    _emit(table, folder, quantile(raw, 0.5))


def _emit(table: Table, folder: Path, raw_p50: float) -> None:
    """``emit`` inside a running task: through the context, the emitter and the log."""
    os.environ["SPARKY_LOG_URL"] = f"sqlite:///{folder / 'emit.db'}"

    def work(task: sparky_nb.TaskContext) -> list[float]:
        times = []
        for _ in range(SINGLE):
            begun = time.perf_counter()
            task.emit("bench", {"text": TEXT})
            times.append(time.perf_counter() - begun)
        return times

    times = sparky_nb.start(work).result(timeout=120)
    sparky_nb.shutdown()
    table.add(
        Row(
            what="emit, in a task, until it is stored",
            figure=p50_p99(times),
            limit=f"bare INSERT p50 {micro(raw_p50)}",
            ratio=quantile(times, 0.5) / raw_p50,
            aim="p50 ≤ 60 µs",
        )
    )

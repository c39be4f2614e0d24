"""A log that is closed while other threads are in it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from sparky_nb.errors import LogUnavailable
from sparky_nb.log.sqlite import SqliteLog
from sparky_nb.testing.log_samples import append, event


def test_closing_while_other_threads_use_the_log_ends_them_with_an_error(tmp_path: Path) -> None:
    for round_ in range(10):
        log = SqliteLog(tmp_path / f"{round_}.db")
        append(log, "c", event("first"))
        ended: list[LogUnavailable] = []

        def use(act: Callable[[int], object], ended: list[LogUnavailable] = ended) -> None:
            try:
                for n in range(1_000_000):
                    act(n)
            except LogUnavailable as error:
                ended.append(error)

        def write(n: int, log: SqliteLog = log) -> None:
            append(log, "c", event(f"e{n}"))

        def read(n: int, log: SqliteLog = log) -> None:
            log.read("c", after=n)

        def checkpoint(n: int, log: SqliteLog = log) -> None:
            log._checkpoint()

        def snapshot(n: int, log: SqliteLog = log) -> None:
            log.snapshot("c")

        threads = [
            threading.Thread(target=use, args=(act,)) for act in (write, read, checkpoint, snapshot)
        ]
        for thread in threads:
            thread.start()
        threading.Event().wait(0.05)
        log.close()
        for thread in threads:
            thread.join(30)
        assert len(ended) == len(threads)

"""A log that is closed while other threads are in it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

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


FORKS = """
import os, pathlib, sys
from sparky_nb.log.sqlite import SqliteLog
from sparky_nb.testing.log_samples import append, event

log = SqliteLog(pathlib.Path(sys.argv[1]))
append(log, "c", event("parent"))
with log._spare_lock:  # as if a thread of the parent were in a checkpoint
    child = os.fork()
    if child == 0:
        log._checkpoint()
        append(log, "c", event("child"))
        log.close()
        os._exit(0)
_, status = os.waitpid(child, 0)
print(status, [len(log.read("c").events)])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this platform")
def test_a_child_that_was_forked_in_the_middle_of_a_checkpoint_has_locks_of_its_own(
    tmp_path: Path,
) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", FORKS, str(tmp_path / "log.db")],
        capture_output=True, text=True, timeout=50, check=False,
    )  # fmt: skip
    assert (ran.stdout, ran.stderr) == ("0 [2]\n", "")

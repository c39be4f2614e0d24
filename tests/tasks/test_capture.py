"""Output of a task becomes its events, and nobody else's."""

from __future__ import annotations

import ast
import logging
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sparky_nb.tasks import TaskContext, capture
from tests.tasks.running import PATIENCE, Bench, brief, texts


def test_two_tasks_side_by_side_keep_their_output_apart(bench: Bench) -> None:
    meet = threading.Barrier(2)

    def work(task: TaskContext, name: str) -> None:
        for i in range(20):
            meet.wait(PATIENCE)
            print(f"{name}{i}")
            print(f"{name}{i}", file=sys.stderr)
            logging.getLogger("side").warning("%s%d", name, i)
            thread = threading.Thread(target=lambda: print(f"{name} in a thread"))
            thread.start()
            thread.join()

    handles = {name: bench.start(work, name) for name in "ab"}
    for name, handle in handles.items():
        events = bench.ended(handle)
        printed = "".join(f"{name}{i}\n{name} in a thread\n" for i in range(20))
        assert texts(events, "stdout") == printed
        assert texts(events, "stderr") == "".join(f"{name}{i}\n" for i in range(20))
        assert texts(events, "log") == "".join(f"side: {name}{i}\n" for i in range(20))


def test_outside_of_tasks_output_goes_where_it_always_went(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    done: list[TaskContext] = []
    bench.run(lambda task: (done.append(task), print("inside")))
    print("outside")
    assert capsys.readouterr().out == "outside\n"


def test_a_thread_that_outlives_its_task_prints_to_the_process(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    go, threads = threading.Event(), []

    def work() -> None:
        thread = threading.Thread(target=lambda: (go.wait(PATIENCE), print("late")))
        thread.start()
        threads.append(thread)

    bench.run(work)
    go.set()
    threads[0].join(PATIENCE)
    assert capsys.readouterr().out == "late\n"


def test_a_pool_that_tasks_share_prints_for_whoever_submitted(bench: Bench) -> None:
    with ThreadPoolExecutor(1) as pool:
        for name in ("first", "second"):
            events = bench.run(lambda name=name: pool.submit(print, name).result(PATIENCE))
            assert texts(events, "stdout") == f"{name}\n"


def test_a_log_record_is_one_event_and_is_not_printed_as_well(bench: Bench) -> None:
    logger = logging.Logger("mine")
    records: list[logging.LogRecord] = []
    keeper = logging.Handler()
    keeper.emit = records.append  # type: ignore[method-assign]
    logger.addHandler(logging.StreamHandler(sys.stderr))
    logger.addHandler(keeper)

    def work() -> None:
        try:
            1 / 0  # noqa: B018
        except ZeroDivisionError:
            logger.exception("no %s", "luck")
        logger.warning("does not fit: %d", "x")

    events = bench.run(work)[1:-1]
    assert [e.data["stream"] for e in events] == ["log", "log"]
    assert [e.data["level"] for e in events] == ["ERROR", "WARNING"]
    assert "mine: no luck" in events[0].data["text"]
    assert "ZeroDivisionError" in events[0].data["text"]
    assert len(records) == 2, "handlers that do not print still get it"


def test_tqdm_becomes_progress_and_prints_nothing(bench: Bench) -> None:
    tqdm = pytest.importorskip("tqdm")

    def work() -> int:
        return sum(tqdm.tqdm(range(5), desc="adding", mininterval=0))

    events = bench.run(work)
    assert brief(events)[-1] == ("progress", (5, 5))
    assert events[-2].data["message"] == "adding"
    assert texts(events, "stderr") == ""


SCRIPT = """
import warnings, sparky_nb
def work():
    from tqdm.auto import tqdm
    for _ in tqdm(range(3)): pass
    warnings.warn("careful")
handle = sparky_nb.start(work)
handle.result(30)
print([(e.type, e.data.get("stream"), e.data.get("text")) for e in handle.events()])
"""


def test_in_a_script_a_late_import_of_tqdm_and_warnings_are_captured() -> None:
    run = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(run, capture_output=True, text=True, timeout=50, check=True)
    found = ast.literal_eval(done.stdout)
    assert {type_ for type_, *_ in found} == {"status", "progress", "output"}
    printed = [(stream, text) for type_, stream, text in found if type_ == "output"]
    assert [stream for stream, _ in printed] == ["stderr"]
    assert "UserWarning: careful" in printed[0][1]
    assert done.stderr == ""


def test_a_figure_and_a_table_are_displayed(bench: Bench) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("IPython.core.formatters")
    events = bench.run(lambda task: task.display(pandas.DataFrame({"a": [1]})))
    mime: dict[str, Any] = events[1].data["mime"]
    assert "<table" in mime["text/html"]
    assert set(mime) == {"text/html", "text/plain"}


def test_what_raises_while_it_is_displayed_costs_no_event(bench: Bench) -> None:
    class Odd:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    events = bench.run(lambda task: task.display(Odd()))
    shown = [e.data["mime"] for e in events if e.data.get("stream") == "display"]
    assert "whose __repr__ raised RuntimeError" in shown[0]["text/plain"]


def test_bytes_to_the_buffer_are_text(bench: Bench) -> None:
    events = bench.run(lambda: sys.stdout.buffer.write("grüße\n".encode()))
    assert texts(events, "stdout") == "grüße\n"


def test_installing_twice_installs_once_and_uninstalling_puts_everything_back() -> None:
    capture.uninstall()
    before = (sys.stdout, sys.stderr, logging.Logger.callHandlers, threading.Thread.start)
    capture.install()
    once = (sys.stdout, sys.stderr)
    capture.install()
    assert (sys.stdout, sys.stderr) == once
    capture.uninstall()
    after = (sys.stdout, sys.stderr, logging.Logger.callHandlers, threading.Thread.start)
    assert after == before

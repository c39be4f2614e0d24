"""The log can't be written for a while: nothing is lost, nothing is moved, nothing is hidden."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sparky_nb.errors import LogUnavailable
from sparky_nb.events.model import NewEvent
from sparky_nb.log import Append, Log
from sparky_nb.tasks import TaskContext
from sparky_nb.tasks.outbox import Outbox
from tests.tasks.running import PATIENCE, Bench, texts, wait_for


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch, log: Log) -> threading.Event:
    """While it is set, the log refuses commits."""
    down, commit = threading.Event(), log.commit

    def refuse(append: Append) -> Any:
        if down.is_set():
            raise LogUnavailable("down for the test")
        return commit(append)

    monkeypatch.setattr(log, "commit", refuse)
    return down


def numbers(events: list[Any]) -> list[int]:
    return [e.data["n"] for e in events if e.type == "tick"]


def test_events_keep_their_order_across_an_outage(make_bench: Any, broken: threading.Event) -> None:
    bench, go = make_bench(outbox_retry=0.01), threading.Event()

    def work(task: TaskContext) -> None:
        for n in range(30):
            if n == 10:
                broken.set()
            if n == 20:
                go.wait(PATIENCE)
            task.emit("tick", {"n": n})

    handle = bench.start(work)
    wait_for(lambda: not handle.durable, "the outage")
    assert "not durable" in repr(handle)
    assert numbers(bench.events(handle)) == list(range(10))
    broken.clear()
    go.set()
    handle.result(PATIENCE)
    wait_for(lambda: handle.durable, "the outbox to be empty")
    events = bench.events(handle)
    assert numbers(events) == list(range(30))
    assert events[-1].data["state"] == "completed"


def test_the_record_says_that_the_task_was_not_durable(
    make_bench: Any, broken: threading.Event
) -> None:
    bench = make_bench(outbox_retry=0.01)

    def work(task: TaskContext) -> None:
        broken.set()
        task.message("in the dark")
        broken.clear()
        wait_for(lambda: task._emitter.durable, "the log to come back")

    assert "was not durable" in texts(bench.run(work), "log")


def test_an_ending_in_the_dark_is_stored_when_the_log_is_back(
    make_bench: Any, broken: threading.Event
) -> None:
    bench = make_bench(outbox_retry=0.01)
    handle = bench.start(lambda: broken.set() or 5)
    assert handle.result(PATIENCE) == 5
    broken.clear()
    wait_for(lambda: bench.events(handle)[-1].data.get("state") == "completed", "the ending")


def test_a_full_outbox_makes_emit_wait_and_a_cancel_gets_through(
    make_bench: Any, broken: threading.Event
) -> None:
    bench = make_bench(outbox_retry=0.01, outbox_bytes=20_000)
    sent: list[int] = []

    def work(task: TaskContext) -> None:
        broken.set()
        for n in range(10**6):
            task.emit("tick", {"n": n, "text": "x" * 1000})
            sent.append(n)

    handle = bench.start(work)
    wait_for(lambda: len(sent) > 15, "a full outbox")
    assert len(sent) < 30
    bench.runner.find(handle.task_id).cancel("enough")
    assert handle._wait(PATIENCE)
    broken.clear()
    wait_for(lambda: bench.events(handle)[-1].data.get("state") == "cancelled", "the ending")
    assert numbers(bench.events(handle)) == sent


def test_a_message_that_comes_in_an_outage_is_delivered_once(
    make_bench: Any, broken: threading.Event
) -> None:
    bench = make_bench(outbox_retry=0.01)

    def work(task: TaskContext) -> list[str | None]:
        return [task.receive(timeout=PATIENCE), task.receive(timeout=0.05)]

    handle = bench.start(work)
    broken.set()
    handle.send("hello")
    for _ in range(3):  # the command is pending in the log until its outcome is stored
        bench.runner.run_commands()
    assert handle.result(PATIENCE) == ["hello", None]
    broken.clear()
    wait_for(lambda: handle.durable, "the outbox to be empty")
    received = [e.data["text"] for e in bench.events(handle) if e.type == "message_received"]
    assert received == ["hello"]


def test_an_outbox_that_meets_what_nobody_foresaw_tries_again(
    make_bench: Any, broken: threading.Event, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, failed = make_bench(outbox_retry=0.01), threading.Event()
    commit = log.commit

    def fail_once(append: Append) -> Any:
        if not broken.is_set() and not failed.is_set():
            failed.set()
            raise RuntimeError("nobody foresaw this")
        return commit(append)

    def work(task: TaskContext) -> None:
        broken.set()
        task.emit("tick", {"n": 0})
        monkeypatch.setattr(task._emitter._outbox, "_commit", fail_once)
        broken.clear()

    handle = bench.start(work)
    handle.result(PATIENCE)
    wait_for(lambda: handle.durable, "the outbox to be empty")
    assert failed.is_set()
    assert numbers(bench.events(handle)) == [0]


def test_nothing_starts_where_the_first_event_can_not_be_stored(
    bench: Bench, broken: threading.Event
) -> None:
    broken.set()
    with pytest.raises(LogUnavailable):
        bench.start(print)
    assert bench.runner.active() == []


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process's transaction that does not end."""
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


@pytest.mark.timeout(120)
def test_a_real_log_that_is_locked_beyond_its_patience(
    make_bench: Any, sqlite_log: Log, tmp_path: Path
) -> None:
    bench = make_bench(sqlite_log, outbox_retry=0.1)

    def work(task: TaskContext) -> None:
        task.emit("tick", {"n": 0})
        with locked(tmp_path / "log.db"):
            task.emit("tick", {"n": 1})  # returns after 10 s, not durable
            assert not task._emitter.durable
            task.emit("tick", {"n": 2})  # returns at once
        wait_for(lambda: task._emitter.durable, "the log to come back")
        task.emit("tick", {"n": 3})

    handle = bench.start(work)
    handle.result(60)
    assert numbers(bench.events(handle)) == [0, 1, 2, 3]
    assert list(sqlite_log.verify()) == []


@pytest.mark.promise("P5")
def test_an_append_whose_answer_was_lost_is_stored_once(log: Log) -> None:
    stored: list[Append] = []

    def commit(append: Append) -> None:
        log.commit(append)
        if stored.append(append) is None and len(stored) == 1:
            raise LogUnavailable("stored, but the answer was lost")

    drained = threading.Event()
    box = Outbox(
        commit, limit=10**6, retry=0.01, on_fenced=lambda error: None, on_drained=drained.set
    )
    data = {"message_id": "m", "text": "x", "from": "me"}
    event = NewEvent(
        id="00000000-0000-7000-8000-000000000000",
        type="message_received",
        time=0,
        task_id=None,
        actor="system",
        data=data,
    )
    append = Append(chat="chat", events=(event,))
    with pytest.raises(LogUnavailable):
        commit(append)
    box.begin(append, "for the test")
    assert drained.wait(PATIENCE)
    assert len(stored) == 2
    kept = [wire for wire in log.read("chat").events if event.id.encode() in wire]
    assert len(kept) == 1

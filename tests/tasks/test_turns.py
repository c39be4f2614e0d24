"""Who runs and who waits; and that nobody waits for a log that is busy with another's task."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest

from sparky_nb.errors import Conflict, LogUnavailable
from sparky_nb.log import Append, Log
from sparky_nb.log.queueing import queued_task
from sparky_nb.tasks import TaskContext, TaskHandle, call_work
from sparky_nb.tasks.emitter import Emitter
from sparky_nb.tasks.execution import Execution
from tests.tasks.running import PATIENCE, Bench, wait_for


class BusyLog:
    """Makes the log keep one commit waiting, as one does that is busy, until ``go`` is set."""

    def __init__(self, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
        self._commit = log.commit
        self.waiting, self.go = threading.Event(), threading.Event()
        self.in_time: bool | None = None
        self._which: Callable[[Append], bool] = lambda append: False
        monkeypatch.setattr(log, "commit", self.commit)

    def keep(self, which: Callable[[Append], bool]) -> None:
        self._which = which

    def commit(self, append: Append) -> Any:
        if self._which(append):
            self._which = lambda append: False
            self.waiting.set()
            self.in_time = self.go.wait(PATIENCE)
        return self._commit(append)


@pytest.fixture
def busy(log: Log, monkeypatch: pytest.MonkeyPatch) -> Iterator[BusyLog]:
    busy = BusyLog(log, monkeypatch)
    yield busy
    busy.go.set()


@contextmanager
def kept_running(bench: Bench, **options: Any) -> Iterator[TaskHandle]:
    """A task that runs until the block is left."""
    end = threading.Event()
    handle = bench.start(lambda: end.wait(PATIENCE), **options)
    try:
        yield handle
    finally:
        end.set()


def hang(task: TaskContext) -> None:
    while True:
        task.progress(1)


def states(bench: Bench, handle: TaskHandle) -> list[str]:
    return [e.data["state"] for e in bench.ended(handle) if e.type == "status"]


def says(state: str, task_id: str) -> Callable[[Append], bool]:
    return lambda append: any(
        e.task_id == task_id and e.data.get("state") == state for e in append.events
    )


def test_a_launch_that_waits_for_the_log_keeps_nobody_from_cancelling_and_starting(
    make_bench: Callable[..., Bench], busy: BusyLog
) -> None:
    bench = make_bench(parallel=2)
    other = bench.start(hang)
    with kept_running(bench):
        queued = bench.start(lambda: "at last")
        busy.keep(says("running", queued.task_id))
    assert busy.waiting.wait(PATIENCE)

    other.cancel("not blocked")
    assert states(bench, other)[-1] == "cancelled"
    assert bench.start(lambda: "not blocked either").result(PATIENCE) == "not blocked either"
    assert queued.state == "queued"
    busy.go.set()
    assert queued.result(PATIENCE) == "at last"
    assert busy.in_time, "somebody has waited for the log with the runner's lock in his hand"


def test_a_start_that_waits_for_the_log_keeps_nobody_from_cancelling_and_starting(
    bench: Bench, busy: BusyLog
) -> None:
    other, started = bench.start(hang), list[TaskHandle]()
    busy.keep(lambda append: any(e.data.get("name") == "slow" for e in append.events))
    thread = threading.Thread(
        target=lambda: started.append(bench.start(lambda: "slow", name="slow")), daemon=True
    )
    thread.start()
    assert busy.waiting.wait(PATIENCE)

    other.cancel("not blocked")
    assert states(bench, other)[-1] == "cancelled"
    assert bench.start(lambda: "not blocked either").result(PATIENCE) == "not blocked either"
    assert not started
    busy.go.set()
    thread.join(PATIENCE)
    assert started[0].result(PATIENCE) == "slow"
    assert busy.in_time, "somebody has waited for the log with the runner's lock in his hand"


def test_a_place_that_is_kept_for_one_that_waits_for_the_log_is_nobody_elses(
    make_bench: Callable[..., Bench], busy: BusyLog
) -> None:
    bench = make_bench(parallel=1)
    with kept_running(bench):
        first = bench.start(lambda: "first")
        busy.keep(says("running", first.task_id))
    assert busy.waiting.wait(PATIENCE)
    second = bench.start(lambda: "second")
    assert second.state == "queued"
    busy.go.set()
    assert (first.result(PATIENCE), second.result(PATIENCE)) == ("first", "second")
    assert states(bench, second) == ["queued", "running", "completed"]


@pytest.mark.promise("P6")
def test_what_is_just_being_started_when_the_runner_closes_is_cancelled(
    make_bench: Callable[..., Bench], busy: BusyLog
) -> None:
    bench, started = make_bench(shutdown_grace=0.1), list[TaskHandle]()
    busy.keep(lambda append: any(e.data.get("name") == "late" for e in append.events))
    thread = threading.Thread(
        target=lambda: started.append(bench.start(hang, name="late")), daemon=True
    )
    thread.start()
    assert busy.waiting.wait(PATIENCE)
    bench.runner.close("the kernel ends")
    busy.go.set()
    thread.join(PATIENCE)
    events = bench.ended(started[0])
    assert events[-1].data["state"] == "cancelled"
    assert events[-1].data["reason"] == "the kernel ends"
    with pytest.raises(Conflict):
        bench.start(print)


def test_a_look_at_the_queue_that_failed_is_made_again_without_a_ring(
    make_bench: Callable[..., Bench], log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, failed = make_bench(parallel=1), threading.Event()
    pending = log.pending_commands

    def fail_once(runner: str) -> Any:
        if not failed.is_set():
            failed.set()
            raise LogUnavailable("down for the test")
        return pending(runner)

    with kept_running(bench) as first:
        queued = bench.start(lambda: "at last")
        monkeypatch.setattr(log, "pending_commands", fail_once)
    bench.ended(first)
    assert failed.wait(PATIENCE)
    assert queued.result(PATIENCE) == "at last"


def test_a_nudge_in_the_moment_of_a_look_is_not_forgotten(bench: Bench) -> None:
    service = bench.runner._service

    class Race(threading.Event):
        def is_set(self) -> bool:
            was = super().is_set()
            self.set()  # another thread, just behind the look
            return was

    service._nudged = race = Race()
    assert service._wait() is False
    assert threading.Event.is_set(race)


def test_a_runner_that_could_not_read_the_log_at_its_first_start_hears_commands_later(
    bench: Bench, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable() -> Any:
        raise LogUnavailable("down for the test")

    with monkeypatch.context() as down:
        down.setattr(log, "runners", unavailable)
        with pytest.raises(LogUnavailable):
            bench.start(hang)
    handle = bench.start(hang)
    assert bench.runner._service._thread.is_alive()
    handle.cancel()
    assert states(bench, handle)[-1] == "cancelled"


@pytest.mark.promise("P6")
def test_a_task_that_gets_no_thread_has_failed_and_says_so(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.run(lambda: None)  # the runner has its own threads

    def no_thread(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as out_of_threads:
        out_of_threads.setattr("sparky_nb.tasks.capture.threads._start", no_thread)
        handle = bench.start(print)
    ending = bench.ended(handle)[-1].data
    assert (ending["state"], ending["error"]["message"]) == ("failed", "can't start new thread")


def test_a_task_of_the_queue_is_not_taken_twice(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(parallel=1)
    with kept_running(bench):
        queued = bench.start(lambda: "once")
        execution: Execution | None = bench.runner.find(queued.task_id)
        row, work = queued.row(), call_work(print, (), {}, chat_id="chat")
        assert bench.runner.take(row, work) is None
        assert bench.runner.find(queued.task_id) is execution
    assert queued.result(PATIENCE) == "once"


def test_a_flush_that_waits_for_the_log_does_not_hold_up_anothers_forced_cancel(
    make_bench: Callable[..., Bench], busy: BusyLog
) -> None:
    bench = make_bench(cancel_grace=0.05)
    printed, end = threading.Event(), threading.Event()

    def prints() -> None:
        print("held for a moment")
        printed.set()
        end.wait(PATIENCE)

    def deaf() -> None:
        while True:
            sum(range(1000))

    busy.keep(lambda append: any(e.type == "output" for e in append.events))
    other, printing = bench.start(deaf), bench.start(prints)
    assert printed.wait(PATIENCE)
    assert busy.waiting.wait(PATIENCE)
    other.cancel()
    assert states(bench, other)[-1] == "cancelled"
    busy.go.set()
    end.set()
    wait_for(lambda: printing.state == "completed", "the end")
    assert busy.in_time, "the timers have waited for the log"


@pytest.mark.promise("P6")
def test_a_task_that_is_cancelled_just_as_it_is_claimed_frees_its_place(
    make_bench: Callable[..., Bench], log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = make_bench(parallel=1)
    task_id, append = queued_task("chat", asked_by="ada", now_ms=0, instruction="hang")
    log.commit(append)
    begin = Emitter.begin

    def cancelled_at_once(emitter: Emitter, *args: Any, **options: Any) -> None:
        begin(emitter, *args, **options)
        found = bench.runner.find(task_id)
        if found is not None and emitter is found.emitter:
            found.cancel("at once")

    monkeypatch.setattr(Emitter, "begin", cancelled_at_once)
    execution = bench.runner.take(log.task(task_id), call_work(hang, (), {}, chat_id="chat"))
    assert execution is not None
    assert execution.done.wait(PATIENCE)
    assert (execution.state, log.task(task_id).state) == ("cancelled", "cancelled")
    assert bench.start(lambda: "its place is free").result(PATIENCE) == "its place is free"


def test_who_has_no_place_reads_nothing_for_each_task_that_is_queued(
    make_bench: Callable[..., Bench], log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = make_bench(parallel=1)
    task_id, append = queued_task("chat", asked_by="ada", now_ms=0, instruction="later")
    log.commit(append)
    row, work = log.task(task_id), call_work(hang, (), {}, chat_id="chat")
    in_lane, reads = msgspec.structs.replace(work, lane="chat"), list[str]()
    with kept_running(bench):
        tasks = log.tasks

        def counted(**options: Any) -> Any:
            reads.append(threading.current_thread().name)
            return tasks(**options)

        monkeypatch.setattr(log, "tasks", counted)
        assert bench.runner.take(row, in_lane) is None
    assert threading.current_thread().name not in reads

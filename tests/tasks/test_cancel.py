"""Asking a task to stop, and making it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Any

import pytest

from sparky_nb.errors import TaskCancelled, TaskWasCancelled
from sparky_nb.tasks import TaskContext
from tests.tasks.running import PATIENCE, Bench, texts, wait_for


def state_of(events: list[Any]) -> str:
    return str(events[-1].data["state"])


def test_the_next_emit_raises_and_clean_up_may_still_emit(bench: Bench) -> None:
    def work(task: TaskContext) -> None:
        try:
            while True:
                task.progress(1)
        finally:
            task.message("cleaned up")

    handle = bench.start(work)
    handle.cancel("enough")
    events = bench.ended(handle)
    assert events[-2].data["text"] == "cleaned up"
    assert (state_of(events), events[-1].data["reason"]) == ("cancelled", "enough")
    with pytest.raises(TaskWasCancelled):
        handle.result()


def test_a_print_raises(bench: Bench) -> None:
    def work() -> None:
        while True:
            print(".", end="")

    handle = bench.start(work)
    handle.cancel()
    assert state_of(bench.ended(handle)) == "cancelled"


def test_code_may_look_and_return_a_value_which_counts(bench: Bench) -> None:
    def work(task: TaskContext) -> str:
        wait_for(lambda: task.cancelled, "the cancel to come")
        return "as far as I got"

    handle = bench.start(work)
    handle.cancel()
    assert handle.result(PATIENCE) == "as far as I got"
    assert state_of(bench.events(handle)) == "completed"


def test_an_await_raises_at_once(bench: Bench) -> None:
    async def work(task: TaskContext) -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            task.message("cleaned up")
            await asyncio.sleep(0)

    handle = bench.start(work)
    wait_for(lambda: handle._execution._loop, "the loop")  # type: ignore[union-attr]
    handle.cancel()
    events = bench.ended(handle)
    assert state_of(events) == "cancelled"
    assert events[-2].data["text"] == "cleaned up"


def test_a_waiting_question_and_a_waiting_receive_are_woken(bench: Bench) -> None:
    handles = [
        bench.start(lambda task: task.ask("?")),
        bench.start(lambda task: task.receive(timeout=None)),
    ]
    wait_for(lambda: handles[0].state == "waiting", "the question")
    for handle in handles:
        handle.cancel()
        assert state_of(bench.ended(handle)) == "cancelled"


def test_code_that_never_looks_is_interrupted_after_the_grace(make_bench: Any) -> None:
    def work() -> None:
        while True:
            pass

    bench = make_bench(cancel_grace=0.1)
    handle = bench.start(work)
    handle.cancel()
    assert state_of(bench.ended(handle)) == "cancelled"


def test_code_that_swallows_the_first_is_told_again(make_bench: Any) -> None:
    told: list[int] = []

    def work(task: TaskContext) -> None:
        for _ in range(2):
            try:
                while True:
                    task.progress(1)
            except TaskCancelled:
                told.append(1)
        task.message("two are enough")

    bench = make_bench(cancel_grace=0.1)
    handle = bench.start(work)
    handle.cancel()
    events = bench.ended(handle)
    assert len(told) == 2
    assert (events[-2].data["text"], state_of(events)) == ("two are enough", "completed")


def test_until_the_work_has_stopped_it_shows_as_cancelling(bench: Bench) -> None:
    go = threading.Event()
    handle = bench.start(lambda: go.wait(PATIENCE))
    handle.cancel()
    assert (handle.state, handle.row().cancelling) == ("running", True)
    go.set()
    assert state_of(bench.ended(handle)) == "completed", "it returned a value"


@pytest.mark.timeout(120)
def test_a_forced_cancel_never_tears_an_event_apart(make_bench: Any) -> None:
    bench = make_bench(cancel_grace=0.02)

    def work(task: TaskContext) -> None:
        while True:
            try:
                for n in range(10**9):
                    task.emit("tick", {"n": n})
                    with task.tool("t"):
                        pass
            except TaskCancelled:
                n = 0
                while n < 10**9:
                    n += 1

    for _ in range(10):
        handle = bench.start(work)
        wait_for(lambda h=handle: len(bench.events(h)) > 5, "some events")
        handle.cancel()
        events = bench.ended(handle)
        assert state_of(events) == "cancelled"
        uses = [e.data["tool_call_id"] for e in events if e.type == "tool_use"]
        results = [e.data["tool_call_id"] for e in events if e.type == "tool_result"]
        assert set(results) <= set(uses)
    assert list(bench.log.verify()) == []


def test_each_thread_of_the_task_is_told(bench: Bench) -> None:
    ended: list[str] = []

    def loop(name: str) -> None:
        try:
            while True:
                print(name)
        except TaskCancelled:
            ended.append(name)
            raise

    def quiet(name: str) -> None:
        with contextlib.suppress(TaskCancelled):
            loop(name)

    def work() -> None:
        thread = threading.Thread(target=quiet, args=("child",))
        thread.start()
        try:
            loop("main")
        finally:
            thread.join(PATIENCE)

    handle = bench.start(work)
    wait_for(
        lambda: {"main", "child"} <= set(texts(bench.events(handle), "stdout").split()), "both"
    )
    handle.cancel()
    assert state_of(bench.ended(handle)) == "cancelled"
    assert sorted(ended) == ["child", "main"]


def test_cancelling_twice_or_after_the_end_is_fine(bench: Bench) -> None:
    handle = bench.start(lambda task: task.receive(timeout=None))
    handle.cancel()
    handle.cancel()
    events = bench.ended(handle)
    handle.cancel()
    assert [e.data["state"] for e in events if e.type == "status"] == ["running", "cancelled"]


def test_a_cancel_from_another_process_arrives(bench: Bench) -> None:
    handle = bench.start(lambda task: task.receive(timeout=None))
    other = Bench(bench.log)
    other.runner.submit(handle.chat_id, handle.task_id, "cancel", {})
    events = bench.ended(handle)
    assert state_of(events) == "cancelled"
    assert [e.data["outcome"] for e in events if e.type == "command"] == ["accepted", "applied"]

"""Plain functions, async functions, generators: what is run, and what is kept of it."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from sparky_nb.errors import Conflict, InvalidArgument, TaskFailed
from sparky_nb.events.model import Thought
from sparky_nb.tasks import TaskContext, TaskHandle
from tests.tasks.running import PATIENCE, Bench, brief


def test_a_function_runs_from_running_to_completed(bench: Bench) -> None:
    events = bench.run(lambda a, b: a + b, 1, 2)
    assert [e.type for e in events] == ["status", "status"]
    first, last = (e.data for e in events)
    assert (first["state"], first["attempt"], first["kind"]) == ("running", 1, "call")
    assert first["runner"] == "runner-of-the-test"
    assert (last["state"], last["result"]) == ("completed", 3)
    assert last["duration_ms"] >= 0


def test_an_async_function_runs_on_a_loop_of_its_own(bench: Bench) -> None:
    async def work(task: TaskContext) -> str:
        await asyncio.sleep(0)
        task.message("here")
        return "done"

    handle = bench.start(work)
    assert handle.result(PATIENCE) == "done"
    assert brief(bench.events(handle)) == [("message_sent", "here")]


def test_a_generators_values_become_events_and_its_return_the_result(bench: Bench) -> None:
    def work() -> Iterator[Any]:
        yield "a message"
        yield Thought(message_id="m", text="hm", final=True)
        yield {"type": "epoch_done", "data": {"result": 0.5}}
        return 7

    handle = bench.start(work)
    assert handle.result(PATIENCE) == 7
    expected = [("message_sent", "a message"), ("thought", "hm"), ("epoch_done", 0.5)]
    assert brief(bench.events(handle)) == expected


def test_an_async_generator_works_alike(bench: Bench) -> None:
    async def work() -> AsyncIterator[str]:
        yield "one"
        await asyncio.sleep(0)
        yield "two"

    assert brief(bench.run(work)) == [("message_sent", "one"), ("message_sent", "two")]


def test_the_context_comes_where_the_first_parameter_asks_for_it(bench: Bench) -> None:
    def named(task: Any, n: int) -> str:
        return f"{task.id} {n}"

    def annotated(ctx: TaskContext) -> str:
        return ctx.id

    def neither(tasks: int) -> int:
        return tasks

    handle = bench.start(named, 3)
    assert handle.result(PATIENCE) == f"{handle.task_id} 3"
    assert (handle := bench.start(annotated)).result(PATIENCE) == handle.id == handle.task_id
    assert bench.start(neither, 3).result(PATIENCE) == 3


def test_arguments_that_do_not_fit_start_nothing(bench: Bench) -> None:
    with pytest.raises(TypeError, match="missing a required argument"):
        bench.start(lambda a: a)
    with pytest.raises(InvalidArgument, match="fn: expected something that can be called"):
        bench.start(3)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="chat_id"):
        bench.start(print, chat_id="no/such")
    assert bench.log.tasks() == []


def test_secrets_among_the_arguments_are_masked(bench: Bench) -> None:
    def connect(host: str, password: str) -> None: ...

    events = bench.run(connect, "db", "hunter2")
    assert "hunter2" not in repr(events)
    assert "password='***'" in events[0].data["instruction"]
    named = bench.run(functools.partial(connect, password="hunter2"), "db")[0].data["name"]
    assert named.endswith("connect")


def test_a_result_is_kept_as_json_or_as_its_representation(bench: Bench) -> None:
    value = {"n": 1, "odd": object, "nan": float("nan"), "bad": "\ud800"}
    kept = bench.run(lambda: value)[-1].data["result"]
    assert kept == {"n": 1, "odd": "<class 'object'>", "nan": "NaN", "bad": "�"}


def test_in_its_process_the_result_is_the_object_itself(bench: Bench) -> None:
    value = object()
    assert bench.start(lambda: value).result(PATIENCE) is value


def test_a_huge_result_costs_only_a_representation(bench: Bench) -> None:
    kept = bench.run(lambda: list(range(3_000_000)))[-1].data["result"]
    assert kept == "[0, 1, 2, 3, 4, 5, ...] (3000000 items)"


def test_a_handle_is_awaitable_and_reads_from_any_process(bench: Bench) -> None:
    async def wait(handle: TaskHandle) -> Any:
        return await asyncio.wait_for(handle, PATIENCE)

    handle = bench.start(lambda: 5)
    assert asyncio.run(wait(handle)) == 5
    elsewhere = TaskHandle(Bench(bench.log).runner, handle.task_id, handle.chat_id)
    assert (elsewhere.state, elsewhere.result(PATIENCE)) == ("completed", 5)
    assert asyncio.run(wait(elsewhere)) == 5
    assert [e.type for e in elsewhere.events()] == ["status", "status"]


def test_retry_starts_a_new_task_that_names_the_old_one(bench: Bench) -> None:
    calls: list[int] = []

    def flaky() -> int:
        calls.append(1)
        if len(calls) == 1:
            raise OSError("not yet")
        return len(calls)

    handle = bench.start(flaky)
    with pytest.raises(TaskFailed, match="OSError: not yet") as raised:
        handle.result(PATIENCE)
    assert isinstance(raised.value.__cause__, OSError)
    again = handle.retry()
    assert again.result(PATIENCE) == 2
    assert bench.events(again)[0].data["retry_of"] == handle.task_id


def test_a_running_task_is_not_retried(bench: Bench) -> None:
    handle = bench.start(lambda task: task.receive(timeout=None))
    with pytest.raises(Conflict, match="has not ended"):
        handle.retry()
    handle.cancel()


def test_tasks_beyond_the_bound_are_queued_and_run_in_order(make_bench: Any) -> None:
    bench, order = make_bench(parallel=1), []
    first = bench.start(lambda task: task.receive(timeout=None))
    queued = [bench.start(lambda n: order.append(n), n) for n in range(3)]
    assert [h.state for h in queued] == ["queued"] * 3
    assert bench.events(queued[1])[0].data["reason"] == "place 2 in the queue"
    queued[1].cancel()
    first.send("go")
    assert [bench.ended(h)[-1].data["state"] for h in queued] == [
        "completed",
        "cancelled",
        "completed",
    ]
    assert order == [0, 2]


def test_a_waiting_task_leaves_its_place_to_the_next(make_bench: Any) -> None:
    bench = make_bench(parallel=1)
    asking = bench.start(lambda task: task.ask("go on?"))
    assert bench.ended(bench.start(lambda: 1))[-1].data["state"] == "completed"
    asking.answer("yes")
    assert asking.result(PATIENCE) == "yes"

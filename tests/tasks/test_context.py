"""What code inside a task can do, call by call."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from sparky_nb.errors import Conflict, InvalidArgument, TaskFailed
from sparky_nb.tasks import TaskContext
from tests.tasks.running import PATIENCE, Bench, brief


def test_progress_says_how_far_the_work_is(bench: Bench) -> None:
    def work(task: TaskContext) -> None:
        task.progress(1, 4, "reading", unit="files")
        task.progress(0.5, key="inner")

    main, inner = (e.data for e in bench.run(work)[1:-1])
    assert main == {"key": "main", "done": 1, "total": 4, "message": "reading", "unit": "files"}
    assert inner == {"key": "inner", "done": 0.5}


@pytest.mark.parametrize(
    "call, field",
    [
        (lambda task: task.progress(float("nan")), "done"),
        (lambda task: task.progress("3"), "done"),
        (lambda task: task.progress(True), "done"),
        (lambda task: task.progress(None), "done"),
        (lambda task: task.progress(1, float("inf")), "total"),
        (lambda task: task.progress(1, message=3), "message"),
        (lambda task: task.progress(1, key=3), "key"),
        (lambda task: task.message(3), "text"),
        (lambda task: task.thought(None), "text"),
        (lambda task: task.emit("", {}), "type"),
        (lambda task: task.emit("status", {"state": "completed"}), "type"),
        (lambda task: task.emit("x", [1]), "data"),
        (lambda task: task.ask("?", timeout=0), "timeout"),
        (lambda task: task.ask("?", [1]), "choices"),
        (lambda task: task.streaming("noise").__enter__(), "kind"),
    ],
)
def test_a_wrong_value_is_refused_by_name_and_stores_nothing(
    bench: Bench, call: Callable[[TaskContext], Any], field: str
) -> None:
    handle = bench.start(lambda task: call(task))
    with pytest.raises(TaskFailed) as raised:
        handle.result(PATIENCE)
    assert isinstance(raised.value.__cause__, InvalidArgument)
    assert raised.value.__cause__.field == field
    assert brief(bench.events(handle)) == []


def test_numpy_numbers_are_numbers(bench: Bench) -> None:
    numpy = pytest.importorskip("numpy")
    events = bench.run(lambda task: task.progress(numpy.int64(3), numpy.float32(4)))
    assert brief(events) == [("progress", (3, 4.0))]


def test_track_counts_and_hands_through(bench: Bench) -> None:
    handle = bench.start(lambda task: list(task.track("abc", "spelling")))
    assert handle.result(PATIENCE) == ["a", "b", "c"]
    assert brief(bench.events(handle))[-1] == ("progress", (3, 3))


def test_track_goes_through_what_has_no_length_and_what_is_async(bench: Bench) -> None:
    async def numbers() -> AsyncIterator[int]:
        for n in range(3):
            yield n

    async def work(task: TaskContext) -> list[int]:
        return [n async for n in task.track(numbers(), total=3)]

    assert list(bench.start(lambda task: list(task.track(iter("ab")))).result(PATIENCE)) == [*"ab"]
    handle = bench.start(work)
    assert handle.result(PATIENCE) == [0, 1, 2]
    assert brief(bench.events(handle))[-1] == ("progress", (3, 3))


def test_a_tool_call_has_its_result(bench: Bench) -> None:
    def work(task: TaskContext) -> None:
        with task.tool("search", q="cats", api_key="hush", deep={"token": "hush"}) as call:
            call.result = {"hits": 3}

    use, result = (e.data for e in bench.run(work)[1:-1])
    assert use["args"] == {"q": "cats", "api_key": "***", "deep": {"token": "***"}}
    assert (result["tool_call_id"], result["name"]) == (use["tool_call_id"], "search")
    assert (result["status"], result["result"]) == ("success", {"hits": 3})
    assert result["duration_ms"] >= 0


def test_a_tool_call_that_raises_says_so_and_the_exception_goes_on(bench: Bench) -> None:
    def work(task: TaskContext) -> None:
        with task.tool("search"):
            raise OSError("offline")

    _, _, result, last = bench.run(work)
    assert (result.data["status"], result.data["result"]) == ("error", "OSError: offline")
    assert last.data["state"] == "failed"


def test_streamed_text_has_one_id_and_one_end(bench: Bench) -> None:
    def work(task: TaskContext) -> None:
        with task.streaming("message") as out:
            out.write("Hel")
            out.write("lo")
        task.thought("hm")

    *pieces, thought = bench.run(work)[1:-1]
    assert "".join(e.data["text"] for e in pieces) == "Hello"
    assert len({e.data["message_id"] for e in pieces}) == 1
    assert [e.data["final"] for e in pieces] == [False] * (len(pieces) - 1) + [True]
    assert (thought.type, thought.data["text"], thought.data["final"]) == ("thought", "hm", True)


def test_own_event_types_and_odd_values_are_kept(bench: Bench) -> None:
    loop: list[Any] = []
    loop.append(loop)
    data = {"nan": float("nan"), "big": 2**60, "bad": "\ud800", "loop": loop, 3: object}
    kept = bench.run(lambda task: task.emit("mine", data))[1]
    assert kept.type == "mine"
    assert kept.data["nan"] == "NaN"
    assert kept.data["big"] == str(2**60)
    assert kept.data["bad"] == "�"
    assert kept.data["3"] == "<class 'object'>"


def test_a_message_to_the_task_is_received_in_order(bench: Bench) -> None:
    handle = bench.start(lambda task: [task.receive(timeout=None) for _ in range(2)])
    handle.send("one")
    handle.send("two")
    assert handle.result(PATIENCE) == ["one", "two"]
    types = [t for t, _ in brief(bench.events(handle))]
    assert types.count("message_received") == 2
    outcomes = [e.data["outcome"] for e in bench.events(handle) if e.type == "command"]
    assert sorted(outcomes) == ["accepted", "accepted", "applied", "applied"]


def test_receive_does_not_wait_unless_it_is_told_to(bench: Bench) -> None:
    assert bench.start(lambda task: task.receive()).result(PATIENCE) is None


def test_after_the_end_emitting_raises_a_clear_error(bench: Bench) -> None:
    kept: list[TaskContext] = []
    bench.run(lambda task: kept.append(task))
    assert kept[0].ended
    for call in (
        lambda: kept[0].message("late"),
        lambda: kept[0].progress(1),
        lambda: kept[0].emit("x", {}),
        lambda: kept[0].ask("late?"),
    ):
        with pytest.raises(Conflict, match="has ended; nothing can be emitted"):
            call()

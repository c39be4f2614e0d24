"""Questions: the task waits, an answer wakes it, time runs out."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sparky_nb.errors import Conflict, InvalidArgument, NotFound
from sparky_nb.tasks import QuestionExpired, TaskContext
from tests.tasks.running import PATIENCE, Bench, wait_for


def states(events: list[Any]) -> list[str]:
    return [e.data["state"] for e in events if e.type == "status"]


def test_an_answer_wakes_the_task(bench: Bench) -> None:
    handle = bench.start(lambda task: task.ask("Which?", ["left", "right"]))
    wait_for(lambda: handle.state == "waiting", "the question")
    handle.answer("left")
    assert handle.result(PATIENCE) == "left"
    events = bench.events(handle)
    assert states(events) == ["running", "waiting", "running", "completed"]
    question = next(e.data for e in events if e.type == "question")
    assert (question["prompt"], question["choices"]) == ("Which?", ["left", "right"])
    answer = next(e.data for e in events if e.type == "message_received")
    assert (answer["text"], answer["in_reply_to"]) == ("left", question["question_id"])


def test_the_answer_is_stored_before_the_task_goes_on(bench: Bench) -> None:
    def work(task: TaskContext) -> None:
        task.ask("?")
        task.message("on")

    handle = bench.start(work)
    wait_for(lambda: handle.state == "waiting", "the question")
    handle.answer("yes")
    types = [e.type for e in bench.ended(handle)]
    assert types.index("message_received") < types.index("message_sent")


def test_an_answer_that_is_no_choice_is_refused(bench: Bench) -> None:
    handle = bench.start(lambda task: task.ask("Which?", ["left", "right"]))
    wait_for(lambda: handle.state == "waiting", "the question")
    with pytest.raises(InvalidArgument, match="one of left, right"):
        handle.answer("up")
    with pytest.raises(NotFound):
        handle.answer("left", "another question")
    assert not [e for e in bench.events(handle) if e.type == "command"], "nothing was accepted"
    handle.answer("right")
    assert handle.result(PATIENCE) == "right"


def test_a_question_that_nobody_could_read_is_refused(bench: Bench) -> None:
    def work(task: TaskContext) -> None:
        with pytest.raises(InvalidArgument, match=r"prompt: expected at most \d+ bytes"):
            task.ask("€" * 40_000)
        with pytest.raises(InvalidArgument, match="choices included"):
            task.ask("Which?", ["x" * 70_000])

    events = bench.ended(bench.start(work))
    assert states(events) == ["running", "completed"]
    assert not [e for e in events if e.type == "question"]


def test_the_choices_of_a_redacted_question_are_known_to_the_task_alone(bench: Bench) -> None:
    handle = bench.start(lambda task: task.ask("Which?", ["left", "right"]))
    wait_for(lambda: handle.state == "waiting", "the question")
    (asked,) = [e.offset for e in bench.events(handle) if e.type == "question"]
    bench.log.redact(handle.chat_id, [asked], actor="user:ann", now_ms=1)
    handle.answer("up")
    rejected = [e for e in bench.events(handle) if e.data.get("outcome") == "rejected"]
    assert len(rejected) == 1
    handle.answer("left")
    assert handle.result(PATIENCE) == "left"


def test_time_that_runs_out_raises_and_the_task_goes_on(bench: Bench) -> None:
    def work(task: TaskContext) -> str:
        try:
            task.ask("?", timeout=0.01)
        except QuestionExpired as error:
            return type(error).__mro__[1].__name__
        return "answered"

    handle = bench.start(work)
    assert handle.result(PATIENCE) == "TimeoutError"
    events = bench.events(handle)
    assert states(events) == ["running", "waiting", "running", "completed"]
    assert "expires" in next(e.data for e in events if e.type == "question")
    with pytest.raises(Conflict):
        handle.answer("late")


def test_on_a_loop_asking_is_awaited_and_the_loop_goes_on(bench: Bench) -> None:
    async def work(task: TaskContext) -> tuple[list[str], int]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)

        ticking = asyncio.create_task(tick())
        answers = await asyncio.gather(task.ask("one?", ["1"]), task.ask("two?", ["2"]))
        ticking.cancel()
        return answers, ticks

    handle = bench.start(work)
    wait_for(lambda: sum(e.type == "question" for e in bench.events(handle)) == 2, "both")
    with pytest.raises(Conflict, match="several"):
        handle.answer("1")
    for event in bench.events(handle):
        if event.type == "question":
            handle.answer(event.data["choices"][0], event.data["question_id"])
    answers, ticks = handle.result(PATIENCE)
    assert answers == ["1", "2"]
    assert ticks > 0
    assert states(bench.events(handle)) == ["running", "waiting", "running", "completed"]


def test_on_a_loop_time_runs_out_as_well(bench: Bench) -> None:
    async def work(task: TaskContext) -> None:
        await task.ask("?", timeout=0.01)

    events = bench.run(work)
    assert events[-1].data["error"]["type"].endswith("QuestionExpired")


def test_an_answer_where_nobody_asks_is_refused(bench: Bench) -> None:
    handle = bench.start(lambda task: task.receive(timeout=None))
    with pytest.raises(Conflict, match="waits for no answer"):
        handle.answer("yes")
    handle.cancel()

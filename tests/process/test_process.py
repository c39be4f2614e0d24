"""A task in a process of its own does all that a task does."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

import sparky_nb
from sparky_nb import api
from sparky_nb.errors import Conflict, InvalidArgument, TaskFailed
from sparky_nb.process import Process
from tests.process.started import ending_of, events_of, plain, printed, start, until_says, wait_for


def test_its_result_is_the_object_that_it_was() -> None:
    def work(n: int) -> Any:
        return {"sizes": {n, 2}, "pair": (1, n)}

    handle = start(work, 3)
    assert handle.result(40) == {"sizes": {2, 3}, "pair": (1, 3)}
    assert handle.row().result == {"sizes": [2, 3], "pair": [1, 3]}


def test_its_first_event_is_stored_when_start_returns() -> None:
    handle = start(lambda: None)
    first = next(handle.events(follow=False))
    assert first.data["state"] == "queued"
    assert first.data["reason"] == "its process is starting"
    assert first.data["runner"] in {row.runner_id for row in sparky_nb.runner().log.runners()}
    assert [e.data["state"] for e in events_of(handle) if e.type == "status"] == [
        "queued",
        "running",
        "completed",
    ]


def test_what_c_code_and_subprocesses_write_is_output_before_the_ending() -> None:
    def work() -> None:
        import ctypes
        import os
        import subprocess

        print("from python")
        subprocess.run(["echo", "from a subprocess"], check=True)
        os.write(2, "straight to 2: ä\n".encode())
        ctypes.CDLL(None).printf(b"held by the C library\n")

    events = events_of(start(work))
    assert sorted(printed(events).splitlines()) == [
        "from a subprocess",
        "from python",
        "held by the C library",
    ]
    assert printed(events, "stderr") == "straight to 2: ä\n"


def test_progress_questions_messages_and_answers_go_both_ways() -> None:
    def work(task: Any) -> Any:
        task.message("ready")
        name = task.receive(timeout=40)
        for _ in task.track(range(3)):
            pass
        return [name, task.ask("Go on?", ["yes", "no"])]

    handle = start(work)
    until_says(handle, "ready")
    handle.send("hello")
    wait_for(lambda: handle.state == "waiting", "it asks")
    handle.answer("yes")
    assert handle.result(40) == ["hello", "yes"]


def test_a_generator_and_a_coroutine_work_as_in_a_thread() -> None:
    def steps() -> Iterator[str]:
        yield "one"
        return

    async def later() -> int:
        import asyncio

        await asyncio.sleep(0)
        return 4

    first, second = start(steps), start(later)
    assert [e.data["text"] for e in events_of(first) if e.type == "message_sent"] == ["one"]
    assert second.result(40) == 4


def test_a_failure_has_the_users_frames_only() -> None:
    def work() -> None:
        raise KeyError("no such thing")

    handle = start(work)
    with pytest.raises(TaskFailed, match="no such thing"):
        handle.result(40)
    error = ending_of(handle)["error"]
    assert error["type"] == "KeyError"
    assert 'raise KeyError("no such thing")' in plain(error["traceback"])
    assert "child.py" not in error["traceback"]


def test_a_task_that_it_starts_belongs_to_its_process_and_is_waited_for() -> None:
    def work() -> Any:
        import os

        import sparky_nb

        def inner(task: Any) -> int:
            task.receive(timeout=0.3)
            return os.getpid()

        return [os.getpid(), sparky_nb.start(inner).task_id]

    handle = start(work, chat="nested")
    pid, task_id = handle.result(40)
    inner = sparky_nb.task(task_id)
    assert inner.result(40) == pid
    assert inner.chat_id == "nested"


def test_its_time_limit_is_not_one_for_the_tasks_that_it_starts() -> None:
    def work(task: Any) -> str:
        import sparky_nb

        def inner(task: Any) -> int:
            task.receive(timeout=1.5)
            return 7

        return sparky_nb.start(inner).task_id

    handle = start(work, on=Process(time=1))
    assert sparky_nb.task(handle.result(40)).result(40) == 7


def test_a_pool_of_processes_works_in_it() -> None:
    def work() -> int:
        import multiprocessing

        with multiprocessing.get_context("fork").Pool(2) as pool:  # its end terminates them
            return sum(pool.map(abs, [-1, -2, 3]))

    assert start(work).result(40) == 6


def test_it_can_be_done_again() -> None:
    def work() -> int:
        return 1

    handle = start(work)
    with pytest.raises(Conflict, match="has not ended"):
        handle.retry()
    handle.result(40)
    again = sparky_nb.task(handle.task_id).retry()
    assert again.result(40) == 1
    assert again.row().retry_of == handle.task_id


def test_without_cloudpickle_a_clear_message_and_nothing_is_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    with pytest.raises(Conflict, match=r"pip install 'sparky-nb\[process\]'; nothing was started"):
        start(lambda: None)
    assert api.find_tasks() == []


def test_a_log_that_only_this_process_has_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARKY_LOG_URL", "memory://alone")
    with pytest.raises(Conflict, match="another can't reach it"):
        start(lambda: None)
    assert api.find_tasks() == []


@pytest.mark.parametrize(
    "on, field",
    [
        ("elsewhere", "on"),
        (Process(memory=-1), "memory"),
        (Process(memory="much"), "memory"),
        (Process(time="soon"), "time"),
        (Process(time=float("nan")), "time"),
    ],
)
def test_a_wrong_place_or_limit_is_named_and_nothing_is_started(on: Any, field: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        start(lambda: None, on=on)
    assert caught.value.field == field
    assert api.find_tasks() == []

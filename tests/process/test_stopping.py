"""Cancel, kill and limits: whatever the work does, it stops, and the ending says so."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparky_nb import api
from sparky_nb.errors import TaskFailed
from sparky_nb.process import Process
from sparky_nb.process.escalation import SIGNALS, Escalation
from sparky_nb.process.limits import parse_duration, parse_size
from tests.process.started import ending_of, is_gone, start, until_says, wait_for


def blocks(task: Any) -> None:
    import time

    task.message("ready")
    time.sleep(1000)


def holds_the_interpreter(task: Any) -> None:
    import itertools

    task.message("ready")
    sum(itertools.repeat(1))  # never looks at signals, never lets another thread run


def does_not_care(task: Any) -> None:
    import contextlib
    import time

    task.message("ready")
    while True:
        with contextlib.suppress(BaseException):
            time.sleep(1000)


def local(fn: Any) -> Any:
    """``fn`` as a function that travels whole: a test's module is not importable elsewhere."""
    import types

    return types.FunctionType(fn.__code__, {"__builtins__": __builtins__}, f"local_{fn.__name__}")


@pytest.mark.promise("P6")
def test_a_cancel_interrupts_what_blocks() -> None:
    handle = start(local(blocks))
    until_says(handle, "ready")
    handle.cancel("enough")
    ending = ending_of(handle)
    assert (ending["state"], ending["reason"]) == ("cancelled", "enough")


@pytest.mark.promise("P6")
@pytest.mark.parametrize("fn", [holds_the_interpreter, does_not_care])
def test_what_does_not_stop_is_killed_and_is_cancelled(fn: Any) -> None:
    api.configure(cancel_grace=0.3)
    handle = start(local(fn))
    until_says(handle, "ready")
    handle.cancel("enough")
    ending = ending_of(handle)
    assert ending["state"] == "cancelled"
    assert ending["reason"].startswith("enough; its process was killed by SIGKILL")


def test_work_that_cleans_up_after_a_cancel_is_given_time() -> None:
    def work(task: Any) -> None:
        import time

        task.message("ready")
        try:
            time.sleep(1000)
        finally:
            time.sleep(0.2)
            task.message("cleaned up")

    handle = start(work)
    until_says(handle, "ready")
    handle.cancel()
    assert ending_of(handle)["state"] == "cancelled"
    until_says(handle, "cleaned up")


def test_a_coroutine_is_cancelled_as_asyncio_does_it() -> None:
    async def work(task: Any) -> None:
        import asyncio

        task.message("ready")
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            task.message("asyncio said so")
            raise

    handle = start(work)
    until_says(handle, "ready")
    handle.cancel()
    assert ending_of(handle)["state"] == "cancelled"
    until_says(handle, "asyncio said so")


@pytest.mark.promise("P6")
def test_kill_ends_it_at_once_with_all_that_it_started() -> None:
    def work(task: Any) -> None:
        import subprocess

        with subprocess.Popen(["sleep", "1000"]) as child:
            task.message(str(child.pid))
            child.wait()

    handle = start(work)
    said = wait_for(
        lambda: [e for e in handle.events(follow=False) if e.type == "message_sent"], "it speaks"
    )
    handle.kill("away with it")
    ending = ending_of(handle)
    assert ending["state"] == "cancelled"
    assert ending["reason"].startswith("away with it")
    wait_for(lambda: is_gone(int(said[0].data["text"])), "its subprocess is gone")


@pytest.mark.promise("P6")
def test_a_cancel_before_the_work_has_begun_counts() -> None:
    handle = start(lambda: __import__("time").sleep(1000))
    handle.cancel()
    assert ending_of(handle)["state"] == "cancelled"


@pytest.mark.skipif(sys.platform != "linux", reason="macOS does not bound the address space")
def test_more_memory_than_the_limit_is_a_failure_with_its_name() -> None:
    def work() -> int:
        return len(bytearray(2 << 30))

    handle = start(work, on=Process(memory="300M"))
    with pytest.raises(TaskFailed, match="more than its limit of 300 MiB"):
        handle.result(40)
    assert ending_of(handle)["error"]["type"] == "sparky_nb.process.MemoryLimitExceeded"


@pytest.mark.skipif(sys.platform != "linux", reason="macOS does not bound the address space")
def test_work_within_its_limits_is_left_alone() -> None:
    assert start(lambda: len(bytearray(8 << 20)), on=Process(memory="1G", time="10m")).result(40)


@pytest.mark.parametrize("fn", [blocks, holds_the_interpreter])
def test_longer_than_the_limit_is_a_failure_with_its_name(fn: Any) -> None:
    api.configure(cancel_grace=0.3)
    ending = ending_of(start(local(fn), on=Process(time=0.3)))
    assert ending["state"] == "failed"
    assert ending["error"]["type"] == "sparky_nb.process.TimeLimitExceeded"
    assert ending["error"]["message"].startswith("the task ran longer than its limit of 0.3 s")


@given(
    asked=st.floats(0, 1e6),
    grace=st.floats(0.01, 100),
    looks=st.lists(st.floats(0, 1e4), max_size=20),
)
def test_each_signal_is_sent_once_in_order_and_none_too_early(
    asked: float, grace: float, looks: list[float]
) -> None:
    stop, sent = Escalation(grace), []
    assert stop.due(asked) == []
    stop.ask(asked)
    for after in sorted(looks):
        stop.ask(asked + after)
        for name in stop.due(asked + after):
            assert asked + after >= asked + grace * SIGNALS.index(name) - 1e-6
            sent.append(name)
    stop.hurry(asked + 1e9)
    sent += stop.due(asked + 1e9)
    assert sent[-1] == "SIGKILL"
    assert sent == [name for name in SIGNALS if name in sent]
    assert stop.next_at() is None


@pytest.mark.parametrize(
    "text, size", [("1K", 1024), ("1.5 MiB", 1572864), ("2gb", 2 << 30), ("7", 7), (9, 9)]
)
def test_sizes_are_read_as_people_write_them(text: Any, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text, seconds", [("90s", 90), ("2h", 7200), ("1d", 86400), (0.5, 0.5)])
def test_durations_are_read_as_people_write_them(text: Any, seconds: float) -> None:
    assert parse_duration(text) == seconds

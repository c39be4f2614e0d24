"""Processes run side by side up to a bound; the rest waits, whatever becomes of who started it."""

from __future__ import annotations

import os
import signal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import sparky_nb
from tests.process.started import (
    ending_of,
    events_of,
    is_gone,
    kill_9,
    python,
    start,
    supervisor_of,
    until_says,
    wait_for,
)


def until(task: Any, path: str) -> str:
    import os

    task.message("ready")
    while not os.path.exists(path):
        task.receive(timeout=0.02)
    return "done"


@pytest.fixture
def one_place() -> Any:
    before = sparky_nb.configure().processes
    yield sparky_nb.configure(processes=1)
    sparky_nb.configure(processes=before)


KERNEL = """
import sys, sparky_nb
from tests.process.test_places import until
sparky_nb.configure(processes=1)
for _ in range(3):
    print(sparky_nb.start(until, sys.argv[1], on="process").task_id, flush=True)
sys.stdin.read()
"""


@pytest.mark.promise("P6")
def test_the_rest_says_its_place_and_its_turn_comes_though_the_kernel_is_dead(
    tmp_path: Path,
) -> None:
    kernel = python(KERNEL, str(tmp_path / "go"), stdin=-1, start_new_session=True)
    assert kernel.stdout is not None
    assert kernel.stdin is not None
    handles = [sparky_nb.task(kernel.stdout.readline().strip()) for _ in range(3)]
    kill_9(kernel)
    kernel.stdin.close()
    until_says(handles[0], "ready")
    said = [next(iter(it.events(follow=False))).data["reason"] for it in handles]
    assert said == [
        "its process is starting",
        "place 1 in the queue for a process",
        "place 2 in the queue for a process",
    ]
    assert [it.state for it in handles] == ["running", "queued", "queued"]
    (tmp_path / "go").touch()
    assert [it.result(40) for it in handles] == ["done"] * 3
    turns = [[e for e in events_of(it) if e.type == "status"] for it in handles]
    for before, after in pairwise(turns):
        began = after[1]
        assert (began.data["state"], began.offset > before[-1].offset) == ("running", True)


def test_one_that_is_killed_right_after_its_start_is_cancelled_and_never_lost(
    one_place: Any, tmp_path: Path
) -> None:
    for _ in range(5):  # most often its supervisor can't hear yet
        handle = start(until, str(tmp_path / "go"))
        handle.kill("not needed")
        ending = ending_of(handle)
        assert (ending["state"], ending["reason"][:10]) == ("cancelled", "not needed")


def test_one_that_waits_for_a_place_can_be_cancelled(one_place: Any, tmp_path: Path) -> None:
    first = start(until, str(tmp_path / "go"))
    until_says(first, "ready")
    second, third = (start(until, str(tmp_path / "go")) for _ in range(2))
    second.cancel("not needed")
    ending = ending_of(second)
    assert (ending["state"], ending["reason"]) == ("cancelled", "not needed")
    told = [e.data["outcome"] for e in events_of(second) if e.type == "command"]
    assert told == ["accepted", "applied"]
    third.kill()
    assert ending_of(third)["state"] == "cancelled"
    for pid in map(supervisor_of, (second, third)):
        wait_for(lambda pid=pid: is_gone(pid), "it has left")
    assert first.state == "running"


@pytest.mark.promise("P6")
def test_the_place_of_one_that_is_killed_is_the_next_ones(one_place: Any, tmp_path: Path) -> None:
    first, second = (start(until, str(tmp_path / name)) for name in ("never", "go"))
    until_says(first, "ready")
    os.kill(supervisor_of(first), signal.SIGKILL)
    until_says(second, "ready")
    (tmp_path / "go").touch()
    assert second.result(40) == "done"
    assert ending_of(first)["state"] == "lost"


def test_one_that_asks_leaves_its_place_and_one_that_a_process_starts_needs_none(
    one_place: Any,
) -> None:
    def ask(task: Any) -> str:
        return str(task.ask("Go on?", choices=["yes", "no"]))

    def parent() -> Any:
        import sparky_nb

        return sparky_nb.start(sum, [1, 2], on="process").result(40)

    first = start(ask)
    wait_for(lambda: first.state == "waiting", "it asks")
    assert start(parent).result(40) == 3
    question = next(e for e in first.events(follow=False) if e.type == "question")
    first.answer("yes", question.data["question_id"])
    assert first.result(40) == "yes"

"""Agent tasks of one chat take turns, whichever processes they are in, and whoever dies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

import pytest

from sparky_nb.events.codec import decode_event
from sparky_nb.events.model import Event
from sparky_nb.events.states import TERMINAL
from sparky_nb.log import open_log
from sparky_nb.log.base import Log
from tests.process.started import kill_9, python, wait_for

ROUNDS = 15

PLAYER = """
import sys
import sparky_nb.agents
from sparky_nb import api

async def player(assignment):
    yield assignment.instruction

async def stuck(assignment):
    import asyncio
    await asyncio.Event().wait()

api.runner()  # what takes long is done now
print("ready", flush=True)
for agent in sys.stdin:
    handle = sparky_nb.start_agent("Play", chat="shared", model=f"agent:{agent.strip()}")
    print(handle.task_id, flush=True)
"""


@contextmanager
def players(number: int) -> Iterator[list[Popen[str]]]:
    """Processes that play agents in one chat, each when it is told to."""
    found = [python(PLAYER, stdin=-1, start_new_session=True) for _ in range(number)]
    try:
        assert [_said(it) for it in found] == ["ready"] * number
        yield found
    finally:
        for it in found:
            with it:  # closes what it was connected by
                if it.poll() is None:
                    it.kill()


def _tell(player: Popen[str], agent: str) -> None:
    assert player.stdin is not None
    player.stdin.write(f"{agent}\n")
    player.stdin.flush()


def _said(player: Popen[str]) -> str:
    assert player.stdout is not None
    return player.stdout.readline().strip()


def _turns(log: Log) -> list[Event]:
    """Every status of the chat by which a task begins to run, or ends."""
    events = [decode_event(it) for it in log.read("shared", limit=10_000).events]
    told = [it for it in events if it.type == "status"]
    return [it for it in told if it.data["state"] == "running" or it.data["state"] in TERMINAL]


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Log]:
    url = f"sqlite://{tmp_path / 'log.db'}"
    monkeypatch.setenv("SPARKY_LOG_URL", url)
    with open_log(url) as opened:
        yield opened


def test_of_agents_that_two_processes_start_at_once_never_two_run(log: Log) -> None:
    with players(2) as both:
        for done in range(2, 2 * ROUNDS + 1, 2):
            for player in both:
                _tell(player, "player")
            assert all(_said(player).startswith("task-") for player in both)
            ended = {"completed": done}
            wait_for(lambda ended=ended: log.chat("shared").tasks == ended, "both have ended")
    turns = _turns(log)
    for begins, ends in zip(turns[::2], turns[1::2], strict=True):
        assert (begins.task_id, begins.data["state"]) == (ends.task_id, "running")


@pytest.mark.promise("P6")
def test_when_the_process_whose_turn_it_is_is_killed_the_next_gets_it(log: Log) -> None:
    with players(2) as (ann, bob):
        _tell(ann, "stuck")
        first = _said(ann)
        _tell(bob, "player")
        second = _said(bob)
        assert (log.task(first).state, log.task(second).state) == ("running", "queued")
        kill_9(ann)
        wait_for(lambda: log.task(second).state == "completed", "the second has had its turn")
    assert [(it.task_id, it.data["state"]) for it in _turns(log)] == [
        (first, "running"),
        (first, "lost"),
        (second, "running"),
        (second, "completed"),
    ]

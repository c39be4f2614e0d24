"""What the page that the project began with says of agents, by name: `sparky agent tasks add` with
the agent loop of the server, a model over real HTTP, and viewers that come and go.

Its other scenarios are in test_seed_scenarios.py, that of scheduled runs in
tests/worker/test_notebook.py (`test_scenario_3_multiple_scheduled_task_runs`).
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.agents.openai_server import OpenAIServer, Reply
from tests.live import LiveServer, live_server, wait_for, whole

pytestmark = pytest.mark.timeout(180)

STEPS = 4
PATIENCE = 60.0


class Model:
    """Uses a tool STEPS times and then says that it is done, a step each time it is let."""

    def __init__(self) -> None:
        self._steps: dict[str, threading.Semaphore] = {}

    def __call__(self, body: dict[str, Any]) -> Reply:
        messages = body["messages"]
        instruction = next(m["content"] for m in messages if m["role"] == "user")
        number = sum(m["role"] == "tool" for m in messages)
        assert self.steps(instruction).acquire(timeout=PATIENCE)
        if number == STEPS:
            return Reply(text=["All ", "done"])
        return Reply(reasoning=[f"Step {number}"], tools=[("list_variables", {})])

    def steps(self, instruction: str) -> threading.Semaphore:
        return self._steps.setdefault(instruction, threading.Semaphore(0))

    def go(self, instruction: str, steps: int = STEPS + 1) -> None:
        self.steps(instruction).release(steps)


@pytest.fixture(scope="module")
def model() -> Model:
    return Model()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, model: Model) -> Iterator[LiveServer]:
    """ "Configuration: no configuration needed! Automatic when SPARKY_ENABLE_AGENT_LOOP=true."""
    with OpenAIServer(model) as vendor, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARKY_ENABLE_AGENT_LOOP", "true")
        patch.setenv("SPARKY_MODEL", "openai:scripted")
        patch.setenv("OPENAI_BASE_URL", vendor.base_url)
        with live_server(tmp_path_factory.mktemp("agents")) as running:
            yield running


def add(server: LiveServer, instruction: str, chat: str) -> str:
    """What a person types; the task's id."""
    words = ["agent", "tasks", "add", instruction, "--chat", chat, "--server", server.url]
    done = subprocess.run(
        [sys.executable, "-m", "sparky_nb.cli", *words],
        env={**os.environ, "JUPYTER_TOKEN": server.token},
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1].split()[-1]


def test_sparky_agent_tasks_add_run_smart_maintenance_and_updates_resume_after_a_refresh(
    server: LiveServer, model: Model
) -> None:
    said = "Run smart maintenance"
    task_id = add(server, said, "maintenance")
    before = server.socket("maintenance")
    model.go(said, 1)
    before.until_type("tool_result")
    before.cut()  # the page is refreshed in the middle of the task
    model.go(said, 1)
    after = server.socket("maintenance", **before.cursor)
    after.until_type("tool_use")  # the next tool call appears
    model.go(said)
    assert after.until_end() == "completed"  # and all that remains
    events = whole(before.events, after.events)
    assert events == server.log_of("maintenance")
    assert {e["task_id"] for e in events} == {task_id}
    wait_for(lambda: "reconnected" in server.said(), "the server logs the reconnection")
    # "Where detection happens": on_tool_use, on_tool_result, on_thought, on_message_sent,
    # on_message_received, task execution status. Progress is what it has used up so far.
    assert {e["type"] for e in events} == {
        "tool_use", "tool_result", "thought", "message_sent", "message_received", "status",
        "progress",
    }  # fmt: skip
    told = [e["data"]["state"] for e in events if e["type"] == "status"]
    assert told == ["queued", "running", "completed"]


def test_sparky_agent_tasks_add_complex_multi_step_task_and_three_rapid_refreshes(
    server: LiveServer, model: Model
) -> None:
    said, parts = "Complex multi-step task", []
    add(server, said, "complex")
    viewer = server.socket("complex")
    for _ in range(3):
        model.go(said, 1)
        viewer.until_type("tool_result")
        parts.append(viewer.events)
        cursor = viewer.cursor
        viewer.close()
        viewer = server.socket("complex", **cursor)
    model.go(said)
    assert viewer.until_end() == "completed"
    assert whole(*parts, viewer.events) == server.log_of("complex")


def test_sparky_agent_tasks_add_long_task_is_still_running_when_a_new_tab_comes_later(
    server: LiveServer, model: Model
) -> None:
    said = "Long task"
    add(server, said, "long")
    before = server.socket("long")
    model.go(said, 1)
    before.until_type("tool_result")
    before.close()
    model.go(said, 1)
    later = server.socket("long")
    assert later.hello["next"] == 1
    model.go(said)
    assert later.until_end() == "completed"
    assert whole(later.events) == server.log_of("long")


def test_edge_case_2_an_agents_task_is_watched_by_several_users(
    server: LiveServer, model: Model
) -> None:
    said = "Work for all of us"
    add(server, said, "several")
    viewers = [server.socket("several") for _ in range(3)]
    model.go(said)
    for viewer in viewers:
        assert viewer.until_end() == "completed"
        assert whole(viewer.events) == server.log_of("several")


STANDALONE = """
import sparky_nb
handle = sparky_nb.start_agent("Run smart maintenance")
assert handle.result(timeout=60) == "All done"
print([e.type for e in handle.events()])
"""


def test_edge_case_3_standalone_mode_an_agents_task_executes_normally_without_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARKY_LOG_URL", f"sqlite://{tmp_path / 'log.db'}")
    monkeypatch.setenv("SPARKY_MODEL", "openai:scripted")
    alone = Model()
    alone.go("Run smart maintenance")
    with OpenAIServer(alone) as vendor:
        monkeypatch.setenv("OPENAI_BASE_URL", vendor.base_url)
        ran = subprocess.run(
            [sys.executable, "-c", STANDALONE],
            capture_output=True, text=True, timeout=120, cwd=tmp_path, check=False,
        )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    assert "'tool_use', 'tool_result'" in ran.stdout

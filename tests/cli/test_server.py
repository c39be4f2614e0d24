"""The same commands through a running server."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import PATIENCE, SPARKY, Sparky
from tests.live import LiveServer, live_server, wait_for

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with live_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def through(sparky: Sparky, server: LiveServer) -> Sparky:
    return lambda *words: sparky(*words, "--server", server.url, "--token", server.token)


TASK = """
%%sparky task --chat {chat}
while (text := task.receive(timeout=60)) != "stop":
    task.message(f"heard {{text}}")
"""


def start(server: LiveServer, chat: str) -> str:
    server.kernel().run(TASK.format(chat=chat))
    found = server.api(f"tasks?chat={chat}")
    return str(found[0]["task_id"])


@pytest.mark.promise("P1")
def test_commands_work_through_a_server_and_watch_survives_its_kill(
    server: LiveServer, through: Callable[..., subprocess.CompletedProcess[str]],
    environment: dict[str, str],
) -> None:  # fmt: skip
    task_id = start(server, "through")
    listed = json.loads(through("agent", "tasks", "list", "--json").stdout)
    assert [it["task_id"] for it in listed] == [task_id]
    assert json.loads(through("agent", "tasks", "show", task_id[:9], "--json").stdout) == listed[0]
    with subprocess.Popen(
        [*SPARKY, "agent", "tasks", "watch", task_id, "--json",
         "--server", f"{server.url}lab?token={server.token}"],
        env=environment, stdout=subprocess.PIPE, text=True,
    ) as watch:  # fmt: skip
        assert watch.stdout is not None
        assert json.loads(watch.stdout.readline())["type"] == "status"
        through("agent", "tasks", "send", task_id, "one")
        seen = ""
        while '"heard one"' not in seen:
            seen = watch.stdout.readline()
            assert seen
        # The server goes and takes its kernel along: the task is lost, and watch says so.
        server.kill()
        server.start()
        rest = [json.loads(line) for line in watch.stdout]
        assert watch.wait(PATIENCE) == 3
    assert rest[-1]["data"]["state"] == "lost"
    exported = [
        json.loads(line)
        for line in through("log", "export", "--chat", "through").stdout.splitlines()
    ]
    assert [it["offset"] for it in exported] == list(range(1, len(exported) + 1))
    wait_for(lambda: server.api("health"), "the server answers")
    assert "through" in through("log", "inspect").stdout


def test_who_may_not_or_does_not_exist_is_said_plainly(
    sparky: Sparky, server: LiveServer, tmp_path: Path
) -> None:
    ran = sparky("agent", "tasks", "list", "--server", server.url, "--token", "wrong")
    assert ran.returncode == 2
    assert "token" in ran.stderr
    ran = sparky("agent", "tasks", "show", "task-nosuchtask00",
                 "--server", server.url, "--token", server.token)  # fmt: skip
    assert ran.returncode == 2
    ran = sparky("agent", "tasks", "list", "--server", "http://127.0.0.1:9/")
    assert ran.returncode == 4
    assert "can't be reached" in ran.stderr
    ran = sparky("log", "verify", "--server", server.url, "--token", server.token)
    assert ran.returncode == 2
    assert "Traceback" not in ran.stderr


def test_queue_and_schedules_work_through_a_server(
    server: LiveServer, through: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    ran = through("agent", "tasks", "add", "Run smart maintenance", "--chat", "remote")
    assert ran.returncode == 0, ran.stderr
    assert server.api(f"tasks/{ran.stdout.split()[-1]}")["state"] == "queued"
    ran = through("agent", "schedule", "add", "--at", "23:59", "--chat", "remote", "Tidy", "up")
    assert ran.returncode == 0, ran.stderr
    schedule = ran.stdout.split()[-1]
    assert "once, at" in through("agent", "schedule", "list").stdout
    assert "paused" in through("agent", "schedule", "pause", schedule).stdout
    assert through("agent", "schedule", "resume", schedule).returncode == 0
    task = through("agent", "schedule", "run", schedule).stdout.split()[-1]
    assert server.api(f"tasks/{task}")["schedule_id"] == schedule
    assert through("agent", "schedule", "run", schedule).returncode == 2
    assert through("agent", "schedule", "remove", schedule).returncode == 0
    assert server.api("schedules") == []
    assert through("agent", "schedule", "add", "--every", "0s", "x").returncode == 2
    said = through("agent", "status").stdout
    assert "queued" in said
    assert "Model here" not in said

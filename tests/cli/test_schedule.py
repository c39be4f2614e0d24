"""``sparky agent schedule …``, ``add``, ``status``, ``chats`` and ``doctor``."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from sparky_nb.ids import new_nonce
from sparky_nb.log import Append, Fence, Log
from sparky_nb.log.liveness import RunnerIdentity
from tests.cli.conftest import Said, Sparky
from tests.server.support import register_kernel, running_task, status


def test_add_queues_an_instruction_and_says_the_task_last(sparky: Sparky, log: Log) -> None:
    """The seed's ``sparky agent tasks add "Run smart maintenance"``."""
    ran = sparky("agent", "tasks", "add", "Run smart", "maintenance", "--chat", "chores")
    assert ran.returncode == 0, ran.stderr
    task = log.task(ran.stdout.split()[-1])
    assert (task.state, task.kind, task.chat_id) == ("queued", "agent", "chores")
    assert task.instruction == "Run smart maintenance"
    assert "No runner is alive" in ran.stdout
    assert "queued (no runner)" in sparky("agent", "tasks", "list").stdout
    types = [json.loads(wire)["type"] for wire in log.read("chores").events]
    assert types == ["status", "message_received"]
    found = json.loads(sparky("agent", "tasks", "add", "x", "--model", "a:b", "--json").stdout)
    assert (found["model"], found["chat_id"]) == ("a:b", "default")
    assert sparky("agent", "tasks", "add", "x", "--chat", "_index").returncode == 2
    assert sparky("agent", "tasks", "add", " ").returncode == 2


def test_a_schedule_is_made_listed_paused_resumed_run_and_removed(sparky: Sparky, log: Log) -> None:
    words = ("agent", "schedule")
    ran = sparky(*words, "add", "--every", "30m", "--chat", "chores", "Run", "smart maintenance")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("Every 30 minutes, first in ")
    schedule = ran.stdout.split()[-1]
    listed = sparky(*words, "list").stdout
    assert "every 30 minutes" in listed
    assert "Run smart maintenance" in listed
    found = json.loads(sparky(*words, "list", "--json").stdout)
    assert [(it["schedule_id"], it["kind"], it["spec"]) for it in found] == [
        (schedule, "every", "30m")
    ]
    paused = sparky(*words, "pause", schedule[:10])
    assert paused.stdout == f"{schedule}: every 30 minutes, paused\n"
    assert "paused" in sparky(*words, "list").stdout
    assert sparky(*words, "resume", schedule.removeprefix("sched-")).returncode == 0
    assert "not yet" in sparky(*words, "list").stdout
    task = sparky(*words, "run", schedule).stdout.split()[-1]
    assert log.task(task).schedule_id == schedule
    assert "queued" in sparky(*words, "list").stdout
    assert sparky(*words, "run", schedule).returncode == 2  # it has not ended
    assert sparky(*words, "remove", schedule[:-2]).stdout == f"Removed {schedule}\n"
    assert sparky(*words, "list").stdout == "No schedules.\n"
    assert sparky(*words, "remove", schedule).returncode == 2


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--every", "30m", "--cron", "* * * * *"),
        ("--every", "0s"),
        ("--every", "1 week"),
        ("--cron", "* * *"),
        ("--at", "1999-12-31"),
        ("--every", "1m", "--timezone", "Nowhere/At_all"),
    ],
    ids=" ".join,
)
def test_a_rule_that_is_none_is_a_usage_error(sparky: Sparky, options: tuple[str, ...]) -> None:
    ran = sparky("agent", "schedule", "add", *options, "do it")
    assert ran.returncode == 2
    assert "Traceback" not in ran.stderr
    assert ran.stderr.strip()


def test_status_chats_and_doctor_say_what_there_is(sparky: Sparky, log: Log) -> None:
    assert "No runner is alive" in sparky("agent", "status").stdout
    sparky("agent", "tasks", "add", "hello", "--chat", "one")
    found = json.loads(sparky("agent", "status", "--json").stdout)
    assert [it["chat_id"] for it in found["tasks"]] == ["one"]
    assert found["runners"] == []
    assert "1 of them wait for a runner that is not there" in sparky("agent", "status").stdout
    assert "one" in sparky("chats").stdout
    assert [it["chat_id"] for it in json.loads(sparky("chats", "--json").stdout)] == ["one"]
    findings = json.loads(sparky("doctor", "--json").stdout)
    checks = {it["check"]: it["verdict"] for it in findings}
    assert (checks["log"], checks["model"]) == ("ok", "note")
    ran = sparky("doctor", "--log", "sqlite:///nowhere/at/all.db")
    assert ran.returncode == 1
    assert "SPARKY_LOG_URL" in ran.stdout
    assert sparky("doctor", "--server", "http://127.0.0.1:9/").returncode == 1


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_can_complete_it(sparky: Sparky, environment: dict[str, str], shell: str) -> None:
    environment["_SPARKY_COMPLETE"] = f"{shell}_source"
    assert "_SPARKY_COMPLETE" in sparky().stdout


def test_an_instruction_is_retried_by_whoever_takes_it_and_code_only_by_its_process(
    sparky: Sparky, log: Log, said: Callable[..., Said]
) -> None:
    first = json.loads(sparky("agent", "tasks", "add", "tidy", "--name", "n", "--json").stdout)
    retry = ("agent", "tasks", "retry")
    early = sparky(*retry, first["task_id"])
    assert (early.returncode, "has not ended (queued)" in early.stderr) == (2, True)
    sparky("agent", "tasks", "cancel", first["task_id"])
    again = log.task(sparky(*retry, first["task_id"]).stdout.split()[-1])
    assert (again.retry_of, again.state, again.name) == (first["task_id"], "queued", "n")
    assert (again.kind, again.instruction, again.runner) == ("agent", "tidy", None)
    code = said().status("completed")
    gone = sparky(*retry, code.task_id)
    assert (gone.returncode, "run its cell again" in gone.stderr) == (2, True)


def test_code_that_is_retried_keeps_its_cell_and_gets_no_instruction(
    sparky: Sparky, log: Log
) -> None:
    runner = RunnerIdentity.current(new_nonce()).runner_id
    cell = {"kind": "cell", "name": "x = 1", "origin": {"path": "a.ipynb", "cell_id": "c1"}}
    task = running_task(log, "a", runner, **cell)
    end = status(task, "failed")
    log.commit(Append(chat="a", events=(end,), fence=Fence(task_id=task, attempt=1, runner=runner)))
    register_kernel(log, runner)
    ran = sparky("agent", "tasks", "retry", task)
    again = log.task(ran.stdout.split()[-1])
    assert (again.runner, again.name, again.origin) == (runner, "x = 1", cell["origin"])
    assert again.instruction is None

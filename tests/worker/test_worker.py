"""``sparky agent worker``: real ipykernels that take what is queued."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from sparky_nb import schedules
from sparky_nb.clock import SystemClock
from sparky_nb.events.states import TERMINAL
from sparky_nb.log import Log, open_log
from sparky_nb.log.queueing import queued_task
from sparky_nb.schedules import make_rule
from tests.live import live_server, wait_for
from tests.worker.scripted import MODEL, PATIENCE, worker, workshop

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def log_url(tmp_path: Path) -> str:
    return f"sqlite://{tmp_path}/log/log.db"


@pytest.fixture
def log(log_url: str) -> Iterator[Log]:
    with open_log(log_url) as opened:
        yield opened


def queue(log: Log, instruction: str, chat: str = "default", model: str | None = None) -> str:
    now = SystemClock().now_ms()
    task_id, append = queued_task(
        chat, asked_by="tester", now_ms=now, instruction=instruction, model=model
    )
    log.commit(append)
    return task_id


def ended(log: Log, task_id: str) -> str:
    wait_for(lambda: log.task(task_id).state in TERMINAL, f"{task_id} ends", PATIENCE)
    return log.task(task_id).state


def test_a_worker_takes_what_is_queued_in_any_chat_and_ends_cleanly(
    log: Log, log_url: str, tmp_path: Path
) -> None:
    before = queue(log, "before there was a worker", "one")
    with worker(workshop(tmp_path, log_url), tmp_path) as process:
        after = queue(log, "after", "two")
        assert [ended(log, it) for it in (before, after)] == ["completed", "completed"]
        assert log.task(before).result == "before there was a worker"
        events = [json.loads(wire) for wire in log.read("one").events]
        assert [it["type"] for it in events][:3] == ["status", "message_received", "status"]
        assert events[0]["data"]["state"] == "queued"
        endless = queue(log, f"wait {tmp_path}/never", "one")
        wait_for(lambda: log.task(endless).state == "running", "it runs")
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    row = log.task(endless)
    assert row.state == "cancelled"
    assert log.runners() == []


@pytest.mark.promise("P6")
def test_two_workers_never_take_one_task_and_a_chats_tasks_run_one_after_the_other(
    log: Log, log_url: str, tmp_path: Path
) -> None:
    environment = workshop(tmp_path, log_url)
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(worker(environment, tmp_path))
        tasks = [queue(log, f"job {n}", f"chat-{n % 5}") for n in range(40)]
        assert {ended(log, it) for it in tasks} == {"completed"}
    runs = (tmp_path / "runs.txt").read_text().splitlines()
    assert Counter(line.rsplit(" ", 1)[0] for line in runs) == {f"job {n}": 1 for n in range(40)}
    for chat in range(5):
        running = None
        for wire in log.read(f"chat-{chat}").events:
            event = json.loads(wire)
            state = event["data"].get("state") if event["type"] == "status" else None
            if state == "running":
                assert running is None
                running = event["task_id"]
            elif state == "completed":
                assert running == event["task_id"]
                running = None


def test_a_killed_workers_task_is_lost_and_the_next_one_goes_to_another(
    log: Log, log_url: str, tmp_path: Path
) -> None:
    environment = workshop(tmp_path, log_url)
    with worker(environment, tmp_path) as first:
        task = queue(log, f"wait {tmp_path}/never")
        waits = queue(log, "afterwards")
        wait_for(lambda: log.task(task).state == "running", "it runs")
        first.kill()
        first.wait(PATIENCE)
        with worker(environment, tmp_path):
            assert ended(log, task) == "lost"
            assert ended(log, waits) == "completed"


@pytest.mark.promise("P5")
def test_a_schedule_goes_on_when_its_workers_are_killed_and_no_firing_runs_twice(
    log: Log, log_url: str, tmp_path: Path
) -> None:
    environment, now_ms = workshop(tmp_path, log_url), SystemClock().now_ms()
    rule = make_rule(every="1s", timezone="UTC", now_ms=now_ms)
    row = schedules.add(
        log, rule, chat_id="chores", now_ms=now_ms, asked_by="ada", instruction="tidy"
    )

    def fired() -> int:
        return log.schedule(row.schedule_id).fired

    with ExitStack() as stack:
        workers = [stack.enter_context(worker(environment, tmp_path)) for _ in range(3)]
        for victim in workers[:2]:
            before = fired()
            wait_for(lambda before=before: fired() > before, "it fires", PATIENCE)
            victim.kill()
            victim.wait(PATIENCE)
        before = fired()
        wait_for(lambda: fired() > before + 1, "it goes on", PATIENCE)
        schedules.remove(log, row.schedule_id, asked_by="ada", now_ms=now_ms)
        tasks = log.tasks(chat_id="chores")
        # What a killed worker had begun is lost, not begun again.
        assert {ended(log, it.task_id) for it in tasks} <= {"completed", "lost"}
    runs = len((tmp_path / "runs.txt").read_text().splitlines())
    assert sum(log.task(it.task_id).state == "completed" for it in tasks) <= runs <= len(tasks)
    events = [json.loads(wire) for wire in log.read("_index", limit=10_000).events]
    told = [it["data"] for it in events if it["type"] == "schedule"]
    counts = [it["fired"] for it in told if it["change"] == "fired"]
    assert counts == list(range(1, len(tasks) + 1))
    assert told[-1]["change"] == "removed"


def test_without_a_model_a_task_fails_with_no_model(log: Log, log_url: str, tmp_path: Path) -> None:
    environment = workshop(tmp_path, log_url)
    del environment["SPARKY_MODEL"]
    with worker(environment, tmp_path):
        task = queue(log, "hello")
        assert ended(log, task) == "failed"
        error = log.task(task).error
        assert error is not None
        assert error["type"] == "no_model"
        assert "SPARKY_MODEL" in error["message"]
        assert ended(log, queue(log, "hello", model=MODEL)) == "completed"  # it named one itself


def test_cancelling_what_is_queued_takes_it_out_of_the_queue(log: Log, log_url: str) -> None:
    import subprocess

    task = queue(log, "hello")
    ran = subprocess.run(
        [sys.executable, "-m", "sparky_nb.cli", "agent", "tasks", "cancel", task,
         "--log", log_url],
        check=True, capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    assert "done" in ran.stdout
    assert log.task(task).state == "cancelled"


def test_the_servers_agent_loop_keeps_one_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in workshop(tmp_path, "unused").items():
        if name in ("IPYTHONDIR", "SPARKY_MODEL", "RUNS"):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("SPARKY_ENABLE_AGENT_LOOP", "true")
    with live_server(tmp_path) as server:

        def workers() -> list[int]:
            with open_log(server.log_url) as log:
                return [it.info["pid"] for it in log.runners() if it.role == "worker"]

        def done(instruction: str) -> str:
            status, task, _ = server.http(
                "POST", "sparky/api/v1/chats/work/tasks", {"instruction": instruction}
            )
            assert status == 201, task
            with open_log(server.log_url) as log:
                return ended(log, task["task_id"])

        assert done("one") == "completed"
        (first,) = wait_for(workers, "a worker is there")
        import os

        os.kill(first, signal.SIGKILL)
        wait_for(lambda: workers() not in ([], [first]), "another one is there")
        assert done("two") == "completed"
        server.stop()
        assert workers() == []


@pytest.mark.parametrize(
    "variable, value", [("SPARKY_MODEL", "gpt-5"), ("SPARKY_AGENT_MAX_COST", "cheap")]
)
def test_a_worker_that_can_not_work_says_why_and_takes_nothing(
    log: Log, log_url: str, tmp_path: Path, variable: str, value: str
) -> None:
    task = queue(log, "is still there")
    ran = subprocess.run(
        [sys.executable, "-m", "sparky_nb.cli", "agent", "worker"],
        env={**workshop(tmp_path, log_url), variable: value}, cwd=tmp_path,
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert ran.returncode == 2
    assert ran.stderr.startswith(f"sparky: {variable}: expected ")
    assert log.task(task).state == "queued"

"""In a notebook's kernel: its own chat's queue, and its schedules."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from sparky_nb import schedules
from sparky_nb.clock import SystemClock
from sparky_nb.log import open_log
from sparky_nb.log.queueing import queued_task
from sparky_nb.schedules import make_rule
from tests.live import TERMINAL, LiveServer, live_server, wait_for, whole

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with live_server(tmp_path_factory.mktemp("notebook")) as running:
        yield running


AGENT = """
async def scripted(assignment):
    assignment.port.emit("thought", {"message_id": "m", "text": "on it", "final": True})
    return assignment.instruction
%sparky config model=agent:scripted
"""


def state(server: LiveServer, task_id: str) -> str:
    return str(server.api(f"tasks/{task_id}")["state"])


def test_a_kernel_takes_what_is_queued_in_its_own_chat_only(server: LiveServer) -> None:
    kernel = server.kernel("own.ipynb")
    kernel.run(AGENT)
    own = kernel.run("import sparky_nb; print(sparky_nb.runner().chat_id)").strip()
    ids = {}
    for chat in (own, "elsewhere"):
        body = {"instruction": "hello"}
        status, task, _ = server.http("POST", f"sparky/api/v1/chats/{chat}/tasks", body)
        assert status == 201, task
        ids[chat] = task["task_id"]
    wait_for(lambda: state(server, ids[own]) == "completed", "the kernel takes its own")
    with open_log(server.log_url) as log:
        task_id, append = queued_task(own, asked_by="x", now_ms=0, instruction="again")
        log.commit(append)  # without a ring: it looks by itself, too
    wait_for(lambda: state(server, task_id) == "completed", "it takes another")
    assert state(server, ids["elsewhere"]) == "queued"


def test_scenario_3_multiple_scheduled_task_runs(server: LiveServer) -> None:
    """The seed's: run 1 and 2 with one socket, a refresh, run 3; viewers stay attached."""
    kernel = server.kernel("scheduled.ipynb")
    kernel.run(AGENT)
    kernel.run("%sparky schedule --every 1s --chat scheduled Run smart maintenance")
    chat = kernel.run("import sparky_nb; print(sparky_nb.runner().chat_id)").strip()
    kernel.run("sparky_nb.schedule('Run smart maintenance', every='1s')")
    wait_for(lambda: any(it["chat_id"] == chat for it in server.api("chats")), "it has fired")

    def completed(viewer: object) -> int:
        events = viewer.events  # type: ignore[attr-defined]
        return sum(e["type"] == "status" and e["data"]["state"] == "completed" for e in events)

    first = server.socket(chat)
    while completed(first) < 2:
        first.receive()
    first.close()  # the user refreshes
    second = server.socket(chat, **first.cursor)
    assert second.hello["recovered"] is True
    while completed(second) < 1:
        second.receive()
    for schedule in server.api("schedules"):
        path = f"sparky/api/v1/schedules/{schedule['schedule_id']}"
        assert server.http("DELETE", path)[0] == 204
    seen = whole(first.events, second.events)
    assert seen == server.log_of(chat)[: len(seen)]
    runs = [e for e in seen if e["type"] == "status" and e["data"]["state"] == "queued"]
    assert len({e["task_id"] for e in runs}) == len(runs) >= 3
    # one run after the other: none begins before the one before has ended
    under_way = 0
    for event in seen:
        if event["type"] == "status":
            under_way += event["data"]["state"] == "running"
            under_way -= event["data"]["state"] in TERMINAL
            assert under_way in (0, 1)


def test_a_function_waits_for_its_notebook_and_runs_there(server: LiveServer) -> None:
    kernel = server.kernel("function.ipynb")
    kernel.run("n = 0\ndef refresh():\n    global n\n    n += 1\n    return n")
    said = kernel.run("s = %sparky schedule --at 23:59 --call refresh\ns")
    assert "refresh()" in said
    assert "once, at" in said
    assert kernel.run("s.run().result(timeout=60)") == "1"
    # another kernel restart: the function is not there until its cell has run
    with open_log(server.log_url) as log:
        row = log.schedule(kernel.run("print(s.schedule_id)").strip())
    kernel.run("del refresh")
    task_id = kernel.run("print(s.run().task_id)").strip()
    assert state(server, task_id) == "queued"
    kernel.run("def refresh():\n    return 'back'")
    wait_for(lambda: state(server, task_id) == "completed", "the notebook has it again")
    assert row.call == "refresh"
    listed = kernel.run("%sparky schedule list")
    assert row.schedule_id in listed
    kernel.run("s.remove()")
    assert row.schedule_id not in kernel.run("%sparky schedule")


def test_a_function_that_needs_arguments_is_not_scheduled_and_holds_up_nobody(
    server: LiveServer,
) -> None:
    kernel = server.kernel("needy.ipynb")
    kernel.run(AGENT + "\ndef needy(upto): return upto\ndef free(task, upto=3): return upto")
    said = kernel.run(
        "import sparky_nb\n"
        "try: sparky_nb.schedule(needy, every='1h')\n"
        "except sparky_nb.errors.InvalidArgument as error: print(error.field, error)"
    )
    assert said.startswith("call call: expected a function that can be called without arguments")
    assert server.api("schedules") == []
    own = kernel.run("print(sparky_nb.runner().chat_id)").strip()
    clock = SystemClock()
    with open_log(server.log_url) as log:  # it was scheduled when it still needed none
        tasks = []
        for call in ("needy", "free"):
            now_ms = clock.now_ms()
            rule = make_rule(every="1h", timezone="UTC", now_ms=now_ms)
            row = schedules.add(log, rule, chat_id=own, now_ms=now_ms, asked_by="ada", call=call)
            fired = schedules.run_now(log, row.schedule_id, asked_by="ada", now_ms=now_ms)
            tasks.append(fired.task_id)
            schedules.remove(log, row.schedule_id, asked_by="ada", now_ms=now_ms)
    for task_id, end in zip(tasks, ("failed", "completed"), strict=True):
        wait_for(lambda: state(server, task_id) == end, f"{task_id} has {end}")  # noqa: B023
    error = server.api(f"tasks/{tasks[0]}")["error"]
    assert "without arguments (missing a required argument: 'upto')" in error["message"]
    assert (error["type"], "traceback" in error) == ("invalid_argument", False)


def test_code_is_retried_from_a_terminal_by_the_kernel_that_has_it(server: LiveServer) -> None:
    kernel = server.kernel("retried.ipynb")
    kernel.run("%load_ext sparky_nb\nimport sparky_nb\nruns = []\ndef once_more(): runs.append(1)")
    first = kernel.run("h = sparky_nb.start(once_more); h.result(); print(h.task_id)").strip()
    for place in (("--log", server.log_url), ("--server", server.url, "--token", server.token)):
        ran = subprocess.run(
            [sys.executable, "-m", "sparky_nb.cli", "agent", "tasks", "retry", first, *place],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        again = ran.stdout.split()[-1]
        wait_for(lambda: state(server, again) == "completed", "it ran again")  # noqa: B023
        assert server.api(f"tasks/{again}")["retry_of"] == first
    assert kernel.run("print(len(runs))").strip() == "3"

"""It outlives the kernel, the server, and everything that goes wrong gets one honest ending."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

import sparky_nb
from sparky_nb import api
from sparky_nb.errors import TaskLost
from tests.process.started import (
    ending_of,
    events_of,
    is_gone,
    kill_9,
    printed,
    python,
    start,
    supervisor_of,
    until_says,
    wait_for,
)

KERNEL = """
import sys, sparky_nb
def work(task, path):
    import os
    task.message("ready")
    while not os.path.exists(path):
        task.receive(timeout=0.02)
    print("still here")
    return {"set": {1, 2}, "pid": os.getpid()}
handle = sparky_nb.start(work, sys.argv[1], on="process")
print(handle.task_id, flush=True)
sys.stdin.read()
"""


@pytest.mark.promise("P3", "P6")
def test_it_goes_on_when_its_kernel_is_killed_and_the_result_is_there(tmp_path: Path) -> None:
    kernel = python(KERNEL, str(tmp_path / "go"), stdin=-1, start_new_session=True)
    assert kernel.stdout is not None
    handle = sparky_nb.task(kernel.stdout.readline().strip())
    kill_9(kernel)  # perhaps before the other process has even begun
    until_says(handle, "ready")
    assert api.find_tasks(state="running")
    (tmp_path / "go").touch()
    assert handle.result(40)["set"] == {1, 2}
    assert printed(events_of(handle)) == "still here\n"
    if kernel.stdin is not None:
        kernel.stdin.close()


WATCHER = """
import sys, sparky_nb
handle = sparky_nb.task(sys.argv[1])
for event in handle.events():
    print(event.offset, event.type, event.data.get("state", ""), flush=True)
    if event.type == "message_sent":
        handle.cancel("the watcher had enough")
"""


@pytest.mark.promise("P1", "P6")
def test_a_second_process_watches_it_and_cancels_it() -> None:
    def work(task: Any) -> None:
        import time

        task.message("ready")
        time.sleep(1000)

    handle = start(work)
    watcher = python(WATCHER, handle.task_id)
    said, _ = watcher.communicate(timeout=40)
    seen = [line.split() for line in said.splitlines()]
    assert [int(words[0]) for words in seen] == list(range(1, len(seen) + 1))
    assert seen[-1][1:] == ["status", "cancelled"]
    assert ending_of(handle)["reason"] == "the watcher had enough"


@pytest.mark.promise("P6")
@pytest.mark.parametrize(
    "how, reason",
    [
        ("os._exit(3)", "the task's process exited with status 3 before the task had ended"),
        ("os.kill(os.getpid(), 9)", "the task's process was killed by SIGKILL"),
        ("ctypes.string_at(0)", "the task's process was killed by SIGSEGV"),
    ],
)
def test_a_process_that_ends_without_an_ending_is_lost_once(how: str, reason: str) -> None:
    def work(task: Any, code: str) -> None:
        import ctypes
        import os

        print("last words")
        exec(code, {"os": os, "ctypes": ctypes})

    handle = start(work, how)
    events = events_of(handle)
    assert events[-1].data["state"] == "lost"
    assert events[-1].data["reason"].startswith(reason)
    if "string_at" in how:
        assert "Segmentation fault" in printed(events, "stderr")
    with pytest.raises(TaskLost):
        handle.result()
    wait_for(lambda: is_gone(supervisor_of(handle)), "the supervisor leaves")


@pytest.mark.promise("P6")
@pytest.mark.parametrize("cancelled", [False, True])
def test_killing_the_supervisor_kills_all_of_the_work_and_whoever_notices_says_lost(
    cancelled: bool,
) -> None:
    def work(task: Any) -> None:
        import ctypes
        import os
        import subprocess

        helper = subprocess.Popen(["sleep", "1000"])
        task.message(f"{os.getpid()} {helper.pid}")
        ctypes.PyDLL(None).sleep(1000)  # it never lets go of the interpreter: it hears nothing

    handle = start(work)
    said = wait_for(
        lambda: [e for e in handle.events(follow=False) if e.type == "message_sent"], "it speaks"
    )
    supervisor = supervisor_of(handle)
    if cancelled:
        os.kill(supervisor, signal.SIGSTOP)
        handle.cancel("enough")
    os.kill(supervisor, signal.SIGKILL)
    for pid in map(int, said[0].data["text"].split()):
        wait_for(lambda pid=pid: is_gone(pid), "nothing of the work goes on")
    ending = ending_of(handle)
    assert ending["state"] == "lost"
    asked = "; it had been asked to cancel the task"
    assert ending["reason"].endswith(asked) is cancelled


@pytest.mark.promise("P6")
def test_a_process_that_cannot_start_is_lost_and_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho 'no such library' >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    ending = ending_of(start(lambda: None))
    assert ending["state"] == "lost"
    assert ending["reason"] == "its supervisor ended with status 3: no such library"

"""``kill -9`` of the kernel and of the server, at seeded random moments, with a viewer watching."""

from __future__ import annotations

import os
import random
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.live import TERMINAL, LiveKernel, LiveServer, live_server, wait_for, whole

# Each number is acknowledged in a file after ``emit`` returned: what is there must be in the log.
TASK = """
%%sparky task --chat {chat} --name "Count"
import os
acknowledged = os.open({file!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
for number in range(1_000_000):
    task.emit("count", {{"number": number}})
    os.write(acknowledged, b"%d\\n" % number)
    if number % 20 == 0:
        print(number)
"""


def count_in(kernel: LiveKernel, chat: str, folder: Path) -> Path:
    """Start the task; the file of what it was promised is kept."""
    file = folder / f"{chat}.txt"
    kernel.run(TASK.format(chat=chat, file=str(file)))
    wait_for(lambda: file.exists() and file.stat().st_size > 100, "the task counts")
    return file


def check(server: LiveServer, chat: str, file: Path, *seen: list[dict[str, Any]]) -> None:
    """Nothing acknowledged is lost, nothing is there twice, and there is one ending."""

    def ended() -> list[dict[str, Any]] | None:
        log = server.log_of(chat)
        return log if log[-1]["data"].get("state") in TERMINAL else None

    log = wait_for(ended, "somebody notices that the runner is dead")
    assert [event["offset"] for event in log] == list(range(1, len(log) + 1))
    promised = [int(line) for line in file.read_text().splitlines()]
    kept = [event["data"]["number"] for event in log if event["type"] == "count"]
    assert kept[: len(promised)] == promised
    assert len(kept) <= len(promised) + 1  # one may be stored and not acknowledged yet
    endings = [
        event for event in log if event["type"] == "status" and event["data"]["state"] in TERMINAL
    ]
    assert [ending["data"]["state"] for ending in endings] == ["lost"]
    assert endings[0] is log[-1]
    shown = whole(*seen)
    assert shown == log[: len(shown)]  # P2: nothing that was shown was taken back


@pytest.mark.timeout(300)
@pytest.mark.promise("P2", "P3", "P6")
def test_a_killed_kernel_loses_nothing_and_its_task_ends_once(tmp_path: Path) -> None:
    moment = random.Random(20261122)
    with live_server(tmp_path) as server:
        for seed in range(5):
            kernel, chat = server.kernel(f"killed-{seed}.ipynb"), f"kernel-{seed}"
            file = count_in(kernel, chat, tmp_path)
            viewer = server.socket(chat)
            viewer.until_type("count", moment.randrange(1, 200))
            threading.Event().wait(moment.random() * 0.2)
            kernel.kill()
            assert viewer.until_end() == "lost"
            check(server, chat, file, viewer.events)
            server.close_viewers()


@pytest.mark.timeout(300)
@pytest.mark.promise("P2", "P3", "P6", "P10")
def test_a_killed_server_loses_nothing_and_viewers_go_on_from_their_cursor(
    tmp_path: Path,
) -> None:
    moment = random.Random(20261123)
    with live_server(tmp_path) as server:
        for seed in range(3):
            kernel, chat = server.kernel(f"server-{seed}.ipynb"), f"server-{seed}"
            file = count_in(kernel, chat, tmp_path)
            viewer = server.socket(chat)
            viewer.until_type("count", moment.randrange(1, 200))
            threading.Event().wait(moment.random() * 0.2)
            server.kill()  # its kernels die with it, within a second
            server.close_viewers()
            server.start()
            again = server.socket(chat, **viewer.cursor)
            assert again.hello["recovered"] is True
            assert again.hello["epoch"] == viewer.hello["epoch"]
            assert again.until_end() == "lost"
            check(server, chat, file, viewer.events, again.events)
            quiet = server.socket(chat, **again.cursor)
            assert (quiet.hello["missed"], quiet.hello["recovered"]) == (0, True)
            server.close_viewers()


@pytest.mark.timeout(180)
@pytest.mark.promise("P3", "P6")
def test_kernel_and_server_killed_together_lose_nothing(tmp_path: Path) -> None:
    with live_server(tmp_path) as server:
        kernel = server.kernel()
        file = count_in(kernel, "both", tmp_path)
        viewer = server.socket("both")
        viewer.until_type("count", 50)
        server.kill()
        try:
            os.kill(kernel.pid, signal.SIGKILL)
        except ProcessLookupError:
            assert not Path(f"/proc/{kernel.pid}").exists()
        server.close_viewers()
        server.start()
        check(server, "both", file, viewer.events)

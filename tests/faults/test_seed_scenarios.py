"""The scenarios, tests and edge cases of the page that the project began with
("WebSocket Reconnection Feature"), by name, over a real Jupyter server and real kernels.

There, what was missed while nobody was connected stayed missed. Here it is replayed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live import LiveKernel, LiveServer, live_server, wait_for, whole

# The pace is set by the test: the task goes on when a file appears.
TASK = """
%%sparky task --chat {chat} --name "Run smart maintenance"
import pathlib, time
def step(name):
    while not pathlib.Path({folder!r}, name).exists():
        time.sleep(0.02)
for number in range(1, 5):
    step(f"use-{{number}}")
    with task.tool("maintain", number=number) as call:
        task.thought(f"Working on {{number}}")
        step(f"result-{{number}}")
        call.result = number * 10
print("done")
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with live_server(tmp_path_factory.mktemp("seed")) as server:
        yield server


@pytest.fixture(scope="module")
def kernel(running: LiveServer) -> LiveKernel:
    return running.kernel()


@pytest.fixture
def server(running: LiveServer) -> Iterator[LiveServer]:
    yield running
    running.close_viewers()


class Steps:
    """Lets the task go on, step by step."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *names: str) -> None:
        for name in names:
            (self.folder / name).touch()

    def rest(self) -> None:
        self(*[f"{part}-{n}" for n in range(1, 5) for part in ("use", "result")])


def start(kernel: LiveKernel, chat: str, folder: Path) -> Steps:
    kernel.run(TASK.format(chat=chat, folder=str(folder)))
    return Steps(folder)


@pytest.mark.promise("P1", "P7")
def test_scenario_1_refresh_during_a_long_task(
    server: LiveServer, kernel: LiveKernel, tmp_path: Path
) -> None:
    go = start(kernel, "scenario-1", tmp_path)
    before = server.socket("scenario-1")
    go("use-1", "result-1")
    before.until_type("tool_result", 1)
    before.close()  # the user refreshes
    go("use-2", "result-2")
    wait_for(
        lambda: sum(e["type"] == "tool_result" for e in server.log_of("scenario-1")) == 2,
        "tool call 2 happens while nobody watches",
    )
    after = server.socket("scenario-1", **before.cursor)
    assert after.hello["recovered"] is True
    assert after.hello["gap"] is None
    assert after.hello["missed"] > 0
    go.rest()
    assert after.until_end() == "completed"
    seen = whole(before.events, after.events)
    # "User sees tool calls 1, 3, 4, and completion. Only missed call 2": not any more
    assert [e["data"]["result"] for e in seen if e["type"] == "tool_result"] == [10, 20, 30, 40]
    assert seen == server.log_of("scenario-1")


def test_scenario_2_reconnect_before_the_next_event(
    server: LiveServer, kernel: LiveKernel, tmp_path: Path
) -> None:
    go = start(kernel, "scenario-2", tmp_path)
    before = server.socket("scenario-2")
    go("use-1")
    before.until_type("thought")  # the tool is executing
    before.close()
    after = server.socket("scenario-2", **before.cursor)
    assert after.hello["missed"] == 0
    assert after.hello["recovered"] is True
    go("result-1")
    assert after.until_type("tool_result")["data"]["result"] == 10
    go.rest()
    assert after.until_end() == "completed"
    assert whole(before.events, after.events) == server.log_of("scenario-2")


def test_scenario_3_several_runs_with_refreshes_between(
    server: LiveServer, kernel: LiveKernel, tmp_path: Path
) -> None:
    viewer, seen = None, []
    for run in (1, 2, 3):
        folder = tmp_path / str(run)
        folder.mkdir()
        go = start(kernel, "scenario-3", folder)
        if run == 3:  # the user refreshes between run 2 and run 3
            assert viewer is not None
            seen += viewer.events
            cursor = viewer.cursor
            viewer.close()
            viewer = server.socket("scenario-3", **cursor)
        elif viewer is None:
            viewer = server.socket("scenario-3")
        go.rest()
        ends = run if run < 3 else 1
        while (
            sum(e["type"] == "status" and e["data"]["state"] == "completed" for e in viewer.events)
            < ends
        ):
            viewer.receive()
    assert viewer is not None
    assert whole(seen, viewer.events) == server.log_of("scenario-3")


def test_test_1_basic_reconnection(server: LiveServer, kernel: LiveKernel, tmp_path: Path) -> None:
    go = start(kernel, "test-1", tmp_path)
    before = server.socket("test-1")
    go("use-1", "result-1")
    before.until_type("tool_result")
    before.cut()
    go("use-2")
    after = server.socket("test-1", **before.cursor)
    after.until_type("tool_use")  # the next tool call appears
    go.rest()
    assert after.until_end() == "completed"  # and all that remains
    assert whole(before.events, after.events) == server.log_of("test-1")
    wait_for(lambda: "reconnected" in server.said(), "the server logs the reconnection")


def test_test_2_rapid_refresh(server: LiveServer, kernel: LiveKernel, tmp_path: Path) -> None:
    go = start(kernel, "test-2", tmp_path)
    viewer = server.socket("test-2")
    parts = []
    for number in (1, 2, 3):
        go(f"use-{number}", f"result-{number}")
        viewer.until_type("tool_result")
        parts.append(viewer.events)
        cursor = viewer.cursor
        viewer.close()
        viewer = server.socket("test-2", **cursor)
    go.rest()
    assert viewer.until_end() == "completed"
    assert whole(*parts, viewer.events) == server.log_of("test-2")


def test_test_3_disconnect_and_come_back_later(
    server: LiveServer, kernel: LiveKernel, tmp_path: Path
) -> None:
    go = start(kernel, "test-3", tmp_path)
    before = server.socket("test-3")
    go("use-1")
    before.until_type("tool_use")
    before.close()  # the tab is closed; a new one knows nothing, not even a cursor
    go("result-1", "use-2", "result-2")
    later = server.socket("test-3")
    assert later.hello["next"] == 1
    go.rest()
    assert later.until_end() == "completed"
    assert whole(later.events) == server.log_of("test-3")


def test_edge_case_1_the_socket_connects_in_the_middle_of_an_event(
    server: LiveServer, kernel: LiveKernel, tmp_path: Path
) -> None:
    go = start(kernel, "edge-1", tmp_path)
    go("use-1")
    wait_for(
        lambda: any(e["type"] == "tool_use" for e in server.log_of("edge-1")),
        "the tool is executing",
    )
    viewer = server.socket("edge-1", from_="now")
    go("result-1")
    assert viewer.until_type("tool_result")["data"]["result"] == 10
    go.rest()
    assert viewer.until_end() == "completed"


@pytest.mark.promise("P8")
def test_edge_case_2_several_users_watch_the_same_task(
    server: LiveServer, kernel: LiveKernel, tmp_path: Path
) -> None:
    go = start(kernel, "edge-2", tmp_path)
    viewers = [server.socket("edge-2") for _ in range(3)]
    go("use-1", "result-1")
    viewers[0].until_type("tool_result")
    viewers[0].cut()  # one of them goes; the others do not notice
    go.rest()
    for viewer in viewers[1:]:
        assert viewer.until_end() == "completed"
        assert whole(viewer.events) == server.log_of("edge-2")


def test_edge_case_3_no_server_is_there(tmp_path: Path) -> None:
    import subprocess
    import sys

    script = (
        "import sparky_nb\n"
        "def work(task):\n"
        "    with task.tool('maintain') as call:\n"
        "        call.result = 42\n"
        "    return 'done'\n"
        "handle = sparky_nb.start(work)\n"
        "assert handle.result(timeout=60) == 'done'\n"
        "print([e.type for e in handle.events()])\n"
    )
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        capture_output=True, text=True, timeout=120, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert "'tool_use', 'tool_result', 'status'" in ran.stdout
    assert ran.stderr == ""

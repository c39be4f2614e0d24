"""Each task has one ending, and it is honest."""

from __future__ import annotations

import ast
import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sparky_nb import api
from sparky_nb.clock import SystemClock
from sparky_nb.events.codec import decode_event
from sparky_nb.log import Append, Log, open_log
from sparky_nb.tasks import TaskContext
from tests.tasks.running import PATIENCE, Bench, texts, wait_for


class Nasty(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


def fail_plainly() -> None:
    raise ValueError("boom")


def exit_it() -> None:
    sys.exit(3)


def interrupt() -> None:
    raise KeyboardInterrupt


def be_nasty() -> None:
    raise Nasty


def be_homeless() -> None:
    raise eval("type('Homeless', (Exception,), {})", {})("it has no module")


class Wicked(type):
    def __getattribute__(cls, name: str) -> Any:
        raise RuntimeError(name)


def be_wicked() -> None:
    raise Wicked("Wicked<b>", (Exception,), {})


@pytest.mark.promise("P6")
@pytest.mark.parametrize(
    "work, type_, message",
    [
        (fail_plainly, "ValueError", "boom"),
        (exit_it, "SystemExit", "3"),
        (interrupt, "KeyboardInterrupt", ""),
        (be_nasty, "tests.tasks.test_endings.Nasty", "__str__ raised RuntimeError"),
        (be_homeless, "Homeless", "it has no module"),
        (be_wicked, "Wicked<b>", ""),
    ],
)
def test_whatever_is_raised_the_task_fails_once_and_says_why(
    bench: Bench, work: Callable[[], None], type_: str, message: str
) -> None:
    events = bench.run(work)
    assert [e.data["state"] for e in events if e.type == "status"] == ["running", "failed"]
    error = events[-1].data["error"]
    assert error["type"].endswith(type_.rpartition(".")[2])
    assert message in error["message"]


def test_the_traceback_is_ipythons_and_has_only_the_users_frames(bench: Bench) -> None:
    traceback = bench.run(fail_plainly)[-1].data["error"]["traceback"]
    assert "fail_plainly" in traceback
    assert "\x1b[" in traceback
    assert "sparky_nb/tasks" not in traceback


def test_a_traceback_can_be_read_on_light_and_on_dark(bench: Bench) -> None:
    traceback = bench.run(fail_plainly)[-1].data["error"]["traceback"]
    fixed = {int(n) for n in re.findall(r"\x1b\[38;5;(\d+)[;\d]*m\S", traceback)}
    assert fixed
    for paper in (1.0, 0.006):  # JupyterLab's white, and its #111
        for ink in map(_luminance, fixed):
            brighter, darker = max(ink, paper), min(ink, paper)
            assert (brighter + 0.05) / (darker + 0.05) > 3, f"of the colours {fixed}"


def _luminance(colour: int) -> float:
    """WCAG's, of one of the terminal's 256 colours from the cube or the greys."""
    n = colour - 16
    cube = [0, 95, 135, 175, 215, 255]
    grey = 8 + 10 * (colour - 232)
    rgb = [cube[n // 36], cube[n // 6 % 6], cube[n % 6]] if colour < 232 else [grey] * 3
    linear = [((c / 255 + 0.055) / 1.055) ** 2.4 if c > 10 else c / 255 / 12.92 for c in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_an_endless_traceback_keeps_both_ends(bench: Bench) -> None:
    def deeper(n: int) -> None:
        deeper(n + 1)

    error = bench.run(deeper, 0)[-1].data["error"]
    assert error["type"] == "RecursionError"
    assert len(error["traceback"]) < 13_000
    assert "maximum recursion depth" in error["traceback"]


@pytest.mark.promise("P6")
def test_a_task_that_was_declared_lost_is_fenced_and_stops(bench: Bench) -> None:
    seen: list[str] = []

    def work(task: TaskContext) -> None:
        task.message("before")
        try:
            wait_for(lambda: task.progress(1), "the fence")
        except BaseException as error:
            seen.append(type(error).__name__)
            raise

    handle = bench.start(work)
    wait_for(lambda: len(bench.events(handle)) > 2, "some events")
    now = SystemClock().now_ms()
    assert bench.log.declare_lost("runner-of-the-test", reason="test", now_ms=now) == [
        handle.task_id
    ]
    bench.ended(handle)
    assert seen == ["TaskCancelled"]
    states = [e.data["state"] for e in bench.events(handle) if e.type == "status"]
    assert states == ["running", "lost"]
    assert handle.state == "lost"
    assert bench.events(handle)[-1].data["state"] == "lost", "nothing follows the ending"


@pytest.mark.promise("P6")
def test_closing_the_runner_ends_everything_and_says_why(make_bench: Any) -> None:
    bench = make_bench(parallel=2, shutdown_grace=0.4)
    stubborn = threading.Event()

    def deaf() -> None:
        while not stubborn.is_set():
            with contextlib.suppress(BaseException):
                stubborn.wait(PATIENCE)

    handles = [
        bench.start(lambda task: task.receive(timeout=None)),
        bench.start(deaf),
        bench.start(lambda: None),
    ]
    bench.runner.close("kernel shut down")
    for handle in handles:
        last = bench.events(handle)[-1].data
        assert (last["state"], last["reason"]) == ("cancelled", "kernel shut down")
    assert bench.log.runners() == []
    stubborn.set()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.promise("P6")
@pytest.mark.parametrize("queued", [False, True])
def test_an_interrupt_in_the_moment_of_a_start_leaves_no_task_to_nobody(
    make_bench: Any, monkeypatch: pytest.MonkeyPatch, queued: bool
) -> None:
    bench = make_bench(parallel=1)
    busy, free = threading.Event(), threading.Event()
    if queued:
        bench.start(lambda: (busy.set(), free.wait(PATIENCE)))
        assert busy.wait(PATIENCE)
    commit = bench.log.commit

    def interrupted(append: Append) -> Any:
        committed = commit(append)
        if threading.current_thread() is threading.main_thread():
            signal.raise_signal(signal.SIGINT)
        return committed

    monkeypatch.setattr(bench.log, "commit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bench.start(lambda: "done")
    free.set()

    def ended() -> bool:
        return all(it.state == "completed" for it in bench.log.tasks())

    wait_for(ended, "each of its tasks has ended")
    assert len(bench.log.tasks()) == 1 + queued


def test_a_child_that_was_forked_while_a_runner_is_made_makes_its_own() -> None:
    held, go = threading.Event(), threading.Event()

    def hold() -> None:
        with api._lock:
            held.set()
            go.wait(PATIENCE)

    maker = threading.Thread(target=hold)
    maker.start()
    assert held.wait(PATIENCE)
    if (child := os.fork()) == 0:
        signal.alarm(10)  # it is killed where it waits for ever
        api.configure()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    go.set()
    maker.join(PATIENCE)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_writes_nothing_for_the_task(bench: Bench) -> None:
    def work(task: TaskContext) -> int:
        child = os.fork()
        if child == 0:
            try:
                task.message("from the child")
            except BaseException:
                os._exit(7)
            os._exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    handle = bench.start(work)
    assert handle.result(PATIENCE) == 7
    assert [e.type for e in bench.events(handle)] == ["status", "status"]


KILLED = """
import os, signal, sys
import sparky_nb
def work(task):
    for n in range(10**9):
        task.emit("tick", {"n": n})
        os.write(1, b"%d\\n" % n)   # said only after emit has returned
        if n == int(sys.argv[1]): os.kill(os.getpid(), signal.SIGKILL)
sparky_nb.start(work, chat="c").result()
"""


@pytest.mark.promise("P3")
@pytest.mark.parametrize("last", [0, 7, 200])
def test_what_was_emitted_survives_a_kill(tmp_path: Path, last: int) -> None:
    url = f"sqlite://{tmp_path}/log.db"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(last)],
        env={**os.environ, "SPARKY_LOG_URL": url},
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    with open_log(url) as log:
        kept = [e.data["n"] for e in read(log, "c") if e.type == "tick"]
        assert kept == [int(n) for n in done.stdout.split()] == list(range(last + 1))
        assert log.tasks()[0].state == "running", "nobody has looked yet"


ENDS = """
import os, sys, threading
import sparky_nb
def work(task):
    print("held", end="")
    task.progress(1); task.progress(2)
    started.set()
    task.receive(timeout=None)
started = threading.Event()
handle = sparky_nb.start(work, chat="c")
started.wait(30)
if sys.argv[1] == "exit": os._exit(0)
"""


@pytest.mark.promise("P6")
def test_the_end_of_a_script_cancels_its_tasks_and_keeps_what_was_held(tmp_path: Path) -> None:
    events = script(tmp_path, ENDS, "return")
    last = events[-1].data
    assert (last["state"], last["reason"]) == ("cancelled", "the process ended")
    assert texts(events, "stdout") == "held"
    assert [e.data["done"] for e in events if e.type == "progress"][-1] == 2


@pytest.mark.promise("P6")
def test_a_process_that_just_exits_leaves_a_task_that_the_next_one_declares_lost(
    tmp_path: Path,
) -> None:
    events = script(tmp_path, ENDS, "exit")
    assert events[-1].data.get("state") != "cancelled"
    seen = script(tmp_path, "import sparky_nb; sparky_nb.start(print, chat='d').result(30)", "")
    lost = [e for e in seen if e.data.get("state") == "lost"]
    # The sweep runs beside the short script; a second one finds what the first had no time for.
    for _ in range(5):
        if lost:
            break
        code = "import sparky_nb, time; sparky_nb.start(time.sleep, .3, chat='d').result(30)"
        lost = [e for e in script(tmp_path, code, "") if e.data.get("state") == "lost"]
    assert len(lost) == 1


def script(tmp_path: Path, code: str, argument: str) -> list[Any]:
    url = f"sqlite://{tmp_path}/log.db"
    environment = {**os.environ, "SPARKY_LOG_URL": url}
    run = [sys.executable, "-c", code, argument]
    done = subprocess.run(
        run, env=environment, capture_output=True, text=True, timeout=50, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    with open_log(url) as log:
        return read(log, "c")


def read(log: Log, chat: str) -> list[Any]:
    return [decode_event(wire) for wire in log.read(chat, limit=10_000).events]


def test_a_started_script_prints_nothing_of_ours(tmp_path: Path) -> None:
    code = "import sparky_nb; print([sparky_nb.start(sum, [1, 2]).result(30)])"
    environment = {**os.environ, "SPARKY_LOG_URL": f"sqlite://{tmp_path}/log.db"}
    run = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(
        run, env=environment, capture_output=True, text=True, timeout=50, check=True
    )
    assert ast.literal_eval(done.stdout) == [3]
    assert done.stderr == ""


@pytest.mark.promise("P7")
def test_listeners_that_never_listen_cost_the_task_nothing(bench: Bench, tmp_path: Path) -> None:
    import zmq

    from sparky_nb.fanout import Ringer

    ringer, context = Ringer(), zmq.Context()
    sockets = [context.socket(zmq.PULL) for _ in range(20)]
    try:
        endpoints = [f"ipc://{tmp_path}/{n}" for n in range(20)]
        for socket, endpoint in zip(sockets, endpoints, strict=True):
            socket.bind(endpoint)
        ringer.set_endpoints([*endpoints, f"ipc://{tmp_path}/nobody"])
        bench.runner._ringer = ringer

        def work(task: TaskContext) -> None:
            for n in range(3000):
                task.emit("tick", {"n": n})

        assert bench.run(work)[-1].data["state"] == "completed"
    finally:
        ringer.close()
        context.destroy(linger=0)


@pytest.mark.promise("P6")
def test_a_runner_that_learns_it_was_declared_dead_stops_its_tasks_and_goes_on(
    make_bench: Any,
) -> None:
    bench = make_bench(lease_renewal=0.02, idle_poll=0.01, busy_poll=0.01)
    quiet = bench.start(lambda task: task.receive(timeout=None))
    wait_for(lambda: bench.log.runners()[0].version > 1, "a renewal")
    now = SystemClock().now_ms()
    bench.log.declare_lost("runner-of-the-test", reason="test", now_ms=now)
    assert bench.ended(quiet)[-1].data["state"] == "lost"
    wait_for(lambda: bench.log.runners(), "to be registered again")
    assert bench.run(lambda: 1)[-1].data["state"] == "completed"

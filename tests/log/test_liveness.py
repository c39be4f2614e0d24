"""Who is alive, who is dead, and who says so."""

from __future__ import annotations

import os
import subprocess
import sys

import msgspec
import pytest

from sparky_nb.errors import InvalidArgument
from sparky_nb.log import open_log
from sparky_nb.log.base import LEASE_SECONDS, RunnerRow
from sparky_nb.log.boot import boot_id
from sparky_nb.log.liveness import LeaseObserver, RunnerIdentity, is_alive
from sparky_nb.log.sweep import sweep
from sparky_nb.testing.clock import FakeClock
from sparky_nb.testing.log_samples import start, states

pytestmark = pytest.mark.promise("P6")
ELSEWHERE = "another-boot:1:2:3:aaaaaaaa"


def row(runner_id: str, version: int = 1) -> RunnerRow:
    return RunnerRow(
        runner_id=runner_id,
        role="kernel",
        endpoint=None,
        chat_id=None,
        version=version,
        started=1,
        info={},
    )


def dead_process() -> str:
    """The runner id of a process of this machine that has ended."""
    code = (
        "from sparky_nb.log.liveness import RunnerIdentity as R;"
        "print(R.current('aaaaaaaa').runner_id)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_this_process_is_alive_and_says_who_it_is() -> None:
    me = RunnerIdentity.current("0a1b2c3d")
    assert (me.pid, me.boot) == (os.getpid(), boot_id())
    assert RunnerIdentity.parse(me.runner_id) == me
    assert is_alive(me.runner_id) is True


def test_a_pid_that_is_used_again_is_not_the_same_process() -> None:
    me = RunnerIdentity.current("0a1b2c3d")
    assert is_alive(msgspec.structs.replace(me, started="1").runner_id) is False


def test_a_process_that_has_ended_is_dead() -> None:
    assert is_alive(dead_process()) is False


def test_a_zombie_is_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    me = RunnerIdentity.current("0a1b2c3d")
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert is_alive(msgspec.structs.replace(me, pid=child.pid).runner_id) is False
    child.wait()


@pytest.mark.parametrize("field, value", [("boot", "x"), ("namespace", "7"), ("started", "?")])
def test_of_another_machine_or_namespace_only_the_lease_tells(field: str, value: str) -> None:
    me = RunnerIdentity.current("0a1b2c3d")
    assert is_alive(msgspec.structs.replace(me, **{field: value}).runner_id) is None


def test_what_is_no_runner_id_is_refused() -> None:
    assert is_alive("nonsense") is None
    with pytest.raises(InvalidArgument, match="runner_id"):
        RunnerIdentity.parse("nonsense")


def test_a_lease_that_stands_still_for_its_length_is_dead_and_not_before() -> None:
    clock = FakeClock()
    observer = LeaseObserver(clock)
    assert observer.dead([row(ELSEWHERE)]) == []
    for _ in range(4):
        clock.advance(LEASE_SECONDS / 5)
        assert observer.dead([row(ELSEWHERE)]) == []
    assert observer.dead([row(ELSEWHERE, 2)]) == []
    for _ in range(5):
        clock.advance(LEASE_SECONDS / 5)
        found = observer.dead([row(ELSEWHERE, 2)])
    assert [it[0] for it in found] == [ELSEWHERE]


def test_an_observer_that_slept_begins_anew() -> None:
    clock = FakeClock()
    observer = LeaseObserver(clock)
    observer.dead([row(ELSEWHERE)])
    clock.advance(8 * 3600)
    assert observer.dead([row(ELSEWHERE)]) == []


def test_a_process_of_this_machine_is_alive_however_old_its_lease_is() -> None:
    clock = FakeClock()
    observer = LeaseObserver(clock)
    me = RunnerIdentity.current("0a1b2c3d").runner_id
    for _ in range(20):
        assert observer.dead([row(me)]) == []
        clock.advance(LEASE_SECONDS / 5)


def test_a_sweep_ends_the_tasks_of_the_dead_once_and_leaves_the_living() -> None:
    log, clock = open_log("memory://"), FakeClock()
    gone, here = dead_process(), RunnerIdentity.current("0a1b2c3d").runner_id
    lost, kept = start(log, "c", 1, gone), start(log, "c", 2, here)
    for runner in (gone, here):
        log.register(row(runner))
    assert sweep(log, LeaseObserver(clock), clock) == [lost]
    assert sweep(log, LeaseObserver(clock), clock) == []
    assert [it["state"] for it in states(log, "c", lost)] == ["running", "lost"]
    assert log.task(kept).state == "running"
    assert [it.runner_id for it in log.runners()] == [here]

"""Each firing happens once, whoever looks and whoever is killed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sparky_nb import schedules
from sparky_nb.errors import Conflict, InvalidArgument, NotFound
from sparky_nb.events.model import NewEvent
from sparky_nb.ids import new_event_id, new_nonce
from sparky_nb.log import Append, Fence, Log, open_log
from sparky_nb.log.base import ScheduleRow
from sparky_nb.schedules import make_rule, tick

MINUTE = 60_000
PATIENCE = 60.0


@pytest.fixture(params=["memory", "sqlite"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Log]:
    place = f"sqlite:///{tmp_path}/log.db"
    with open_log(f"memory://{new_nonce()}" if request.param == "memory" else place) as opened:
        yield opened


def add(log: Log, every: str = "1m", **more: str) -> ScheduleRow:
    rule = make_rule(every=every, timezone="UTC", now_ms=0)
    given = {"chat_id": "chores", "asked_by": "ada", "instruction": "Run smart maintenance"} | more
    if "call" in given:
        del given["instruction"]
    return schedules.add(log, rule, now_ms=0, **given)  # type: ignore[arg-type]


def end(log: Log, task_id: str, state: str = "completed") -> None:
    row = log.task(task_id)
    fence = Fence(task_id=task_id, attempt=1, runner="r:0:1:1:x")
    for name in ("running", state):
        event = NewEvent(
            id=new_event_id(0), type="status", time=0, task_id=task_id, actor="task",
            data={"state": name, "attempt": 1, "runner": "r:0:1:1:x"},
        )  # fmt: skip
        log.commit(Append(chat=row.chat_id, events=(event,), fence=fence))


def test_a_firing_is_a_queued_task_with_its_instruction_and_its_schedule(log: Log) -> None:
    row = add(log, name="maintenance")
    assert tick(log, MINUTE - 1) == ([], MINUTE)
    (fired,), coming = tick(log, MINUTE)
    assert coming == 2 * MINUTE
    task = log.task(fired.task_id)
    assert (task.state, task.schedule_id, task.name) == ("queued", row.schedule_id, "maintenance")
    assert task.instruction == "Run smart maintenance"
    said = json.loads(log.read("chores").events[1])
    assert (said["type"], said["data"]["from"]) == ("message_received", "ada")
    kept = log.schedule(row.schedule_id)
    assert (kept.fired, kept.last_task, kept.next_at) == (1, fired.task_id, 2 * MINUTE)


def test_missed_firings_are_one(log: Log) -> None:
    row = add(log)
    (_,), coming = tick(log, 10 * MINUTE + 5)  # nobody had looked for ten minutes
    assert coming == 11 * MINUTE
    assert log.schedule(row.schedule_id).coalesced == 9
    assert tick(log, 10 * MINUTE + 6)[0] == []


def test_firings_that_overlap_wait_for_the_task_and_are_one(log: Log) -> None:
    row = add(log)
    (first,), _ = tick(log, MINUTE)
    for minute in (2, 3, 4):
        assert tick(log, minute * MINUTE)[0] == []
    end(log, first.task_id)
    (second,), coming = tick(log, 4 * MINUTE + 1)
    assert second.task_id != first.task_id
    assert coming == 5 * MINUTE
    assert log.schedule(row.schedule_id).fired == 2


def test_what_is_at_one_time_fires_once_also_when_it_was_missed(log: Log) -> None:
    rule = make_rule(at="1970-01-01T00:01", timezone="UTC", now_ms=0)
    row = schedules.add(log, rule, chat_id="c", now_ms=0, asked_by="ada", instruction="Hello")
    assert len(tick(log, 99 * MINUTE)[0]) == 1
    assert log.schedule(row.schedule_id).state == "ended"
    assert tick(log, 100 * MINUTE) == ([], None)
    with pytest.raises(Conflict):
        schedules.resume(log, row.schedule_id, 100 * MINUTE)


def test_a_pause_is_not_made_up_for(log: Log) -> None:
    row = add(log)
    assert schedules.pause(log, row.schedule_id[:8]).state == "paused"
    assert tick(log, 50 * MINUTE) == ([], None)
    again = schedules.resume(log, row.schedule_id, 50 * MINUTE)
    assert again.next_at == 51 * MINUTE
    assert again.coalesced == 0


def test_run_now_is_beside_the_rule(log: Log) -> None:
    row = add(log)
    fired = schedules.run_now(log, row.schedule_id, 5)
    assert log.schedule(row.schedule_id).next_at == MINUTE
    with pytest.raises(Conflict, match="has not ended"):
        schedules.run_now(log, row.schedule_id, 6)
    end(log, fired.task_id)
    assert schedules.run_now(log, row.schedule_id, 7).task_id != fired.task_id


def test_removing_it_leaves_its_tasks(log: Log) -> None:
    row = add(log)
    (fired,), _ = tick(log, MINUTE)
    schedules.remove(log, row.schedule_id)
    assert log.task(fired.task_id).state == "queued"
    assert log.schedules() == []
    with pytest.raises(NotFound):
        schedules.pause(log, row.schedule_id)


def test_a_chat_takes_its_schedules_along(log: Log) -> None:
    row = add(log)
    (fired,), _ = tick(log, MINUTE)
    end(log, fired.task_id)
    other = add(log, chat_id="other")
    log.delete_chat("chores", actor="system", now_ms=0)
    assert [it.schedule_id for it in log.schedules()] == [other.schedule_id]
    with pytest.raises(NotFound):
        log.schedule(row.schedule_id)


def test_a_notebooks_function_waits_for_its_notebook_and_says_so(log: Log) -> None:
    row = add(log, call="refresh")
    (fired,), _ = tick(log, MINUTE)
    task = log.task(fired.task_id)
    assert (task.kind, task.instruction) == ("call", "refresh()")
    first = json.loads(log.read("chores").events[0])
    assert first["data"]["reason"] == "waits for its notebook, which has refresh()"
    assert len(log.read("chores").events) == 1  # nobody said it
    with pytest.raises(InvalidArgument):
        add(log, call="os.system('x')")
    assert row.instruction is None


@pytest.mark.parametrize("bad", [{"instruction": " "}, {"chat_id": "_index"}, {"name": "x" * 201}])
def test_what_is_wrong_is_refused_when_it_is_made(log: Log, bad: dict[str, str]) -> None:
    with pytest.raises(InvalidArgument):
        add(log, **bad)
    assert log.schedules() == []


def test_a_schedule_says_itself_in_plain_words(log: Log) -> None:
    shown = schedules.described(add(log, every="30m"), 0)
    assert (shown["words"], shown["from"]) == ("every 30 minutes", "ada")
    assert shown["next_words"].startswith("in 30 minutes")
    assert (
        schedules.described(log.schedule(shown["schedule_id"]), 31 * MINUTE)["next_words"] == "now"
    )


def test_who_reads_an_old_revision_changes_nothing(log: Log) -> None:
    import msgspec

    row = add(log)
    tick(log, MINUTE)
    assert not log.change_schedule(msgspec.structs.replace(row, state="paused", revision=2))
    assert log.schedule(row.schedule_id).state == "active"


# Each competitor has a clock of its own that runs fast; it fires, takes and ends as it can.
COMPETITOR = """
import itertools, sys
from sparky_nb.log import open_log
from sparky_nb.schedules import tick
with open_log(sys.argv[1]) as log:
    print("ready", flush=True)
    sys.stdin.readline()
    for second in itertools.count(1):
        tick(log, second * 1000)
        if second > int(sys.argv[2]):
            break
"""


@pytest.mark.promise("P5")
@pytest.mark.timeout(120)
def test_competing_runners_that_are_killed_fire_each_time_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/log.db"
    rule = make_rule(every="1s", timezone="UTC", now_ms=0)
    with open_log(url) as log:
        # Fifty schedules that nobody's task blocks: each firing is due while all compete for it.
        rows = [
            schedules.add(log, rule, chat_id=f"c{n}", now_ms=0, asked_by="ada", instruction="go")
            for n in range(50)
        ]
        racers = [
            subprocess.Popen(
                [sys.executable, "-c", COMPETITOR, url, "2"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )
            for _ in range(4)
        ]  # fmt: skip
        for racer in racers:
            assert racer.stdout is not None
            assert racer.stdout.readline() == "ready\n"
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write("\n")
            racer.stdin.flush()
        racers[0].kill()  # in the middle of it
        for racer in racers:
            racer.wait(PATIENCE)
            assert racer.stdin is not None
            assert racer.stdout is not None
            racer.stdin.close()
            racer.stdout.close()
        for row in rows:
            # The first task is still queued, so all that came after has become none or one: none.
            assert [it.schedule_id for it in log.tasks(chat_id=row.chat_id)] == [row.schedule_id]
            assert log.schedule(row.schedule_id).fired == 1
        assert list(log.verify()) == []

"""Each firing happens once, whoever looks and whoever is killed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from sparky_nb import schedules
from sparky_nb.clock import SystemClock
from sparky_nb.errors import Conflict, InvalidArgument, NotFound
from sparky_nb.events.model import NewEvent
from sparky_nb.ids import new_event_id, new_nonce
from sparky_nb.log import Append, Fence, Log, open_log
from sparky_nb.log.base import ScheduleRow
from sparky_nb.schedules import make_rule, tick
from tests.live import wait_for

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


@pytest.mark.promise("P12")
def test_one_whose_time_zone_is_not_known_here_hides_and_holds_up_no_other(log: Log) -> None:
    row = add(log)
    strange = msgspec.structs.replace(
        row, schedule_id="sched-aa", kind="cron", spec="* * * * *", timezone="Mars/Olympus",
        created=-1,
    )  # fmt: skip
    log.add_schedule(strange)
    (fired,), _ = tick(log, MINUTE)
    assert fired.schedule_id == row.schedule_id
    assert log.schedule("sched-aa") == strange, "still due, for whoever knows the zone"
    said = {it["schedule_id"]: it["next_words"] for it in schedules.listed(log, MINUTE)}
    assert said[row.schedule_id].startswith("in 1 minute")
    assert "Mars/Olympus" in said["sched-aa"]


def test_what_is_at_one_time_fires_once_also_when_it_was_missed(log: Log) -> None:
    rule = make_rule(at="1970-01-01T00:01", timezone="UTC", now_ms=0)
    row = schedules.add(log, rule, chat_id="c", now_ms=0, asked_by="ada", instruction="Hello")
    assert len(tick(log, 99 * MINUTE)[0]) == 1
    assert log.schedule(row.schedule_id).state == "ended"
    assert tick(log, 100 * MINUTE) == ([], None)
    with pytest.raises(Conflict):
        schedules.resume(log, row.schedule_id, asked_by="ada", now_ms=100 * MINUTE)


def test_a_pause_is_not_made_up_for(log: Log) -> None:
    row = add(log)
    assert schedules.pause(log, row.schedule_id[:8], asked_by="ada", now_ms=0).state == "paused"
    assert tick(log, 50 * MINUTE) == ([], None)
    again = schedules.resume(log, row.schedule_id, asked_by="ada", now_ms=50 * MINUTE)
    assert again.next_at == 51 * MINUTE
    assert again.coalesced == 0


def test_a_clock_that_was_ahead_and_is_put_back_stops_no_schedule(log: Log) -> None:
    row, year = add(log), 365 * 24 * 60 * MINUTE
    (fired,), _ = tick(log, year)
    end(log, fired.task_id)
    assert tick(log, 10 * MINUTE) == ([], 11 * MINUTE)
    (again,), _ = tick(log, 11 * MINUTE)
    assert again.task_id != fired.task_id
    end(log, again.task_id)
    at = make_rule(at="1971-01-01T00:00:00", timezone="UTC", now_ms=0)
    once = schedules.add(log, at, chat_id="c", now_ms=0, asked_by="ada", instruction="Once")
    assert tick(log, 11 * MINUTE)[0] == [], "each time fires once"
    assert log.schedule(once.schedule_id).next_at == once.next_at
    assert log.schedule(row.schedule_id).next_at == 12 * MINUTE


def test_clocks_that_differ_much_do_not_make_each_other_fire_all_the_time(log: Log) -> None:
    row, ahead = add(log), 120 * MINUTE
    for second in range(0, 180, 10):
        for now_ms in (second * 1000, ahead + second * 1000):
            fired, _ = tick(log, now_ms)
            for one in fired:
                end(log, one.task_id)
    assert 3 <= log.schedule(row.schedule_id).fired <= 6, "one each minute, of each clock"


def test_clocks_that_differ_a_little_fire_each_time_once(log: Log) -> None:
    add(log)
    ahead = 40 * MINUTE
    (fired,), _ = tick(log, ahead + MINUTE)
    end(log, fired.task_id)
    assert tick(log, MINUTE) == ([], ahead + 2 * MINUTE)


def test_a_time_that_comes_again_fires_again_and_holds_up_no_other(log: Log) -> None:
    rule = make_rule(cron="* * * * *", timezone="UTC", now_ms=0)
    row = schedules.add(log, rule, chat_id="c", now_ms=0, asked_by="ada", instruction="Again")
    (fired,), _ = tick(log, 3 * MINUTE)
    end(log, fired.task_id)
    schedules.pause(log, row.schedule_id, asked_by="ada", now_ms=0)  # the clock was put back
    schedules.resume(log, row.schedule_id, asked_by="ada", now_ms=0)
    (again,), _ = tick(log, MINUTE)
    assert again.task_id != fired.task_id


def test_run_now_is_beside_the_rule(log: Log) -> None:
    row = add(log)
    fired = schedules.run_now(log, row.schedule_id, asked_by="ada", now_ms=5)
    assert log.schedule(row.schedule_id).next_at == MINUTE
    with pytest.raises(Conflict, match="has not ended"):
        schedules.run_now(log, row.schedule_id, asked_by="ada", now_ms=6)
    end(log, fired.task_id)
    again = schedules.run_now(log, row.schedule_id, asked_by="ada", now_ms=7)
    assert again.task_id != fired.task_id


def test_removing_it_leaves_its_tasks(log: Log) -> None:
    row = add(log)
    (fired,), _ = tick(log, MINUTE)
    schedules.remove(log, row.schedule_id, asked_by="ada", now_ms=0)
    assert log.task(fired.task_id).state == "queued"
    assert log.schedules() == []
    with pytest.raises(NotFound):
        schedules.pause(log, row.schedule_id, asked_by="ada", now_ms=0)


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
    add(log, call="refresh")
    (fired,), _ = tick(log, MINUTE)
    task = log.task(fired.task_id)
    assert (task.kind, task.instruction) == ("call", "refresh()")
    first = json.loads(log.read("chores").events[0])
    assert first["data"]["reason"] == "waits for its notebook, which has refresh()"
    assert len(log.read("chores").events) == 1  # nobody said it
    with pytest.raises(InvalidArgument):
        add(log, call="os.system('x')")
    (shown,) = schedules.listed(log, MINUTE)
    assert shown["needs"] == "its notebook, which has refresh()"
    assert shown["last_words"] == "waits for its notebook, which has refresh()"


@pytest.mark.parametrize("bad", [{"instruction": " "}, {"chat_id": "_index"}, {"name": "x" * 201}])
def test_what_is_wrong_is_refused_when_it_is_made(log: Log, bad: dict[str, str]) -> None:
    with pytest.raises(InvalidArgument):
        add(log, **bad)
    assert log.schedules() == []


def test_a_schedule_says_itself_in_plain_words(log: Log) -> None:
    shown = schedules.described(log, add(log, every="30m"), 0)
    assert (shown["words"], shown["from"]) == ("every 30 minutes", "ada")
    assert shown["next_words"].startswith("in 30 minutes")
    assert (shown["last_state"], shown["last_words"], shown["needs"]) == (None, "not yet", None)
    (fired,), _ = tick(log, 31 * MINUTE)
    end(log, fired.task_id, "failed")
    (shown,) = schedules.listed(log, 61 * MINUTE)
    assert (shown["next_words"], shown["last_words"]) == ("now", "failed")


def test_who_reads_an_old_revision_changes_nothing(log: Log) -> None:
    import msgspec

    row = add(log)
    tick(log, MINUTE)
    old = msgspec.structs.replace(row, state="paused", revision=2)
    assert not log.change_schedule(old, actor="user:ada", now_ms=0)
    assert log.schedule(row.schedule_id).state == "active"


# Competitors share a clock that runs a hundred times as fast. Each fires what is due, takes and
# ends what is queued, as workers do, and says so.
COMPETITOR = """
import sys
from sparky_nb.clock import SystemClock
from sparky_nb.errors import SparkyError
from sparky_nb.events.model import NewEvent
from sparky_nb.ids import new_event_id, new_nonce
from sparky_nb.log import Append, Fence, open_log
from sparky_nb.schedules import tick

url, began, me, clock = sys.argv[1], int(sys.argv[2]), f"r:0:1:1:{new_nonce()}", SystemClock()

def move(row, state):
    data = {"state": state, "attempt": 1, "runner": me}
    return NewEvent(
        id=new_event_id(0), type="status", time=0, task_id=row.task_id, actor="task", data=data
    )

with open_log(url) as log:
    while True:
        tick(log, (clock.now_ms() - began) * 100)
        for row in log.tasks(states=["queued"]):
            events = move(row, "running"), move(row, "completed")
            fence = Fence(task_id=row.task_id, attempt=1, runner=me)
            try:
                log.commit(Append(chat=row.chat_id, events=events, fence=fence))
            except SparkyError:
                continue  # another one has it
            print("ended one", flush=True)
"""


@pytest.mark.promise("P5")
@pytest.mark.timeout(180)
def test_competing_runners_that_are_killed_fire_each_time_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/log.db"
    rule = make_rule(every="1s", timezone="UTC", now_ms=0)
    began = str(SystemClock().now_ms())
    with open_log(url) as log:
        rows = [
            schedules.add(log, rule, chat_id=f"c{n}", now_ms=0, asked_by="ada", instruction="go")
            for n in range(5)
        ]

        def racer() -> subprocess.Popen[str]:
            words = [sys.executable, "-c", COMPETITOR, url, began]
            return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)

        racers = [racer() for _ in range(3)]
        for _ in range(4):  # one after the other is killed in the middle of it, and replaced
            victim = racers.pop(0)
            assert victim.stdout is not None
            assert victim.stdout.readline() == "ended one\n"
            victim.kill()
            racers.append(racer())
            victim.wait(PATIENCE)
            victim.stdout.close()
        wait_for(
            lambda: all(log.schedule(row.schedule_id).fired > 9 for row in rows), "all went on"
        )
        assert [racer.poll() for racer in racers] == [None] * 3  # who is beaten goes on
        for victim in racers:
            victim.kill()
            victim.wait(PATIENCE)
            assert victim.stdout is not None
            victim.stdout.close()

        assert list(log.verify()) == []
        told = [json.loads(wire) for wire in log.read("_index", limit=10_000).events]
        for row in rows:
            kept = log.schedule(row.schedule_id)
            tasks = log.tasks(chat_id=row.chat_id, limit=10_000)
            assert len(tasks) == kept.fired  # each firing made one task, and each task was one
            # Every second until the next has fired or gone into another firing; none did both.
            assert kept.next_at == (kept.fired + kept.coalesced + 1) * 1000
            fired = [
                it["data"]["fired"]
                for it in told
                if it["type"] == "schedule"
                and it["data"]["schedule_id"] == row.schedule_id
                and it["data"]["change"] == "fired"
            ]
            assert fired == list(range(1, kept.fired + 1))  # and each was told once, in order

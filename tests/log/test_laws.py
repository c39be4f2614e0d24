"""Any log against a plain list that knows nothing of its code."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sparky_nb.errors import Fenced, IdConflict
from sparky_nb.events.model import NewEvent
from sparky_nb.log import Append, Fence, Log, open_log
from sparky_nb.testing.log_samples import OTHER, RUNNER

_names = count()
NUMBERS = st.integers(1, 30)
CHATS = st.sampled_from(["a", "b"])
TASK = "task-00000000000"


def made(number: int, text: str, task: str | None = None) -> NewEvent:
    return NewEvent(
        id=f"id-{number}",
        type="thought",
        time=number,
        task_id=task,
        actor="system",
        data={"message_id": f"m{number % 3}", "text": text, "final": False},
    )


class AgainstAList(RuleBasedStateMachine):
    """Two handles on one log; the oracle is {chat: [id, …]} and what each id said."""

    url = ""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.open()
        self.lists: dict[str, list[tuple[int, str]]] = {"a": [], "b": []}
        self.gone: dict[str, int] = {"a": 0, "b": 0}
        self.bytes: dict[tuple[str, int], bytes] = {}

    def open(self) -> None:
        raise NotImplementedError

    def handles(self) -> tuple[Log, Log]:
        return self.logs

    logs: tuple[Log, Log]

    @rule(
        chat=CHATS,
        which=st.integers(0, 1),
        items=st.lists(st.tuples(NUMBERS, st.sampled_from("xyz")), min_size=1, max_size=6),
    )
    def append(self, chat: str, which: int, items: list[tuple[int, str]]) -> None:
        mine = self.lists[chat]
        expected, planned, conflict = [], list(mine), False
        for number, text in items:
            at = [n for n, (id_, _) in enumerate(planned) if id_ == number]
            # Ids without a task are forgotten with the events that a trim removes.
            at = [n for n in at if n >= self.gone[chat]]
            if not at:
                planned.append((number, text))
                expected.append(len(planned))
            else:
                conflict = conflict or planned[at[-1]][1] != text
                expected.append(at[-1] + 1)
        events = tuple(made(number, text) for number, text in items)
        log = self.logs[which]
        if conflict:
            with pytest.raises(IdConflict):
                log.commit(Append(chat=chat, events=events))
        else:
            done = log.commit(Append(chat=chat, events=events))
            assert list(done.offsets) == expected
            assert done.head == len(planned)
            self.lists[chat] = planned

    @precondition(lambda self: any(self.lists.values()))
    @rule(chat=CHATS, part=st.floats(0, 1))
    def trim(self, chat: str, part: float) -> None:
        if not self.lists[chat]:
            return
        before = int(part * (len(self.lists[chat]) + 1)) + 1
        state = self.logs[0].snapshot(chat)
        self.logs[1].trim(chat, before)
        self.gone[chat] = max(self.gone[chat], min(before - 1, len(self.lists[chat])))
        assert self.logs[0].snapshot(chat) == state == self.logs[1].snapshot(chat)

    @rule()
    def reopen(self) -> None:
        """Another life of the processes: nothing changes."""

    @invariant()
    def reads_agree(self) -> None:
        if not hasattr(self, "lists"):
            return
        for chat, items in self.lists.items():
            if not items:
                continue
            gone = self.gone[chat]
            for log in self.logs:
                page = log.read(chat, limit=1000)
                got = [json.loads(it) for it in page.events]
                assert [it["offset"] for it in got] == list(range(gone + 1, len(items) + 1))
                assert [(it["time"], it["data"]["text"]) for it in got] == items[gone:]
                assert (page.earliest, page.head) == (gone + 1, len(items))
                for it, wire in zip(got, page.events, strict=True):
                    assert self.bytes.setdefault((chat, it["offset"]), wire) == wire

    def teardown(self) -> None:
        if hasattr(self, "logs"):
            for log in self.logs:
                log.close()
            self.folder.cleanup()


class AgainstMemory(AgainstAList):
    def open(self) -> None:
        url = f"memory://laws-{next(_names)}"
        self.logs = (open_log(url), open_log(url))


class AgainstSqlite(AgainstAList):
    def open(self) -> None:
        self.url = f"sqlite://{self.folder.name}/log.db"
        self.logs = (open_log(self.url), open_log(self.url))

    @rule()
    def reopen(self) -> None:
        first, second = self.logs
        first.close()
        self.logs = (second, open_log(self.url))


few = settings(
    max_examples=25,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestAgainstMemory = pytest.mark.promise("P1", "P5")(AgainstMemory.TestCase)
TestAgainstMemory.settings = few
TestAgainstSqlite = pytest.mark.promise("P1", "P5")(AgainstSqlite.TestCase)
TestAgainstSqlite.settings = few


class OneEnding(RuleBasedStateMachine):
    """Two runners, a sweeper and a viewer over one file: a task ends once (P6)."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        url = f"sqlite://{self.folder.name}/log.db"
        self.logs = (open_log(url), open_log(url))
        self.state: dict[str, str] = {}
        self.names = count()

    def status(self, task: str, state: str, **data: Any) -> NewEvent:
        return NewEvent(
            id=f"s{next(self.names)}",
            type="status",
            time=1,
            task_id=task,
            actor="task",
            data={"state": state, "attempt": 1, **data},
        )

    @rule(n=st.integers(0, 3), which=st.integers(0, 1), to=st.sampled_from(["queued", "running"]))
    def start(self, n: int, which: int, to: str) -> None:
        task = f"{TASK}{n}"
        if task not in self.state:
            runner = {} if to == "queued" else {"runner": RUNNER}
            fence = Fence(task_id=task, attempt=1, runner=RUNNER)
            event = self.status(task, to, **runner)
            self.logs[which].commit(Append(chat="c", events=(event,), fence=fence))
            self.state[task] = to

    @precondition(lambda self: self.state)
    @rule(
        data=st.data(),
        which=st.integers(0, 1),
        to=st.sampled_from(["waiting", "running", "completed", "failed", "cancelled", "lost"]),
        runner=st.sampled_from([RUNNER, OTHER]),
    )
    def move(self, data: Any, which: int, to: str, runner: str) -> None:
        task = data.draw(st.sampled_from(sorted(self.state)))
        fence = Fence(task_id=task, attempt=1, runner=runner)
        event = self.status(task, to, runner=runner)
        now = self.state[task]
        legal = {
            "queued": {"running": "running"},
            "running": dict.fromkeys(["waiting", "completed", "failed", "cancelled", "lost"]),
            "waiting": dict.fromkeys(["running", "completed", "failed", "cancelled", "lost"]),
        }.get(now, {})
        mine = now == "queued" or self.logs[0].task(task).runner == runner
        append = Append(chat="c", events=(event,), fence=fence)
        if to in legal and mine:
            self.logs[which].commit(append)
            self.state[task] = to
        elif now not in ("queued", "running", "waiting"):
            with pytest.raises(Fenced):
                self.logs[which].commit(append)

    @precondition(lambda self: self.state)
    @rule(which=st.integers(0, 1), runner=st.sampled_from([RUNNER, OTHER]))
    def sweep(self, which: int, runner: str) -> None:
        for task in self.logs[which].declare_lost(runner, reason="died", now_ms=5):
            assert self.state[task] in ("running", "waiting")
            self.state[task] = "lost"

    @invariant()
    def one_ending_at_most_and_last(self) -> None:
        if not getattr(self, "state", None):
            return
        events = [json.loads(it) for it in self.logs[0].read("c", limit=1000).events]
        for task, state in self.state.items():
            said = [it["data"]["state"] for it in events if it["task_id"] == task]
            assert said[-1] == state == self.logs[1].task(task).state
            ended = [it for it in said if it in ("completed", "failed", "cancelled", "lost")]
            assert len(ended) <= 1

    def teardown(self) -> None:
        if hasattr(self, "logs"):
            for log in self.logs:
                log.close()
            self.folder.cleanup()


TestOneEnding = pytest.mark.promise("P6")(OneEnding.TestCase)
TestOneEnding.settings = few


@pytest.mark.promise("P1", "P5")
def test_processes_that_write_at_once_share_one_order(tmp_path: Path) -> None:
    url = f"sqlite://{tmp_path / 'log.db'}"
    code = """
import sys
from sparky_nb.log import open_log
from sparky_nb.testing.log_samples import append, event
url, name = sys.argv[1:]
with open_log(url) as log:
    for n in range(100):
        append(log, "c", event(f"{name}-{n}"))
        if n % 10 == 0:
            append(log, "c", event(f"all-{n}"))
            log.maintain()
"""
    started = [subprocess.Popen([sys.executable, "-c", code, url, str(n)]) for n in range(4)]
    assert [it.wait(60) for it in started] == [0, 0, 0, 0]
    with open_log(url) as log:
        events = [json.loads(it) for it in log.read("c", limit=1000).events]
        assert [it["offset"] for it in events] == list(range(1, 411))
        assert len({it["id"] for it in events}) == 410
        for name in range(4):
            mine = [it["data"]["message_id"] for it in events]
            mine = [it for it in mine if it.startswith(f"{name}-")]
            assert mine == [f"{name}-{n}" for n in range(100)]
        assert list(log.verify()) == []

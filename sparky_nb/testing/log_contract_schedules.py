"""The part of a log's contract that is about schedules: log_contract.py has the rest."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sparky_nb.errors import IdConflict, InvalidArgument, NotFound
from sparky_nb.events.model import JsonObject
from sparky_nb.ids import INDEX_CHAT
from sparky_nb.log.base import Append, Log, ScheduleRow
from sparky_nb.testing.log_contract_chats import LogCase
from sparky_nb.testing.log_samples import all_events, event, status, task_id


def schedule(name: str = "sched-aa", **more: Any) -> ScheduleRow:
    """One that fires each minute in chat ``c``."""
    given: JsonObject = {"kind": "every", "spec": "1m", "timezone": "UTC", "instruction": "Tidy up"}
    given |= {"chat_id": "c", "from_": "ann", "created": 5, "next_at": 60_005, **more}
    return ScheduleRow(schedule_id=name, **given)


def change(log: Log, row: ScheduleRow, *events: Any, **changes: Any) -> bool:
    """``row`` with ``changes``, as its next revision, together with ``events`` in its chat."""
    after = msgspec.structs.replace(row, **changes, revision=row.revision + 1)
    append = Append(chat=row.chat_id, events=events) if events else None
    return log.change_schedule(after, append, actor="user:bob", now_ms=9)


def told(log: Log) -> list[JsonObject]:
    """What ``_index`` says of schedules."""
    events = all_events(log, INDEX_CHAT)
    return [it.data | {"by": it.actor} for it in events if it.type == "schedule"]


class ScheduleContract(LogCase):
    """Schedules are made, changed, fired, removed, and everybody who watches hears of it."""

    def test_a_schedule_is_kept_and_found_by_the_beginning_of_its_id(self, log: Log) -> None:
        log.add_schedule(first := schedule("sched-aa"))
        log.add_schedule(second := schedule("sched-ab", chat_id="d"))
        assert log.schedules() == [first, second]
        with pytest.raises(InvalidArgument, match="prefix"):
            log.schedule("sched-")
        assert log.schedules(chat_id="d") == [second] == [log.schedule("sched-ab")]
        with pytest.raises(InvalidArgument):
            log.schedule("sched-a")
        with pytest.raises(NotFound):
            log.schedule("sched-b")
        with pytest.raises(IdConflict):
            log.add_schedule(first)
        with pytest.raises(InvalidArgument):
            log.add_schedule(schedule("sched-c", chat_id="_index"))

    def test_the_index_hears_of_each_change_of_a_schedule(self, log: Log) -> None:
        log.add_schedule(row := schedule())
        change(log, row, state="paused", next_at=None)
        change(log, log.schedule("sched-aa"), state="active", next_at=70)
        queued = status("s", task_id(1), "queued")
        change(log, log.schedule("sched-aa"), queued, fired=1, last_task=task_id(1), next_at=90)
        log.remove_schedule("sched-aa", actor="user:cleo", now_ms=10)
        said = [(it["change"], it["state"], it["next_at"], it["by"]) for it in told(log)]
        assert said == [
            ("created", "active", 60_005, "user:ann"),
            ("paused", "paused", None, "user:bob"),
            ("resumed", "active", 70, "user:bob"),
            ("fired", "active", 90, "user:bob"),
            ("removed", "active", 90, "user:cleo"),
        ]
        assert [it["revision"] for it in told(log)] == [1, 2, 3, 4, 4]
        assert told(log)[3]["last_task"] == task_id(1)
        assert all("instruction" not in it for it in told(log))

    def test_a_firing_and_its_task_are_stored_together_or_not_at_all(self, log: Log) -> None:
        log.add_schedule(row := schedule())
        with pytest.raises(InvalidArgument):  # a task's first event is a status
            change(log, row, event("x", "thought", task_id(1)), fired=1)
        assert log.schedule("sched-aa") == row
        assert len(told(log)) == 1
        assert change(log, row, status("s", task_id(1), "queued"), fired=1)
        types = [it.type for it in all_events(log, INDEX_CHAT)]
        assert sorted(types) == ["chat", "schedule", "schedule", "status"]

    def test_whoever_is_slower_changes_nothing_and_tells_nothing(self, log: Log) -> None:
        log.add_schedule(row := schedule())
        assert change(log, row, status("s", task_id(1), "queued"), fired=1)
        assert not change(log, row, status("t", task_id(2), "queued"), fired=1)
        assert [it.task_id for it in log.tasks()] == [task_id(1)]
        assert [it["change"] for it in told(log)] == ["created", "fired"]

    def test_a_removed_schedule_is_gone_once(self, log: Log) -> None:
        log.add_schedule(row := schedule())
        log.remove_schedule("sched-aa", actor="user:ann", now_ms=1)
        with pytest.raises(NotFound):
            log.remove_schedule("sched-aa", actor="user:ann", now_ms=1)
        assert not change(log, row, state="paused")
        assert [it["change"] for it in told(log)] == ["created", "removed"]

    def test_a_chat_takes_its_schedules_along(self, log: Log) -> None:
        log.create_chat("c", title=None, owner=None, actor="user:ann", now_ms=1)
        log.add_schedule(schedule())
        log.add_schedule(other := schedule("sched-bb", chat_id="d"))
        log.delete_chat("c", actor="user:ann", now_ms=2)
        assert log.schedules() == [other]

    @pytest.mark.promise("P12")
    def test_a_schedule_of_which_the_index_knows_nothing_goes_on(self, log: Log) -> None:
        """A log of before there were such events, or one whose ``_index`` was trimmed."""
        log.add_schedule(row := schedule())
        log.trim(INDEX_CHAT, log.position(INDEX_CHAT).head + 1)
        assert change(log, row, state="paused", next_at=None)
        assert [it["change"] for it in told(log)] == ["paused"]
        assert log.snapshot(INDEX_CHAT).state["counters"]["schedule"] == 2

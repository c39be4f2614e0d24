"""The contract of a log as tests: whoever writes a backend makes a subclass and runs it.

class TestMyLog(LogContract):
    @pytest.fixture
    def open_log(self):
        yield lambda: MyLog(...)   # each call: another handle on the same, first empty, log
"""

from __future__ import annotations

from typing import Any

import pytest

from sparky_nb.errors import (
    Conflict,
    Fenced,
    IdConflict,
    IllegalMove,
    InvalidArgument,
    NotFound,
)
from sparky_nb.events.codec import decode_event
from sparky_nb.ids import INDEX_CHAT
from sparky_nb.log.base import Log
from sparky_nb.log.rules import command_event
from sparky_nb.testing.log_contract_chats import ChatContract, LogCase, Opener
from sparky_nb.testing.log_contract_lanes import LaneContract
from sparky_nb.testing.log_contract_schedules import ScheduleContract
from sparky_nb.testing.log_samples import (
    OTHER,
    RUNNER,
    all_events,
    append,
    ask,
    event,
    fence,
    queue,
    runner_row,
    start,
    states,
    status,
    task_id,
)


class AppendContract(LogCase):
    """Storing events."""

    @pytest.mark.promise("P1")
    def test_offsets_count_from_one_without_a_hole(self, log: Log) -> None:
        done = append(log, "c", event("a"), event("b"))
        more = append(log, "c", event("c"))
        assert (done.offsets, more.offsets, more.head) == ((1, 2), (3,), 3)
        assert [it.offset for it in all_events(log, "c")] == [1, 2, 3]
        assert log.position("c").epoch == done.epoch == more.epoch

    @pytest.mark.promise("P5")
    def test_the_same_event_again_is_stored_once_and_keeps_its_offset(self, log: Log) -> None:
        append(log, "c", event("a"), event("b"))
        again = append(log, "c", event("b"), event("c"), event("a"))
        assert (again.offsets, again.head) == ((2, 3, 1), 3)
        assert append(log, "c", event("d"), event("d")).offsets == (4, 4)

    @pytest.mark.promise("P5")
    def test_the_same_id_with_other_content_is_refused_and_nothing_is_stored(
        self, log: Log
    ) -> None:
        append(log, "c", event("a"))
        for other in (event("a", time=5), event("a", "output", text="x")):
            with pytest.raises(IdConflict):
                append(log, "c", event("b"), other)
        with pytest.raises(IdConflict):
            append(log, "c", event("d"), event("d", time=7))
        assert log.position("c").head == 1

    @pytest.mark.promise("P5")
    def test_repeating_an_ending_is_no_error(self, log: Log) -> None:
        task = start(log, "c", 1)
        end = (event("last", "thought", task), status("end", task, "completed"))
        first = append(log, "c", *end, fence=fence(task))
        assert append(log, "c", *end, fence=fence(task)) == first

    @pytest.mark.promise("P12")
    def test_unknown_types_and_fields_are_kept_as_they_are(self, log: Log) -> None:
        append(log, "c", event("a", "from_the_future", colour={"deep": ["ü", None, 1.5]}))
        stored = all_events(log, "c")[0]
        assert (stored.type, stored.data) == (
            "from_the_future",
            {"colour": {"deep": ["ü", None, 1.5]}},
        )

    @pytest.mark.parametrize("type_", ["redacted", "redaction", "hidden"])
    def test_what_only_the_log_may_say_is_refused(self, log: Log, type_: str) -> None:
        with pytest.raises(InvalidArgument, match="type"):
            append(log, "c", event("a", type_))

    def test_a_time_that_is_no_date_is_refused(self, log: Log) -> None:
        for last in (8_640_000_000_000_000, -8_640_000_000_000_000):
            append(log, "c", event(f"at {last}", time=last))
            with pytest.raises(InvalidArgument, match=r"event\.time"):
                append(log, "c", event("a", time=last * 2))

    @pytest.mark.parametrize("chat", ["", "_index", "_x", "a/b", "é", "x" * 129, "-a"])
    def test_an_illegal_chat_id_names_the_rule(self, log: Log, chat: str) -> None:
        with pytest.raises(InvalidArgument, match="chat_id"):
            append(log, chat, event("a"))

    def test_an_append_to_another_life_of_the_chat_is_refused(self, log: Log) -> None:
        task = start(log, "c", 1)
        with pytest.raises(Fenced):
            append(log, "c", event("a", "thought", task), fence=fence(task), epoch="other")
        with pytest.raises(Conflict):
            append(log, "c", event("a"), epoch="other")
        with pytest.raises(Conflict):
            append(log, "new", event("a"), epoch="other")

    def test_two_handles_see_one_log(self, log: Log, open_log: Opener) -> None:
        other = open_log()
        before = other.change_token()
        append(log, "c", event("a"))
        assert other.change_token() != before
        assert append(other, "c", event("b")).offsets == (2,)
        assert log.position("c") == other.position("c")
        assert log.log_id == other.log_id

    def test_the_index_hears_of_new_chats_and_of_every_status(self, log: Log) -> None:
        task = start(log, "c", 1, name="n")
        append(log, "c", status("end", task, "completed"), fence=fence(task))
        append(log, "d", event("a"))
        told = [
            (it.type, it.data.get("state"), it.data["chat_id"], it.data.get("name"))
            for it in all_events(log, INDEX_CHAT)
        ]
        assert told == [
            ("chat", None, "c", None),
            ("status", "running", "c", "n"),
            ("status", "completed", "c", "n"),
            ("chat", None, "d", None),
        ]
        assert {it.data["kind"] for it in all_events(log, INDEX_CHAT) if it.task_id} == {"call"}

    def test_half_a_character_in_a_name_is_stored_as_a_whole_one(self, log: Log) -> None:
        origin = {"path": "p\udce9"}
        task = start(log, "c", 1, name="n\ud800", origin=origin)
        said = event("p", "progress", task, key="main", done=1, message="m\ud800")
        append(log, "c", said, fence=fence(task))
        row, (first, second) = log.task(task), all_events(log, "c")
        assert row.name == first.data["name"] == "n\ufffd"
        assert row.origin == first.data["origin"] == {"path": "p\ufffd"}
        assert row.progress == second.data
        assert second.data["message"] == "m\ufffd"
        assert log.rename_chat("c", "t\ud800", actor="a", now_ms=1).title == "t\ufffd"
        append(log, "d", event("a"), title="t\ud800")
        assert log.chat("d").title == "t\ufffd"


class ReadContract(LogCase):
    """Reading events back."""

    def test_pages_are_bounded_by_number_and_bytes(self, log: Log) -> None:
        append(log, "c", *(event(str(n)) for n in range(10)))
        page = log.read("c", after=3, limit=4)
        assert (page.first, len(page.events), page.head) == (4, 4, 10)
        assert len(log.read("c", max_bytes=1).events) == 1
        two = sum(map(len, log.read("c", limit=2).events))
        assert len(log.read("c", max_bytes=two).events) == 2

    @pytest.mark.promise("P10")
    def test_at_the_head_there_is_nothing_more(self, log: Log) -> None:
        append(log, "c", event("a"))
        for after in (1, 2, 10**12):
            page = log.read("c", after=after)
            assert (page.events, page.first, page.head) == ((), 2, 1)

    def test_reading_backwards_gives_the_last_ones_oldest_first(self, log: Log) -> None:
        append(log, "c", *(event(str(n)) for n in range(10)))
        page = log.read_before("c", before=8, limit=3)
        assert (
            [decode_event(it).offset for it in page.events]
            == [5, 6, 7]
            == [page.first + n for n in range(3)]
        )
        assert log.read_before("c", before=1).events == ()
        assert len(log.read_before("c", before=10**9).events) == 10

    @pytest.mark.promise("P4")
    def test_a_trimmed_start_shows_in_first(self, log: Log) -> None:
        append(log, "c", *(event(str(n)) for n in range(10)))
        log.trim("c", 6)
        assert log.read("c", after=2).first == 6
        assert log.read_before("c", before=4).events == ()
        assert log.position("c").earliest == 6

    @pytest.mark.parametrize("bad", [-1, 2**60, 1e99, "1", True])
    def test_a_bad_cursor_names_the_field(self, log: Log, bad: int) -> None:
        append(log, "c", event("a"))
        with pytest.raises(InvalidArgument, match="after"):
            log.read("c", after=bad)
        with pytest.raises(InvalidArgument, match="limit"):
            log.read("c", limit=0)

    def test_reading_an_unknown_chat_creates_nothing(self, log: Log) -> None:
        for read in (log.read, log.position, log.snapshot, log.chat):
            with pytest.raises(NotFound):
                read("nobody")
        assert log.chats() == []


class TaskContract(LogCase):
    """Rows, fences, endings."""

    def test_the_row_follows_the_events(self, log: Log) -> None:
        task = start(log, "c", 1, name="n")
        append(log, "c", event("p", "progress", task, key="main", done=1), fence=fence(task))
        assert log.task(task).progress == {"key": "main", "done": 1}
        append(log, "c", status("w", task, "waiting"), fence=fence(task))
        append(log, "c", status("r", task, "running"), fence=fence(task))
        append(log, "c", status("e", task, "completed", result=[1]), fence=fence(task))
        row = log.task(task)
        assert (row.state, row.result, row.name, row.first, row.last) == (
            "completed",
            [1],
            "n",
            1,
            5,
        )
        assert log.chat("c").tasks == {"completed": 1}

    def test_one_bar_stands_for_the_task_the_main_one_or_the_first(self, log: Log) -> None:
        task = start(log, "c", 1)
        shown = []
        bars = [("a", 1), ("b", 9), ("a", 2), ("main", 3), ("a", 4), ("main", 5)]
        for n, (key, done) in enumerate(bars):
            bar = event(f"p{n}", "progress", task, key=key, done=done)
            append(log, "c", bar, fence=fence(task))
            shown.append((log.task(task).progress or {})["done"])
        assert shown == [1, 1, 2, 3, 3, 5]

    @pytest.mark.promise("P6")
    def test_nothing_follows_an_ending(self, log: Log) -> None:
        task = start(log, "c", 1)
        append(log, "c", status("e", task, "failed"), fence=fence(task))
        for late in (event("x", "thought", task), status("e2", task, "completed")):
            with pytest.raises(Fenced):
                append(log, "c", late, fence=fence(task))
        assert [it["state"] for it in states(log, "c", task)] == ["running", "failed"]

    @pytest.mark.promise("P6")
    def test_another_runner_or_an_older_attempt_is_fenced(self, log: Log) -> None:
        task = start(log, "c", 1)
        with pytest.raises(Fenced):
            append(log, "c", event("x", "thought", task), fence=fence(task, runner=OTHER))
        second = fence(task, 2, OTHER)
        append(log, "c", status("again", task, "running", 2, runner=OTHER), fence=second)
        with pytest.raises(Fenced):
            append(log, "c", event("x", "thought", task), fence=fence(task))
        append(log, "c", event("y", "thought", task), fence=second)
        assert (log.task(task).attempt, log.task(task).runner) == (2, OTHER)

    @pytest.mark.promise("P6")
    def test_a_queued_task_is_taken_once(self, log: Log, open_log: Opener) -> None:
        task = queue(log, "c", 1)
        other = open_log()
        append(log, "c", status("mine", task, "running", runner=RUNNER), fence=fence(task))
        with pytest.raises((Fenced, IllegalMove)):
            append(
                other,
                "c",
                status("theirs", task, "running", runner=OTHER),
                fence=fence(task, runner=OTHER),
            )
        assert other.task(task).runner == RUNNER

    def test_a_task_event_needs_a_fence(self, log: Log) -> None:
        task = start(log, "c", 1)
        with pytest.raises(InvalidArgument, match="fence"):
            append(log, "c", event("x", "thought", task))
        reply: Any = {"message_id": "m", "text": "hi", "from": "ann"}
        append(log, "c", event("m", "message_received", task, **reply))

    def test_an_illegal_move_changes_nothing(self, log: Log) -> None:
        task = queue(log, "c", 1)
        with pytest.raises(IllegalMove):
            append(
                log, "c", event("x"), status("w", task, "waiting", runner=RUNNER), fence=fence(task)
            )
        assert log.position("c").head == 1

    def test_a_task_begins_with_a_status(self, log: Log) -> None:
        task = task_id(1)
        with pytest.raises(InvalidArgument):
            append(log, "c", event("x", "thought", task), fence=fence(task))
        with pytest.raises(NotFound):
            log.position("c")

    def test_tasks_are_found_by_prefix_and_listed_newest_first(self, log: Log) -> None:
        one = start(log, "c", 1)
        assert log.task(one[:6]).task_id == one
        for nothing in ("", "task-"):  # never "the only one there is"
            with pytest.raises(InvalidArgument, match="prefix"):
                log.task(nothing)
        two = start(log, "d", 2)
        assert log.task(one[:-1] + "1").task_id == one
        with pytest.raises(InvalidArgument, match="prefix"):
            log.task("task-0")
        with pytest.raises(NotFound):
            log.task("task-9")
        assert [it.task_id for it in log.tasks()] == [two, one]
        assert [it.task_id for it in log.tasks(chat_id="c")] == [one]
        assert [it.task_id for it in log.tasks(runner=RUNNER, limit=1)] == [two]
        assert log.tasks(states=["completed"]) == []

    @pytest.mark.promise("P6")
    def test_a_dead_runner_s_tasks_are_lost_once(self, log: Log, open_log: Opener) -> None:
        one, two = start(log, "c", 1), start(log, "d", 2)
        kept = start(log, "c", 3, runner=OTHER)
        log.register(runner_row())
        other = open_log()
        assert sorted(log.declare_lost(RUNNER, reason="died", now_ms=9)) == [one, two]
        assert other.declare_lost(RUNNER, reason="gone", now_ms=10) == []
        assert (log.task(one).state, log.task(kept).state) == ("lost", "running")
        assert log.renew(RUNNER) is False
        with pytest.raises(Fenced):
            append(log, "c", event("late", "thought", one), fence=fence(one))
        assert [it["state"] for it in states(log, "c", one)] == ["running", "lost"]


class CommandContract(LogCase):
    """Commands and their endings."""

    def test_a_command_is_accepted_once_and_waits_for_its_runner(self, log: Log) -> None:
        task = start(log, "c", 1)
        first = ask(log, "c", task, "message", text="hi")
        again = ask(log, "c", task, "message", text="hi")
        assert (first.outcome, first.repeated, again.repeated) == ("accepted", False, True)
        assert (again.offset, again.key) == (first.offset, first.key)
        pending = log.pending_commands(RUNNER)
        assert [(it.key, it.command.args) for it in pending] == [(first.key, {"text": "hi"})]
        assert log.pending_commands(OTHER) == []
        with pytest.raises(IdConflict):
            ask(log, "c", task, "message", text="other")

    def test_a_command_ends_with_its_event(self, log: Log) -> None:
        task = start(log, "c", 1)
        key = ask(log, "c", task, "cancel").key
        assert log.task(task).cancelling
        row = log.pending_commands(RUNNER)[0]
        with pytest.raises(InvalidArgument, match="commands"):
            append(log, "c", event("x"), commands=(key,))
        append(log, "c", command_event(row, "rejected", 3000), commands=(key,))
        assert log.pending_commands(RUNNER) == []
        assert not log.task(task).cancelling
        assert ask(log, "c", task, "cancel").outcome == "rejected"

    def test_cancelling_what_nobody_runs_yet_ends_it_at_once(self, log: Log) -> None:
        task = queue(log, "c", 1)
        done = ask(log, "c", task, "cancel")
        assert (done.outcome, log.task(task).state) == ("applied", "cancelled")
        assert [it.type for it in all_events(log, "c")] == ["status", "command", "status"]
        assert ask(log, "c", task, "cancel").repeated

    @pytest.mark.promise("P6")
    def test_commands_that_wait_expire_just_before_the_ending(self, log: Log) -> None:
        task = start(log, "c", 1)
        ask(log, "c", task, "message", text="late")
        done = append(
            log, "c", event("x", "thought", task), status("e", task, "completed"), fence=fence(task)
        )
        assert (done.offsets, done.extra_offsets, done.head) == ((3, 5), (4,), 5)
        assert all_events(log, "c")[3].data["outcome"] == "expired"
        assert all_events(log, "c")[-1].type == "status"
        assert log.task(task).last == 5
        assert log.pending_commands(RUNNER) == []
        with pytest.raises(Conflict):
            ask(log, "c", task, "cancel", id_="c2")

    def test_an_answer_needs_an_open_question(self, log: Log) -> None:
        task = start(log, "c", 1)
        with pytest.raises(Conflict):
            ask(log, "c", task, "answer", question_id="q", answer="yes")
        question = event("q", "question", task, question_id="q", prompt="?")
        append(log, "c", question, fence=fence(task))
        ask(log, "c", task, "answer", question_id="q", answer="yes")
        with pytest.raises(Conflict):
            ask(log, "c", task, "answer", "c2", question_id="q", answer="no")
        reply: Any = {"message_id": "m", "text": "yes", "from": "ann", "in_reply_to": "q"}
        append(log, "c", event("r", "message_received", task, **reply))
        with pytest.raises(Conflict):
            ask(log, "c", task, "answer", "c3", question_id="q", answer="no")

    def test_an_answer_is_among_the_choices_of_its_question(self, log: Log) -> None:
        task = start(log, "c", 1)
        asked: Any = {"question_id": "q", "prompt": "?", "choices": ["yes", "no"]}
        append(log, "c", event("q", "question", task, **asked), fence=fence(task))
        before = log.position("c").head
        with pytest.raises(InvalidArgument, match="answer: expected one of yes, no, got"):
            ask(log, "c", task, "answer", question_id="q", answer="maybe")
        with pytest.raises(InvalidArgument, match="answer: expected a text"):
            ask(log, "c", task, "answer", question_id="q", answer=3)
        assert log.position("c").head == before, "nothing was stored"
        done = ask(log, "c", task, "answer", question_id="q", answer="no")
        row = log.pending_commands(RUNNER)[0]
        reply: Any = {"message_id": "m", "text": "no", "from": "ann", "in_reply_to": "q"}
        ends = (event("r", "message_received", task, **reply), command_event(row, "applied", 3000))
        append(log, "c", *ends, commands=(done.key,))
        assert ask(log, "c", task, "answer", question_id="q", answer="no").repeated

    def test_a_command_for_nobody_is_refused(self, log: Log) -> None:
        start(log, "c", 1)
        for chat, task in (("c", task_id(9)), ("d", task_id(1))):
            with pytest.raises(NotFound):
                ask(log, chat, task)


class LogContract(
    AppendContract,
    ReadContract,
    TaskContract,
    LaneContract,
    CommandContract,
    ChatContract,
    ScheduleContract,
):
    """All of it."""

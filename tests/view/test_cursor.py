"""The cursor of one task: all of it, nothing of others, whatever happens to the log."""

from __future__ import annotations

import pytest

from sparky_nb.errors import NotFound
from sparky_nb.log.base import Log
from sparky_nb.view import cursor as cursor_module
from sparky_nb.view.cursor import TaskCursor
from sparky_nb.view.model import picture
from tests.view.tasks import OTHER, T0, TASK, Story, printed, progress, status


def shown(cursor: TaskCursor) -> str:
    found = picture(cursor.state, cursor.row.task_id)
    assert found is not None
    return "".join(run[0] for run in found.output.runs)


@pytest.mark.promise("P1")
def test_a_busy_neighbour_pushes_nothing_out(log: Log) -> None:
    mine, other = Story(log), Story(log, OTHER)
    mine.say(status("running"), printed("mine\n"))
    other.say(status("running"), *[printed("x\n", "log")] * 500)
    mine.say(printed("too\n"))
    cursor = TaskCursor(log, TASK)
    cursor.catch_up()
    assert shown(cursor) == "mine\ntoo\n"
    assert set(cursor.state["tasks"]) == {TASK}


def test_it_goes_on_where_it_was(log: Log) -> None:
    story = Story(log)
    story.say(status("running"), printed("1"))
    cursor = TaskCursor(log, TASK)
    cursor.catch_up()
    assert not cursor.ended
    story.say(printed("2"), status("completed"))
    cursor.catch_up()
    assert shown(cursor) == "12"
    assert cursor.ended


def test_pages_are_small_and_add_up(log: Log) -> None:
    Story(log).say(status("running"), *[printed(str(n % 10)) for n in range(50)])
    cursor = TaskCursor(log, TASK)
    turns = 1
    while cursor.advance(limit=7)[1]:
        turns += 1
    assert turns > 5
    assert shown(cursor) == "0123456789" * 5


def test_a_unique_prefix_is_enough_and_an_unknown_task_is_an_error(log: Log) -> None:
    Story(log).say(status("running"))
    assert TaskCursor(log, "task-0").row.task_id == TASK
    with pytest.raises(NotFound):
        TaskCursor(log, OTHER)


@pytest.mark.promise("P4")
def test_a_trimmed_beginning_is_taken_from_the_tasks_row(log: Log) -> None:
    story = Story(log)
    story.say(status("running", name="Audit"), progress(3, 10), printed("old"), printed("new"))
    log.trim("c", log.position("c").head)
    cursor = TaskCursor(log, TASK)
    cursor.catch_up()
    found = picture(cursor.state, TASK)
    assert found is not None
    assert (found.head.name, found.head.state) == ("Audit", "running")
    assert found.bars[0].count == "3 / 10"
    assert shown(cursor) == "new"


def test_of_a_very_long_task_only_the_end_is_read(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cursor_module, "REPLAY_MAX", 10)
    Story(log).say(status("running", name="Long"), *[printed(f"{n},") for n in range(100)])
    cursor = TaskCursor(log, TASK)
    cursor.catch_up()
    assert cursor.state["tasks"][TASK]["name"] == "Long"
    assert shown(cursor) == "".join(f"{n}," for n in range(90, 100))


def test_what_is_redacted_while_it_is_watched_leaves_the_picture(log: Log) -> None:
    story = Story(log)
    story.say(status("running"), printed("secret\n"))
    cursor = TaskCursor(log, TASK)
    cursor.catch_up()
    offset = log.position("c").head
    log.redact("c", [offset], actor="user:a", now_ms=T0)
    cursor.catch_up()
    assert shown(cursor) == ""


def test_a_chat_that_was_deleted_is_not_found(log: Log) -> None:
    story = Story(log)
    story.say(status("running"))
    cursor = TaskCursor(log, TASK)
    story.say(status("completed"))
    log.delete_chat("c", actor="user:a", now_ms=T0)
    with pytest.raises(NotFound):
        cursor.catch_up()


@pytest.mark.promise("P12")
def test_data_that_no_version_wrote_costs_only_its_own_place(log: Log) -> None:
    story = Story(log)
    story.say(status("running"), ("progress", {"key": [], "done": {}}), printed("fine"))
    cursor = TaskCursor(log, TASK)
    cursor.catch_up()
    assert shown(cursor) == "fine"

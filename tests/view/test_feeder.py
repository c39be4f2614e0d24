"""The widget's thread: pictures out, commands in, nothing in a task's way."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ipywidgets import Widget

from sparky_nb.errors import LogUnavailable
from sparky_nb.log.base import Log
from sparky_nb.log.memory import MemoryLog
from sparky_nb.view.cursor import TaskCursor
from sparky_nb.view.feeder import INTERVAL, Feeder
from sparky_nb.view.widget import TaskWidget
from tests.view.tasks import OTHER, TASK, Story, printed, progress, status

pytestmark = pytest.mark.usefixtures("comms")


@pytest.fixture
def feeder(log: Log) -> Iterator[Feeder]:
    feeder = Feeder(log, submit=Story(log).submit)
    yield feeder
    feeder.close()


def opened(feeder: Feeder, log: Log, task_id: str = TASK) -> TaskWidget:
    cursor = TaskCursor(log, task_id)
    cursor.catch_up()
    return feeder.widget(cursor)


def eventually(what: Callable[[], Any], seconds: float = 20) -> Any:
    """The first true answer of ``what``."""
    deadline, never = time.monotonic() + seconds, threading.Event()
    while not (answer := what()):
        assert time.monotonic() < deadline, "it did not come about"
        never.wait(0.01)
    return answer


def sent(widget: Widget, method: str) -> list[dict[str, Any]]:
    messages = [data for _, kind, data, _ in widget.comm.sent if kind == "comm_msg"]
    return [data for data in messages if data.get("method") == method]


def told(widget: Widget, kind: str) -> list[dict[str, Any]]:
    custom = [data["content"] for data in sent(widget, "custom")]
    return [content for content in custom if content["type"] == kind]


def page_says(widget: TaskWidget, **message: Any) -> None:
    data = {"method": "custom", "content": message}
    widget.comm.handle_msg({"content": {"data": data}, "buffers": []})


def test_the_widget_follows_its_task_to_the_end(log: Log, feeder: Feeder) -> None:
    story = Story(log)
    story.say(status("running", name="Audit"))
    widget = opened(feeder, log)
    assert widget.head["label"] == "Running"
    story.say(progress(1, 4), printed("hello\n"))
    feeder.wake()
    eventually(lambda: widget.output["runs"] == [["hello\n", ""]])
    assert widget.bars[0]["count"] == "1 / 4"
    story.say(status("completed", result=42))
    eventually(lambda: widget.head["state"] == "completed")
    assert widget.ending["result"] == "42"


def test_it_comes_without_being_woken(log: Log, feeder: Feeder) -> None:
    story = Story(log)
    story.say(status("running"))
    widget = opened(feeder, log)
    story.say(status("completed"))
    eventually(lambda: widget.head["state"] == "completed")


def test_only_what_has_changed_is_sent_and_from_one_thread(log: Log, feeder: Feeder) -> None:
    story = Story(log)
    story.say(status("running"), printed("a"))
    widget = opened(feeder, log)
    story.say(progress(1))
    eventually(lambda: widget.bars)
    story.say(status("completed"))
    eventually(lambda: widget.head["state"] == "completed")
    first, *_ = sent(widget, "update")
    assert set(first["state"]) == {"bars"}
    threads = {name for name, kind, _, _ in widget.comm.sent if kind == "comm_msg"}
    assert threads == {"sparky-nb-view"}


@pytest.mark.promise("P7")
def test_a_flood_of_events_is_a_few_pictures(log: Log, feeder: Feeder) -> None:
    story = Story(log)
    story.say(status("running"))
    widget = opened(feeder, log)
    began = time.monotonic()
    for n in range(2000):
        story.say(progress(n, 2000), printed(f"{n}\n"))
        feeder.wake()
    story.say(status("completed"))
    eventually(lambda: widget.head["state"] == "completed")
    most = (time.monotonic() - began) / INTERVAL + 2
    assert len(sent(widget, "update")) <= most
    assert "1999\n" in widget.output["runs"][-1][0]


@pytest.mark.promise("P7")
def test_its_thread_ends_with_what_there_was_to_show(log: Log, feeder: Feeder) -> None:
    def running() -> bool:
        return any(thread.name == "sparky-nb-view" for thread in threading.enumerate())

    story = Story(log)
    story.say(status("running"))
    widget = opened(feeder, log)
    assert running()
    story.say(status("completed"))
    eventually(lambda: not running())
    assert widget.head["state"] == "completed"
    page_says(widget, type="hello")
    eventually(lambda: told(widget, "clock"))
    eventually(lambda: not running())


def test_showing_a_task_again_is_the_same_widget_and_one_code(log: Log, feeder: Feeder) -> None:
    Story(log).say(status("running"))
    Story(log, OTHER).say(status("running"))
    widget = opened(feeder, log)
    assert opened(feeder, log) is widget
    assert opened(feeder, log, OTHER).code is widget.code
    assert "export function draw" in widget.code.js


def test_a_closed_widget_is_fed_no_more_and_shown_anew(log: Log, feeder: Feeder) -> None:
    story = Story(log)
    story.say(status("running"))
    widget = opened(feeder, log)
    Widget.close_all()
    again = opened(feeder, log)
    assert again is not widget
    story.say(status("completed"))
    eventually(lambda: again.head["state"] == "completed")


def test_buttons_become_commands_in_the_log(log: Log, feeder: Feeder) -> None:
    story = Story(log)
    question = {"question_id": "q", "prompt": "Go on?", "choices": ["no", "yes " * 100]}
    story.say(status("running"), ("question", question), status("waiting"))
    widget = opened(feeder, log)
    page_says(widget, type="answer", question_id="q", choice=1)
    page_says(widget, type="message", text="hi")
    page_says(widget, type="cancel")
    eventually(lambda: widget.head["cancelling"])
    feeder.close()
    pending = [row.command for row in log.pending_commands("r")]
    assert [(c.name, c.args, c.from_) for c in pending] == [
        ("answer", {"question_id": "q", "answer": "yes " * 100}, "user:ann"),
        ("message", {"text": "hi"}, "user:ann"),
        ("cancel", {}, "user:ann"),
    ]


def test_a_refused_command_is_told_to_the_page(log: Log, feeder: Feeder) -> None:
    story = Story(log)
    story.say(status("running"), status("completed"))
    widget = opened(feeder, log)
    page_says(widget, type="cancel")
    (answer,) = eventually(lambda: told(widget, "result"))
    assert answer["ok"] is False
    assert answer["error"]


@pytest.mark.promise("P11")
@pytest.mark.parametrize(
    "message",
    [
        {},
        {"type": None},
        {"type": "image", "at": "1"},
        {"type": "image", "at": 10**30},
        {"type": "image", "at": -1},
        {"type": "answer", "question_id": "q", "choice": []},
        {"type": "answer", "question_id": {"a": 1}, "text": ["x"] * 100_000},
        {"type": "evil"},
    ],
)
def test_what_a_page_should_not_say_changes_nothing(
    log: Log, feeder: Feeder, message: dict[str, Any]
) -> None:
    story = Story(log)
    story.say(status("running"))
    widget = opened(feeder, log)
    page_says(widget, **message)
    page_says(widget, type="hello")
    eventually(lambda: told(widget, "clock"))
    assert log.pending_commands("r") == []
    story.say(status("completed"))
    eventually(lambda: widget.head["state"] == "completed")


def test_a_figure_is_sent_when_a_page_asks_for_it(log: Log, feeder: Feeder) -> None:
    png = b"\x89PNG\r\n\x1a\nrest"
    log.create_chat("c", title=None, owner=None, actor="system", now_ms=0)
    inline = {"image/png": base64.b64encode(png).decode(), "text/plain": "<Figure>"}
    sha = log.put_blob("c", png, "image/png")
    blob = {"ref": {"sha256": sha, "size": 9, "media_type": "image/png", "preview": ""}}
    Story(log).say(
        status("running"),
        ("output", {"stream": "display", "mime": inline}),
        ("output", {"stream": "display", "mime": {"image/png": blob}}),
        printed("not a figure"),
    )
    widget = opened(feeder, log)
    assert [(e["at"], e["image"]) for e in widget.entries] == [(3, "image/png"), (4, "image/png")]
    for at in (3, 4, 5):
        page_says(widget, type="image", at=at)
    page_says(widget, type="hello")
    eventually(lambda: told(widget, "clock"))
    assert [(it["at"], it["mime"]) for it in told(widget, "image")] == [
        (3, "image/png"),
        (4, "image/png"),
    ]
    assert [n for _, _, data, n in widget.comm.sent if "content" in data and n] == [1, 1]


class Busy(MemoryLog):
    """A log that can't be read while ``busy``."""

    busy = False

    def read(self, *args: Any, **options: Any) -> Any:
        if self.busy:
            raise LogUnavailable("database is locked")
        return super().read(*args, **options)


@pytest.mark.promise("P4")
def test_a_log_that_cannot_be_read_is_said_and_tried_again() -> None:
    log = Busy("busy")
    story = Story(log)
    feeder = Feeder(log, submit=story.submit)
    story.say(status("running"))
    widget = opened(feeder, log)
    log.busy = True
    eventually(lambda: widget.head["notice"])
    assert "locked" in widget.head["notice"]
    story.say(status("completed"))
    log.busy = False
    eventually(lambda: widget.head["state"] == "completed")
    assert widget.head["notice"] is None
    feeder.close()


@pytest.mark.promise("P3")
def test_what_is_not_durable_is_marked_while_it_is_so(log: Log) -> None:
    failing = threading.Event()
    story = Story(log)
    feeder = Feeder(log, submit=story.submit, not_durable=lambda task_id: failing.is_set())
    story.say(status("running"))
    widget = opened(feeder, log)
    failing.set()
    eventually(lambda: widget.head["not_durable"])
    failing.clear()
    eventually(lambda: not widget.head["not_durable"])
    feeder.close()


def test_a_deleted_chat_is_said(log: Log, feeder: Feeder) -> None:
    story = Story(log)
    story.say(status("running"))
    widget = opened(feeder, log)
    story.say(status("completed"))
    log.delete_chat("c", actor="user:a", now_ms=0)
    eventually(lambda: widget.head["notice"] or widget.head["state"] == "completed")

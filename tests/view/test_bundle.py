"""The MIME bundle: small, honest, and never an error."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sparky_nb.log.base import Log
from sparky_nb.view import bundle as bundle_module
from sparky_nb.view import task_bundle
from sparky_nb.view import views as views_module
from sparky_nb.view.bundle import MIME, WIDGET_MIME, TaskView
from sparky_nb.view.views import Views
from tests.view.tasks import OTHER, TASK, Story, printed, progress, status, tool


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch, comms: None) -> None:
    for module in (bundle_module, views_module):
        monkeypatch.setattr(module, "in_kernel", lambda: True)


def test_outside_of_a_kernel_there_is_only_text(log: Log) -> None:
    Story(log).say(status("running", name="Audit"))
    views = Views(log, submit=Story(log).submit)
    bundle = views.task(TASK)._repr_mimebundle_()
    assert set(bundle) == {"text/plain"}
    assert bundle["text/plain"].startswith("● Audit: running")
    assert TaskView(log, TASK).widget() is None


@pytest.mark.usefixtures("kernel")
def test_in_a_kernel_all_four_forms_are_there(log: Log) -> None:
    Story(log).say(status("running", name="Audit"))
    views = Views(log, submit=Story(log).submit)
    bundle = views.task(TASK)._repr_mimebundle_()
    views.close()
    assert bundle[MIME] == {
        "v": 1,
        "task_id": TASK,
        "chat_id": "c",
        "log_id": log.log_id,
        "epoch": log.position("c").epoch,
    }
    assert bundle[WIDGET_MIME]["model_id"]
    assert "Audit" in bundle["text/html"]
    assert "Audit" in bundle["text/plain"]


def test_what_can_not_be_found_is_said_in_the_text(log: Log) -> None:
    assert OTHER in task_bundle(log, OTHER)["text/plain"]


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("hostile", ["é🙂", "\x1b[31m\x1b[44mx\x1b[0m", "<&\"'>", "word "])
def test_what_is_saved_of_a_task_stays_below_20_kilobytes(log: Log, hostile: str) -> None:
    """The output as well as the widget's state, should the notebook be saved with its widgets."""
    long: Any = hostile * 4000
    story = Story(log)
    story.say(
        status("running", name=long, instruction=long),
        *[progress(n, 9, key=f"{n}{long}", message=long) for n in range(20)],
    )
    for n in range(30):
        story.say(*tool(str(n), long, {"a": long, "b": [long]}, long))
        story.say(("thought", {"message_id": str(n), "text": long, "final": True}))
    story.say(*[printed(long)] * 20)
    story.say(("question", {"question_id": "q", "prompt": long, "choices": [long[:9000]] * 20}))
    story.say(status("waiting"))
    views = Views(log, submit=story.submit)
    assert saved_bytes(views.task(TASK)) < 20_000
    error = {"type": long, "message": long, "traceback": long}
    story.say(status("failed", error=error, result=long, reason=long))
    views.close()
    views = Views(log, submit=story.submit)
    assert saved_bytes(views.task(TASK)) < 20_000
    views.close()


def saved_bytes(view: TaskView) -> int:
    bundle = view._repr_mimebundle_()
    widget = view.widget()
    assert widget is not None
    state = {"output": bundle, "state": widget.get_state()}
    return len(json.dumps(state, ensure_ascii=False).encode())


def test_a_handle_in_a_terminal_reads_well(log: Log) -> None:
    Story(log).say(
        status("running", name="Audit"),
        progress(45, 120, message="numpy", unit="files"),
        *tool("1", "read", {"path": "/a"}, {"lines": 3}),
        ("thought", {"message_id": "t", "text": "odd", "final": True}),
        printed("hello\nworld\n"),
        ("question", {"question_id": "q", "prompt": "Go on?", "choices": ["yes", "no"]}),
        status("waiting"),
    )
    lines = TaskView(log, TASK).text().splitlines()
    assert lines[0].startswith("? Audit: waiting for an answer · ")
    assert lines[1] == "  █████████░░░░░░░░░░░░░░░ 37 %  45 / 120 files  numpy"
    assert lines[2:] == [
        '  ✓ read(path="/a") 12 ms → {"lines": 3}',
        "  ~ odd",
        "  ? Go on? [yes / no]",
        f"    answer with: %sparky answer {TASK} …",
        "  │ hello",
        "  │ world",
    ]

"""The picture: right, and bounded whatever the task has stored."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparky_nb.view.html import html
from sparky_nb.view.model import Picture, elapsed_ms, left_ms, picture
from sparky_nb.view.text import text
from tests.view.tasks import OTHER, T0, TASK, folded, printed, progress, status, tool

RUNNING = status("running", name="Audit", kind="call")


def drawn(*events: tuple[str, dict[str, Any]], **options: Any) -> Picture:
    found = picture(folded(*events), TASK, **options)
    assert found is not None
    return found


def test_a_task_that_is_not_known_has_no_picture() -> None:
    assert picture(folded(RUNNING), OTHER) is None


def test_a_bar_has_its_rate_and_the_time_that_is_left() -> None:
    (bar,) = drawn(
        RUNNING, progress(0, 100), progress(10, 100, message="reading", unit="files")
    ).bars
    assert (bar.count, bar.fraction, bar.rate) == ("10 / 100 files", 0.1, "10 files/s")
    assert bar.left_ms == 9000
    assert left_ms(bar, bar.time + 4000) == 5000
    assert left_ms(bar, bar.time + 40_000) == 0


def test_what_is_used_up_shows_while_it_runs_and_is_no_bar() -> None:
    usage = {"input_tokens": 1200, "output_tokens": 34, "cost_usd": 0.0125}
    shown = drawn(status("running"), progress(1234, key="usage", usage=usage))
    assert (shown.head.usage, shown.bars) == ("1,234 tokens · $0.0125", [])
    assert "1,234 tokens · $0.0125" in text(shown, T0)
    assert "1,234 tokens · $0.0125" in html(shown, T0)
    ended = drawn(
        status("running"), status("completed", usage={"cost_usd": "<b>", "input_tokens": 1})
    )
    assert ended.head.usage == "1 token"


def test_time_passes_from_the_start_to_the_end() -> None:
    queued = drawn(status("queued"))
    assert elapsed_ms(queued.head, T0 + 3000) == 2000
    running = drawn(status("queued"), RUNNING)
    assert elapsed_ms(running.head, T0 + 5000) == 3000
    ended = drawn(RUNNING, status("completed", duration_ms=1234))
    assert elapsed_ms(ended.head, T0 + 999_999) == 1234


def test_the_newest_tool_calls_are_shown_with_what_they_gave_back() -> None:
    events = [RUNNING]
    for n in range(100):
        events += tool(str(n), "read", {"path": f"/a/{n}", "deep": [n]}, {"lines": n})
    entries = drawn(*events).entries
    assert entries[-1].name == "read"
    assert entries[-1].args == 'path="/a/99", deep=[99]'
    assert (entries[-1].text, entries[-1].status) == ('{"lines": 99}', "success")
    assert [e.at for e in entries] == sorted(e.at for e in entries)
    assert 5 < len(entries) < 100


def test_a_call_that_has_not_returned_is_running() -> None:
    (entry,) = drawn(RUNNING, tool("1", "read", {})[0]).entries
    assert (entry.status, entry.duration_ms) == ("running", None)


def test_a_question_is_shown_until_it_is_answered() -> None:
    asked = ("question", {"question_id": "q", "prompt": "Go on?", "choices": ["yes", "no"]})
    question = drawn(RUNNING, asked, status("waiting")).question
    assert question is not None
    assert (question.prompt, question.choices) == ("Go on?", ["yes", "no"])
    answer = {"message_id": "m", "text": "yes", "from": "user:ann", "in_reply_to": "q"}
    answered = drawn(RUNNING, asked, status("waiting"), ("message_received", answer))
    assert answered.question is None
    assert (answered.entries[-1].kind, answered.entries[-1].name) == ("reply", "ann")


def test_pieces_of_a_message_are_one_entry_and_show_its_end_while_it_grows() -> None:
    piece = {"message_id": "m", "final": False}
    events = [("message_sent", {**piece, "text": f"word{n} "}) for n in range(1000)]
    (growing,) = drawn(RUNNING, *events).entries
    assert growing.text.startswith("…")
    assert growing.text.endswith("word999")
    done = ("message_sent", {**piece, "text": "", "final": True})
    (whole,) = drawn(RUNNING, ("message_sent", {**piece, "text": "Hello"}), done).entries
    assert whole.text == "Hello"


def test_output_keeps_its_end_and_says_that_it_was_cut() -> None:
    output = drawn(RUNNING, *[printed(f"line {n}\n") for n in range(5000)]).output
    shown = "".join(run[0] for run in output.runs)
    assert shown.endswith("line 4999\n")
    assert shown.startswith("line ")
    assert output.cut
    short = drawn(RUNNING, printed("a\n"), printed("b\n", "stderr")).output
    assert (short.runs, short.cut) == ([["a\n", ""], ["b\n", "e"]], False)


def test_an_ending_tells_what_came_of_it() -> None:
    error = {"type": "ValueError", "message": "no", "traceback": "\x1b[31mValueError\x1b[0m: no"}
    failed = drawn(RUNNING, status("failed", error=error)).ending
    assert failed.error == "ValueError: no"
    assert failed.traceback == [["ValueError", "f1"], [": no", ""]]
    assert drawn(RUNNING, status("completed", result={"a": 1})).ending.result == '{"a": 1}'
    assert drawn(RUNNING, status("lost", reason="its kernel died")).head.notice == "its kernel died"


def test_what_was_said_last_is_not_told_again_as_the_result() -> None:
    said = ("message_sent", {"message_id": "m", "text": "All *done*.", "final": True})
    told = drawn(RUNNING, said, status("completed", result="All *done*."))
    assert (told.entries[-1].text, told.ending.result) == ("All *done*.", None)
    shown = ("output", {"stream": "display", "mime": {"text/plain": "42"}})
    assert drawn(RUNNING, shown, status("completed", result=42)).ending.result is None
    assert drawn(RUNNING, said, status("completed", result="More")).ending.result == "More"
    long = "word " * 400
    whole = ("message_sent", {"message_id": "m", "text": long, "final": True})
    ended = drawn(RUNNING, whole, status("completed", result=long))
    assert ended.ending.result is not None
    assert len(ended.ending.result) > len(ended.entries[-1].text)


def test_whoever_has_no_name_is_given_none() -> None:
    reply = ("message_received", {"message_id": "m", "text": "go on", "from": "token"})
    ended = drawn(RUNNING, reply, status("cancelled", reason="cancelled by token"))
    assert (ended.entries[-1].name, ended.head.notice) == ("", None)
    by_ann = drawn(RUNNING, status("cancelled", reason="cancelled by ann"))
    assert by_ann.head.notice == "cancelled by ann"


def test_a_task_being_cancelled_says_so_until_it_has_stopped() -> None:
    asked = {"command_id": "c", "name": "cancel", "args": {}, "from": "u", "outcome": "accepted"}
    assert drawn(RUNNING, ("command", asked)).head.label == "Cancelling"
    ended = drawn(RUNNING, ("command", asked), status("cancelled")).head
    assert (ended.label, ended.cancelling) == ("Cancelled", False)


@pytest.mark.promise("P3")
def test_what_could_not_be_stored_yet_is_marked() -> None:
    found = drawn(RUNNING, not_durable=True)
    assert found.head.not_durable
    assert "not durable" in text(found, T0)


def test_a_payload_that_is_a_blob_is_shown_by_its_beginning() -> None:
    ref = {
        "ref": {"sha256": "0" * 64, "size": 5 << 20, "media_type": "text/plain", "preview": "Hi"}
    }
    found = drawn(RUNNING, *tool("1", "read", {"big": ref}, ref), printed(ref))
    assert found.entries[0].text == "Hi… (text/plain, 5 MiB)"
    assert "".join(run[0] for run in found.output.runs) == "Hi… (text/plain, 5 MiB)"


@pytest.mark.promise("P12")
def test_an_event_of_an_unknown_type_is_shown_plainly() -> None:
    (entry,) = drawn(RUNNING, ("from_the_future", {"speed": 3})).entries
    assert (entry.kind, entry.name, entry.text) == ("other", "from_the_future", '{"speed": 3}')


simple: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=20),
    st.just("x" * 70_000), st.just("\x1b[31m\x1b[42m" * 500),
)  # fmt: skip
anything: st.SearchStrategy[Any] = st.recursive(
    simple,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
FIELDS = (
    "key done total message unit args name result duration_ms level mime prompt choices expires "
    "from in_reply_to traceback type"
).split()
fields = st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, anything))
odd = st.tuples(
    st.sampled_from(
        "progress tool_use tool_result output question message_received command x_new".split()
    ),
    fields,
)


@pytest.mark.promise("P8", "P12")
@settings(max_examples=60, deadline=None)
@given(st.lists(odd, max_size=12), anything, st.sampled_from(["running", "failed", "completed"]))
def test_data_of_any_shape_gives_a_bounded_picture(
    events: list[tuple[str, dict[str, Any]]], value: Any, state: str
) -> None:
    first = status("running", name=value, instruction=value)
    found = picture(folded(first, *events, status(state, result=value, error=value)), TASK)
    assert found is not None
    assert len(msgspec.json.encode(found)) < 16_000
    assert text(found, T0)

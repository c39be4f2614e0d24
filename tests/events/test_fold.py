"""The reducer: laws that hold for every log."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparky_nb.events.fold import ENDED_TASKS_MAX, TEXT_MAX, TIMELINE_MAX, Fold
from sparky_nb.events.model import DATA_TYPES, Event

TASKS = ["task-00000000000a", "task-00000000000b"]


def event(offset: int, kind: str, task_id: str | None = TASKS[0], **data: Any) -> Event:
    return Event(
        offset=offset, id=str(offset), type=kind, time=1000 + offset, task_id=task_id,
        actor="task", data=data,
    )  # fmt: skip


def folded(*events: Event) -> dict[str, Any]:
    fold = Fold()
    for one in events:
        fold.apply(one)
    return fold.state


texts = st.text(max_size=5)
names = st.sampled_from(["a", "b"])
payloads = st.one_of(
    st.tuples(st.just("status"), st.fixed_dictionaries({
        "state": st.sampled_from(["queued", "running", "waiting", "completed", "lost"]),
        "attempt": st.integers(1, 2), "name": texts})),
    st.tuples(st.just("progress"), st.fixed_dictionaries({"key": names, "done": st.integers()})),
    st.tuples(st.sampled_from(["thought", "message_sent"]), st.fixed_dictionaries(
        {"message_id": names, "text": texts, "final": st.booleans()})),
    st.tuples(st.just("message_received"), st.fixed_dictionaries(
        {"message_id": names, "text": texts, "from": texts}, optional={"in_reply_to": names})),
    st.tuples(st.just("tool_use"), st.fixed_dictionaries({"tool_call_id": names, "name": names})),
    st.tuples(st.just("tool_result"), st.fixed_dictionaries(
        {"tool_call_id": names, "status": st.just("success"), "result": texts})),
    st.tuples(st.just("output"), st.fixed_dictionaries(
        {"stream": st.sampled_from(["stdout", "stderr", "log"]), "text": texts})),
    st.tuples(st.just("question"), st.fixed_dictionaries({"question_id": names, "prompt": texts})),
    st.tuples(st.just("command"), st.fixed_dictionaries(
        {"command_id": names, "name": st.just("cancel"),
         "outcome": st.sampled_from(["accepted", "applied", "rejected"])})),
    st.tuples(st.just("chat"), st.fixed_dictionaries(
        {"change": st.sampled_from(["created", "renamed", "deleted"]), "chat_id": names})),
    st.tuples(st.just("redaction"), st.fixed_dictionaries(
        {"offsets": st.lists(st.integers(1, 20)), "from": texts})),
    st.tuples(st.sampled_from(["redacted", "hidden", "from_the_future"]), st.just({})),
)  # fmt: skip
logs = st.lists(st.tuples(payloads, st.sampled_from([*TASKS, None])), max_size=40).map(
    lambda rows: [
        event(n, kind, task, **data) for n, ((kind, data), task) in enumerate(rows, start=1)
    ]
)


@pytest.mark.promise("P9")
@given(logs, st.integers(0, 40))
def test_going_on_from_a_stored_state_gives_the_same_state(log: list[Event], cut: int) -> None:
    stored = json.loads(json.dumps(folded(*log[:cut])))
    fold = Fold(stored)
    for one in log[cut:]:
        fold.apply(one)
    assert fold.state == folded(*log)


@given(logs)
def test_the_state_is_json_and_events_are_left_alone(log: list[Event]) -> None:
    before = copy.deepcopy(log)
    json.dumps(folded(*log), allow_nan=False)
    assert log == before


@pytest.mark.promise("P12")
@given(logs)
def test_each_event_counts_whatever_its_type(log: list[Event]) -> None:
    assert sum(folded(*log)["counters"].values()) == len(log)


def test_the_timeline_is_bounded_and_says_what_it_dropped() -> None:
    log = [event(n, "tool_use", tool_call_id=str(n), name="t") for n in range(1, 1001)]
    state = folded(*log)
    assert len(state["timeline"]) == TIMELINE_MAX
    assert state["dropped"] == 1000 - TIMELINE_MAX
    assert state["timeline"][-1]["offset"] == 1000


def test_the_text_of_an_entry_is_bounded() -> None:
    log = [event(n, "output", stream="stdout", text="x" * 1000) for n in range(1, 101)]
    (entry,) = folded(*log)["timeline"]
    assert entry["chars"] <= TEXT_MAX
    assert entry["cut"] is True
    assert entry["last"] == 100


def test_only_the_newest_ended_tasks_stay_but_every_live_one_does() -> None:
    fold = Fold()
    fold.apply(event(1, "status", "task-live", state="running", attempt=1))
    for n in range(2, ENDED_TASKS_MAX + 52):
        fold.apply(event(n, "status", f"task-{n}", state="running", attempt=1))
        fold.apply(event(n, "status", f"task-{n}", state="completed", attempt=1))
    assert len(fold.state["tasks"]) == ENDED_TASKS_MAX + 1
    assert "task-live" in fold.state["tasks"]
    assert "task-2" not in fold.state["tasks"]


def test_pieces_of_one_message_are_one_entry() -> None:
    state = folded(
        event(1, "message_sent", message_id="m", text="Hel", final=False),
        event(2, "thought", message_id="t", text="hm", final=True),
        event(3, "message_sent", message_id="m", text="lo", final=True),
    )
    first, second = state["timeline"]
    assert first["pieces"] == [[1, "Hel"], [3, "lo"]]
    assert first["data"]["final"] is True
    assert second["type"] == "thought"


def test_output_joins_only_its_own_task_and_stream() -> None:
    state = folded(
        event(1, "output", TASKS[0], stream="stdout", text="a"),
        event(2, "output", TASKS[1], stream="stdout", text="b"),
        event(3, "output", TASKS[0], stream="stdout", text="c"),
        event(4, "output", TASKS[0], stream="stderr", text="d"),
    )
    assert [[p[1] for p in e["pieces"]] for e in state["timeline"]] == [["a", "c"], ["b"], ["d"]]


def test_a_result_finds_its_call_and_an_answer_its_question() -> None:
    state = folded(
        event(1, "tool_use", tool_call_id="c", name="f", args={}),
        event(2, "question", question_id="q", prompt="Go?"),
        event(3, "tool_result", tool_call_id="c", name="f", status="error", result="no",
              duration_ms=5),
        event(4, "message_received", message_id="m", text="yes", in_reply_to="q", **{"from": "u"}),
    )  # fmt: skip
    call, question, _ = state["timeline"]
    assert call["result"]["status"] == "error"
    assert question["answer"]["text"] == "yes"
    assert state["questions"] == {}


def test_an_ending_closes_questions_and_the_wish_to_cancel() -> None:
    state = folded(
        event(1, "status", state="running", attempt=1),
        event(2, "question", question_id="q", prompt="Go?"),
        event(3, "command", command_id="k", name="cancel", outcome="accepted"),
        event(4, "status", state="cancelled", attempt=1),
    )
    task = state["tasks"][TASKS[0]]
    assert (task["state"], task["cancelling"], state["questions"]) == ("cancelled", False, {})


def test_a_new_attempt_starts_over() -> None:
    state = folded(
        event(1, "status", state="running", attempt=1, name="n"),
        event(2, "progress", key="main", done=5),
        event(3, "question", question_id="q", prompt="Go?"),
        event(4, "status", state="running", attempt=2),
    )
    task = state["tasks"][TASKS[0]]
    assert (task["attempt"], task["progress"], task["name"]) == (2, {}, "n")
    assert task["started"] == 1004
    assert state["questions"] == {}


@given(logs, st.data())
def test_nothing_of_a_redacted_event_stays(log: list[Event], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(log)))
    secret = [
        event(at + 1, "output", stream="stdout", text="S3CRET"),
        event(at + 2, "status", state="running", attempt=1, name="S3CRET"),
        event(at + 3, "question", question_id="s", prompt="S3CRET"),
        event(at + 4, "tool_use", tool_call_id="s", name="f", args={"key": "S3CRET"}),
        event(at + 5, "tool_result", tool_call_id="s", status="success", result="S3CRET"),
        event(at + 6, "progress", key="s", done=1, message="S3CRET"),
        event(at + 7, "message_received", message_id="s", text="S3CRET", in_reply_to="s"),
    ]
    gone = event(at + 8, "redaction", None, offsets=[one.offset for one in secret])
    assert "S3CRET" not in json.dumps(folded(*log[:at], *secret, gone))


odd = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-1, 1) | st.sampled_from("ab"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=4,
)
FIELDS = "state attempt key done text message_id stream tool_call_id question_id command_id".split()
FIELDS += "name outcome in_reply_to chat_id change title offsets mime from total".split()


@pytest.mark.promise("P12")
@given(
    st.lists(
        st.tuples(
            st.sampled_from([*DATA_TYPES, "redacted", "hidden", "from_the_future"]),
            st.sampled_from([*TASKS, None]),
            st.dictionaries(st.sampled_from(FIELDS), odd),
        )
    ),
    logs,
)
def test_no_event_however_odd_makes_a_chat_unreadable(
    rows: list[tuple[str, str | None, dict[str, Any]]], log: list[Event]
) -> None:
    strange = [event(n, kind, task, **data) for n, (kind, task, data) in enumerate(rows, start=1)]
    fold = Fold()
    for one in [*log, *strange, *log]:
        fold.apply(one)
    assert Fold(json.loads(json.dumps(fold.state))).state["v"] == 1
    assert sum(fold.state["counters"].values()) == 2 * len(log) + len(strange)


def test_data_of_another_shape_are_shown_plainly() -> None:
    state = folded(
        event(1, "status", state="running", attempt=1),
        event(2, "progress", key=[], done=1),
        event(3, "thought", message_id=3, text="x"),
        event(4, "output", stream="stdout", text=5),
    )
    assert [entry["offset"] for entry in state["timeline"]] == [1, 2, 3, 4]
    assert state["timeline"][3]["data"] == {"stream": "stdout", "text": 5}
    assert state["tasks"][TASKS[0]]["progress"] == {}


def test_titles_follow_chat_events() -> None:
    state = folded(
        event(1, "chat", None, change="created", chat_id="c", title="One"),
        event(2, "chat", None, change="renamed", chat_id="c", title="Two"),
    )
    assert state["title"] == "Two"
    assert state["chats"] == {"c": {"chat_id": "c", "title": "Two"}}

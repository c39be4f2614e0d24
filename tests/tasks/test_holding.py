"""What may wait, and how long: told by a clock that stands still."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparky_nb.events.codec import decode_event
from sparky_nb.log import Fence, Log
from sparky_nb.tasks.cancel import Cancellation
from sparky_nb.tasks.emitter import Emitter
from sparky_nb.tasks.holding import CHUNK_CHARS, Holder
from sparky_nb.tasks.ports import Settings, SilentRinger
from sparky_nb.tasks.timers import Timers
from sparky_nb.testing.clock import FakeClock

OUT = {"stream": "stdout"}


class Held:
    """An emitter on a clock that stands still; its timers are called by hand."""

    def __init__(self, log: Log) -> None:
        self.log, self.clock = log, FakeClock()
        self.timers = Timers(self.clock)
        self.emitter = Emitter(
            log=log,
            clock=self.clock,
            ringer=SilentRinger(),
            timers=self.timers,
            settings=Settings(),
            chat_id="chat",
            title=None,
            fence=Fence(task_id="task-000000000000", attempt=1, runner="r"),
            cancellation=Cancellation(),
        )
        self.emitter.begin({"state": "running", "attempt": 1, "runner": "r"})

    def stored(self) -> list[tuple[str, object]]:
        events = [decode_event(wire) for wire in self.log.read("chat", after=1).events]
        events = [e for e in events if e.type not in ("chat", "status")]
        return [(e.type, e.data.get("text", e.data.get("done"))) for e in events]

    def after(self, seconds: float) -> list[tuple[str, object]]:
        self.clock.advance(seconds)
        self.timers.run_due()
        return self.stored()


@pytest.fixture
def held(log: Log) -> Held:
    return Held(log)


def test_pieces_of_text_wait_at_most_40_ms_and_are_stored_as_one(held: Held) -> None:
    held.emitter.text("output", OUT, "a")
    assert held.after(0.02) == []
    held.emitter.text("output", OUT, "b")
    assert held.after(0.0199) == []
    assert held.after(0.0002) == [("output", "ab")]


def test_text_of_16_kib_does_not_wait(held: Held) -> None:
    held.emitter.text("output", OUT, "x" * CHUNK_CHARS)
    assert held.stored() == [("output", "x" * CHUNK_CHARS)]


def test_what_is_held_is_stored_before_any_other_event(held: Held) -> None:
    held.emitter.progress({"key": "main", "done": 1})
    held.emitter.text("output", OUT, "a")
    held.emitter.progress({"key": "main", "done": 2})
    held.emitter.emit("thought", {"message_id": "m", "text": "t", "final": True})
    stored = held.stored()
    assert stored[0] == ("progress", 1)
    assert sorted(stored[1:3], key=str) == [("output", "a"), ("progress", 2)]
    assert stored[3] == ("thought", "t")


def test_progress_is_stored_every_100_ms_and_the_last_value_always(held: Held) -> None:
    for done in range(50):
        held.emitter.progress({"key": "main", "done": done})
    assert held.stored() == [("progress", 0)]
    assert held.after(0.099) == [("progress", 0)]
    assert held.after(0.002) == [("progress", 0), ("progress", 49)]


def test_the_first_value_after_a_pause_does_not_wait(held: Held) -> None:
    held.emitter.progress({"key": "main", "done": 1})
    held.clock.advance(0.2)
    held.emitter.progress({"key": "main", "done": 2})
    assert held.stored() == [("progress", 1), ("progress", 2)]


def test_keys_wait_apart(held: Held) -> None:
    for key in ("a", "b"):
        held.emitter.progress({"key": key, "done": 1})
    assert held.stored() == [("progress", 1), ("progress", 1)]


def test_the_ending_takes_what_is_held_with_it(held: Held) -> None:
    held.emitter.text("output", OUT, "last words")
    held.emitter.progress({"key": "main", "done": 1})
    held.emitter.progress({"key": "main", "done": 9})
    held.emitter.end({"state": "completed", "attempt": 1})
    assert held.stored()[-1] == ("progress", 9)
    assert decode_event(held.log.read("chat").events[-1]).data["state"] == "completed"


streams = st.sampled_from(["stdout", "stderr"])
steps = st.lists(st.tuples(streams, st.text(max_size=20), st.floats(0, 0.03)), max_size=60)


@given(steps)
def test_no_text_is_lost_or_moved_within_its_stream(steps: list[tuple[str, str, float]]) -> None:
    holder, now = Holder(0.04, 64, 0.1), 0.0
    given_, got, order = {"stdout": "", "stderr": ""}, {"stdout": "", "stderr": ""}, []
    for stream, text, pause in steps:
        now += pause
        full = holder.text("output", {"stream": stream}, text, now)
        given_[stream] += text
        due = holder.due is not None and holder.due <= now
        order += holder.take(now) if full or due else []
    for _, data in (*order, *holder.take(now)):
        got[data["stream"]] += data["text"]
    assert got == given_
    assert holder.due is None


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(), st.floats(0, 0.05))))
def test_the_last_value_of_each_key_is_the_last_that_is_taken(
    steps: list[tuple[str, int, float]],
) -> None:
    holder, now, last, taken = Holder(0.04, 64, 0.1), 0.0, {}, {}
    for key, done, pause in steps:
        now += pause
        last[key] = done
        if holder.progress({"key": key, "done": done}, now) or (holder.due or now + 1) <= now:
            taken |= {data["key"]: data["done"] for _, data in holder.take(now)}
    taken |= {data["key"]: data["done"] for _, data in holder.take(now)}
    assert taken == last

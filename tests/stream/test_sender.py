from __future__ import annotations

import json

import pytest

from sparky_nb.errors import NotFound, ProtocolError
from sparky_nb.stream import CloseCode, Start
from sparky_nb.stream.frames import ViewerInfo
from sparky_nb.stream.sender import Submit
from tests.stream.support import StillClock, at, batch, frames, kinds, sender


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.mark.promise("P1")
def test_hello_then_batches_then_live_once(clock: StillClock) -> None:
    it = sender(clock)
    assert it.wants is None
    assert kinds(it.open(at(3))) == ["hello"]
    assert it.wants == ("e1", 0)
    assert kinds(it.batch(batch(1, 2, head=3))) == ["events"]
    assert kinds(it.batch(batch(3, 1, head=3))) == ["events", "live"]
    assert it.wants == ("e1", 3)
    assert kinds(it.batch(batch(4, 0, head=3))) == []
    assert kinds(it.batch(batch(4, 1, head=4))) == ["events"]


def test_an_empty_chat_is_live_at_once(clock: StillClock) -> None:
    it = sender(clock)
    it.open(at(0))
    assert frames(it.batch(batch(1, 0, head=0))) == [{"t": "live", "offset": 0}]


@pytest.mark.promise("P4")
@pytest.mark.parametrize(
    "next_batch, reason, lost",
    [
        (batch(8, 2, head=9, earliest=8), "trimmed", [4, 7]),
        (batch(10, 0, head=9, earliest=10), "trimmed", [4, 9]),
        (batch(1, 2, head=2, epoch="e2"), "epoch_changed", None),
        (batch(3, 0, head=2), "ahead", [3, 3]),
    ],
)
def test_what_can_not_be_served_any_more_ends_with_a_goodbye(
    clock: StillClock, next_batch: object, reason: str, lost: list[int] | None
) -> None:
    it = sender(clock)
    it.open(at(3))
    it.batch(batch(1, 3, head=3))
    bye, close = frames(it.batch(next_batch))  # type: ignore[arg-type]  # a batch
    assert close == {"close": 4010}
    assert (bye["t"], bye["gap"]["reason"], bye["gap"]["lost"]) == ("bye", reason, lost)
    assert bye["gap"]["requested"] == {"epoch": "e1", "offset": 3}
    assert it.wants is None
    assert it.batch(batch(4, 1, head=9)) == []
    assert it.tick() == it.close(CloseCode.SHUTDOWN, "again") == []


def test_a_batch_that_does_not_continue_is_a_bug_that_is_not_sent(clock: StillClock) -> None:
    it = sender(clock)
    it.open(at(9))
    with pytest.raises(ProtocolError):
        it.batch(batch(2, 2, head=9))


def test_heartbeats_come_only_after_silence(clock: StillClock) -> None:
    it = sender(clock)
    it.open(at(0))
    it.batch(batch(1, 0, head=0))
    clock.seconds += 14.9
    assert it.tick() == []
    assert 0 < it.due < 0.2
    clock.seconds += 0.1
    assert frames(it.tick()) == [{"t": "heartbeat", "head": 0, "time": 115_000}]
    assert it.tick() == []


def test_no_sign_of_life_for_90_seconds_ends_it(clock: StillClock) -> None:
    it = sender(clock)
    it.open(at(0))
    clock.seconds += 60
    it.heard()
    clock.seconds += 89
    assert kinds(it.tick()) == ["heartbeat"]
    clock.seconds += 1
    assert kinds(it.tick()) == ["bye", "close 4008"]


@pytest.mark.parametrize(
    "text, answer",
    [
        ('{"t":"ping","n":3}', ["pong"]),
        ('{"t":"ping","n":-1}', ["error"]),
        ('{"t":"ping","n":1e99}', ["error"]),
        ('{"t":"ping"}', ["error"]),
        ('{"t":"new"}', ["error"]),
        ('{"t":7}', ["error"]),
        ("nonsense", ["error"]),
        ("[" * 20_000, ["error"]),
        ('"\ud800"', ["error"]),
        ('{"t":"command","id":"","name":"cancel","task_id":"t"}', ["error"]),
        ('{"t":"command","id":"c","name":"explode","task_id":"t"}', ["error"]),
        ("x" * 65_537, ["bye", "close 4413"]),
        (b"x", ["bye", "close 4400"]),
    ],
)
def test_what_a_client_may_say(clock: StillClock, text: str | bytes, answer: list[str]) -> None:
    it = sender(clock)
    it.open(at(0))
    assert kinds(it.receive(text)) == answer


def test_a_command_is_handed_on_and_answered(clock: StillClock) -> None:
    it = sender(clock)
    it.open(at(0))
    frame = {"t": "command", "id": "c", "name": "cancel", "task_id": "t", "args": {}, "new": 1}
    (submit,) = it.receive(json.dumps(frame))
    assert isinstance(submit, Submit)
    assert submit.command.name == "cancel"
    assert frames(it.accepted("c", 4)) == [{"t": "result", "id": "c", "ok": True, "offset": 4}]
    (result,) = frames(it.refused("c", NotFound("task", "t")))
    assert (result["ok"], result["error"]["code"]) == (False, "task_not_found")


def test_a_crowd_is_counted_and_shown_in_part(clock: StillClock) -> None:
    it = sender(clock)
    it.open(at(0))
    crowd = [ViewerInfo(id=str(n), user="u") for n in range(500)]
    (frame,) = frames(it.viewers(crowd))
    assert (frame["count"], len(frame["viewers"])) == (500, 50)


@pytest.mark.promise("P4")
def test_a_cursor_that_can_not_be_honoured_is_told_before_anything_else(clock: StillClock) -> None:
    it = sender(clock, Start(epoch="e1", offset=1))
    assert kinds(it.open(at(9, earliest=5))) == ["hello", "bye", "close 4010"]
    assert it.wants is None
    it = sender(clock, Start(epoch="e1", offset=1, go_on=True))
    assert kinds(it.open(at(9, earliest=5))) == ["hello"]
    assert it.wants == ("e1", 4)


@pytest.mark.parametrize("code", list(CloseCode))
def test_every_close_has_its_goodbye_with_the_same_advice(
    clock: StillClock, code: CloseCode
) -> None:
    it = sender(clock)
    it.open(at(0))
    bye, close = frames(it.close(code, "why", retry_after_ms=5))
    assert (bye["code"], bye["reconnect"], bye["retry_after_ms"]) == (code, code.reconnect, 5)
    assert close == {"close": code}

"""Event ⇄ bytes."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparky_nb.errors import InvalidArgument, PayloadTooLarge
from sparky_nb.events.codec import (
    MAX_EVENT_BYTES,
    decode_event,
    encode_body,
    encode_event,
    tombstone,
    with_offset,
    without_offset,
)
from sparky_nb.events.model import DATA_TYPES, MessageReceived, NewEvent, Status

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text() | st.floats(-1e9, 1e9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.text(), json_values, max_size=4)
new_events = st.builds(
    NewEvent,
    id=st.uuids().map(str),
    type=st.sampled_from([*DATA_TYPES, "from_the_future", "hidden"]),
    time=st.integers(0, 2**50),
    task_id=st.none() | st.just("task-000000000000"),
    actor=st.sampled_from(["agent", "task", "system", "user:ann"]),
    data=objects,
)


@given(new_events, st.integers(1, 2**53 - 1))
def test_an_event_survives_the_wire(event: NewEvent, offset: int) -> None:
    body = encode_body(event)
    wire = with_offset(offset, body)
    assert json.loads(wire)["offset"] == offset
    assert without_offset(wire) == body
    stored = decode_event(wire)
    assert stored.data == event.data
    assert (stored.offset, stored.id, stored.type) == (offset, event.id, event.type)
    assert encode_event(stored) == wire


@pytest.mark.promise("P12")
@given(new_events, objects, objects)
def test_unknown_types_and_fields_pass_through(event: NewEvent, more: dict, data: dict) -> None:
    sent = json.loads(with_offset(3, encode_body(event)))
    sent["data"] = {**data, **sent["data"]}
    sent = {**{f"x-{name}": value for name, value in more.items()}, **sent}
    again = json.loads(encode_event(decode_event(json.dumps(sent))))
    assert again == sent


def test_a_keyword_field_has_its_wire_name() -> None:
    data = MessageReceived(message_id="m", text="hi", from_="user:ann")
    event = NewEvent(id="i", type="message_received", time=1, task_id=None, actor="a", data=data)
    assert json.loads(encode_body(event))["data"] == {
        "message_id": "m",
        "text": "hi",
        "from": "user:ann",
    }


def test_absent_fields_are_not_sent() -> None:
    assert msgspec.to_builtins(Status(state="running", attempt=1)) == {
        "state": "running",
        "attempt": 1,
    }


def test_data_that_json_cannot_hold_is_made_to_fit() -> None:
    loop: dict[str, object] = {}
    loop["self"] = loop
    data = {"surrogate": "a\ud800b", "object": object, "loop": loop, "big": 2**70}
    event = NewEvent(id="i", type="x", time=1, task_id=None, actor="task", data=data)
    stored = decode_event(with_offset(1, encode_body(event)))
    assert stored.data["surrogate"] == "a�b"
    assert stored.data["big"] == str(2**70)


def test_an_event_above_the_safety_net_is_refused() -> None:
    data = {"text": "x" * MAX_EVENT_BYTES}
    event = NewEvent(id="i", type="x", time=1, task_id=None, actor="task", data=data)
    with pytest.raises(PayloadTooLarge, match=str(MAX_EVENT_BYTES)):
        encode_body(event)


@pytest.mark.parametrize(
    "wire,field",
    [
        (b"", "event"),
        (b"[]", "event"),
        (b"{}", "event.offset"),
        (b'{"offset":"1"}', "event.offset"),
        (b'{"offset":1,"id":"i","type":"t","time":1,"task_id":null,"actor":"a"}', "event.data"),
    ],
)
def test_what_is_no_event_names_the_field(wire: bytes, field: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        decode_event(wire)
    assert caught.value.field == field


def test_a_tombstone_keeps_only_what_it_must() -> None:
    event = NewEvent(
        id="i", type="output", time=5, task_id="task-000000000000", actor="user:ann",
        data={"text": "secret"},
    )  # fmt: skip
    gone = json.loads(tombstone(with_offset(9, encode_body(event))))
    assert gone == {
        "offset": 9, "id": "i", "type": "redacted", "time": 5,
        "task_id": "task-000000000000", "actor": "system", "data": {},
    }  # fmt: skip

"""The stream over a real server (protocol.md §3)."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from sparky_nb.log.base import Log
from tests.server.support import Connect, Fetch, append, asks, running_task, said, wait_for


@pytest.mark.promise("P1", "P12")
async def test_a_viewer_gets_hello_then_all_events_then_live(connect: Connect, log: Log) -> None:
    append(log, "a", 700)
    socket = await connect("a")
    hello = await socket.next()
    assert hello is not None
    position = log.position("a")
    assert (hello["t"], hello["v"], hello["chat"]) == ("hello", 1, "a")
    assert (hello["epoch"], hello["earliest"], hello["head"]) == (position.epoch, 1, 700)
    assert (hello["next"], hello["missed"], hello["gap"]) == (1, 0, None)
    assert hello["heartbeat_ms"] == 15_000
    live = await socket.until("live")
    assert live["offset"] == 700
    assert await socket.offsets(700) == list(range(1, 701))
    batches = [f for f in socket.frames if f["t"] == "events"]
    assert max(len(f["events"]) for f in batches) <= 256
    first = batches[0]["events"][0]
    assert first["type"] == "note", "types that nobody knows pass"
    assert first["data"]["later"] == {"than": "v1"}
    append(log, "a", 3)
    assert await socket.offsets(703) == list(range(1, 704))
    assert [f["t"] for f in socket.frames].count("live") == 1


@pytest.mark.promise("P1")
async def test_a_batch_has_at_most_256_kib(connect: Connect, log: Log) -> None:
    append(log, "a", 30, text="x" * 30_000)
    socket = await connect("a")
    assert await socket.offsets(30) == list(range(1, 31))
    sizes = [len(json.dumps(f, separators=(",", ":"))) for f in socket.frames]
    assert max(sizes) <= 256 * 1024


@pytest.mark.promise("P1", "P10")
async def test_a_cursor_resumes_exactly_there(connect: Connect, log: Log) -> None:
    append(log, "a", 20)
    epoch = log.position("a").epoch
    socket = await connect("a", epoch=epoch, offset=12)
    hello = await socket.until("hello")
    assert (hello["recovered"], hello["missed"], hello["next"]) == (True, 8, 13)
    assert await socket.offsets(20) == list(range(13, 21))


@pytest.mark.promise("P10")
async def test_a_cursor_at_the_head_has_missed_nothing(connect: Connect, log: Log) -> None:
    append(log, "a", 20)
    socket = await connect("a", epoch=log.position("a").epoch, offset=20)
    hello = await socket.until("hello")
    assert (hello["recovered"], hello["missed"], hello["gap"]) == (True, 0, None)
    assert (await socket.until("live"))["offset"] == 20


@pytest.mark.parametrize("query, first", [({"last": 5}, 16), ({"from_": "now"}, 21), ({}, 1)])
async def test_other_ways_to_start(
    connect: Connect, log: Log, query: dict[str, Any], first: int
) -> None:
    append(log, "a", 20)
    socket = await connect("a", **query)
    hello = await socket.until("hello")
    assert (hello["next"], hello["missed"], hello["gap"]) == (first, 0, None)
    append(log, "a", 1)
    assert await socket.offsets(21) == list(range(first, 22))


@pytest.mark.promise("P4")
async def test_a_trimmed_cursor_is_told_and_closed_with_4010(connect: Connect, log: Log) -> None:
    append(log, "a", 20)
    log.trim("a", 11)
    epoch = log.position("a").epoch
    socket = await connect("a", epoch=epoch, offset=3)
    assert await socket.closed() == 4010
    hello, bye = socket.frames
    gap = {"reason": "trimmed", "requested": {"epoch": epoch, "offset": 3}, "lost": [4, 10]}
    assert (hello["t"], hello["recovered"], hello["gap"]) == ("hello", False, gap)
    assert (bye["t"], bye["code"], bye["reconnect"], bye["gap"]) == ("bye", 4010, True, gap)


@pytest.mark.promise("P4")
async def test_on_gap_earliest_goes_on_after_telling(connect: Connect, log: Log) -> None:
    append(log, "a", 20)
    log.trim("a", 11)
    socket = await connect("a", epoch=log.position("a").epoch, offset=3, on_gap="earliest")
    hello = await socket.until("hello")
    assert (hello["gap"]["lost"], hello["next"]) == ([4, 10], 11)
    assert await socket.offsets(20) == list(range(11, 21))


@pytest.mark.promise("P4")
async def test_a_fresh_view_of_a_trimmed_chat_goes_on_after_telling(
    connect: Connect, log: Log
) -> None:
    append(log, "a", 20)
    log.trim("a", 11)
    socket = await connect("a")
    hello = await socket.until("hello")
    assert hello["gap"] == {
        "reason": "trimmed",
        "requested": {"epoch": None, "offset": 0},
        "lost": [1, 10],
    }
    assert await socket.offsets(20) == list(range(11, 21))


@pytest.mark.promise("P4")
@pytest.mark.parametrize(
    "epoch, offset, reason", [("0123abc", 3, "epoch_changed"), (None, 21, "ahead")]
)
async def test_a_cursor_of_another_life_or_of_the_future_is_told(
    connect: Connect, log: Log, epoch: str | None, offset: int, reason: str
) -> None:
    append(log, "a", 20)
    socket = await connect("a", epoch=epoch or log.position("a").epoch, offset=offset)
    assert await socket.closed() == 4010
    assert [f["t"] for f in socket.frames] == ["hello", "bye"]
    assert socket.frames[0]["gap"]["reason"] == reason


@pytest.mark.promise("P4")
async def test_a_trim_under_a_viewer_that_is_behind_is_told(connect: Connect, log: Log) -> None:
    append(log, "a", 5_000, text="x" * 2_000)
    socket = await connect("a")
    await socket.until("events")
    log.trim("a", 5_001)
    code = await socket.closed()
    got = socket.offsets_so_far()
    assert code == 4010, "10 MB do not fit into the buffers in between"
    assert got == list(range(1, len(got) + 1))
    gap = socket.frames[-1]["gap"]
    assert (gap["reason"], gap["lost"]) == ("trimmed", [len(got) + 1, 5_000])


@pytest.mark.promise("P4")
async def test_a_chat_that_is_deleted_and_made_again_is_another_life(
    connect: Connect, api: Fetch, log: Log
) -> None:
    append(log, "a", 3)
    epoch = log.position("a").epoch
    first, second = await connect("a"), await connect("a")
    for socket in (first, second):
        await socket.until("live")
    assert (await api("DELETE", "chats/a")).code == 204
    assert await first.closed() == 4404
    append(log, "a", 3)
    third = await connect("a", epoch=epoch, offset=3)
    assert await third.closed() == 4010
    assert third.frames[0]["gap"]["reason"] == "epoch_changed"


async def test_a_chat_that_does_not_exist_is_closed_with_4404(connect: Connect, log: Log) -> None:
    socket = await connect("nowhere")
    assert await socket.closed() == 4404
    assert [(f["t"], f.get("reconnect")) for f in socket.frames] == [("bye", False)]


async def test_the_subprotocol_is_echoed(jp_ws_fetch: Any, log: Log) -> None:
    append(log, "a")
    path = ("sparky/api/v1", "chats", "a", "socket")
    socket = await jp_ws_fetch(*path, subprotocols=["other", "v1.sparky-nb"])
    assert socket.selected_subprotocol == "v1.sparky-nb"
    socket.close()


async def test_a_ping_is_answered(connect: Connect, log: Log) -> None:
    append(log, "a")
    socket = await connect("a")
    await socket.say(t="ping", n=7)
    assert (await socket.until("pong"))["n"] == 7
    assert socket.frames[0]["t"] == "hello"


@pytest.mark.promise("P12")
@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"t":"ping"}', '{"t":"novel","x":1}'])
async def test_a_bad_frame_is_told_and_the_connection_lives(
    connect: Connect, log: Log, text: str
) -> None:
    append(log, "a")
    socket = await connect("a")
    await socket.until("live")
    await socket.connection.write_message(text)
    assert (await socket.until("error"))["message"]
    await socket.say(t="ping", n=1, later="field")
    await socket.until("pong")


async def test_a_command_is_stored_once_however_often_it_is_sent(
    connect: Connect, log: Log
) -> None:
    task = running_task(log, "a")
    socket = await connect("a")
    await socket.until("live")
    for _ in range(3):
        await socket.say(t="command", id="c1", name="cancel", task_id=task, args={})
    results = [await socket.until("result") for _ in range(3)]
    assert [r["ok"] for r in results] == [True] * 3
    assert {r["offset"] for r in results} == {2}
    offsets = await socket.offsets(2)
    assert offsets == [1, 2]
    assert log.task(task).cancelling


async def test_a_command_that_can_not_be_is_refused_with_the_reason(
    connect: Connect, log: Log
) -> None:
    append(log, "a")
    socket = await connect("a")
    command = {"t": "command", "id": "c1", "name": "cancel", "task_id": "task-0000000000zz"}
    await socket.say(**command)
    result = await socket.until("result")
    assert (result["ok"], result["error"]["code"]) == (False, "task_not_found")
    task = running_task(log, "a")
    await socket.say(t="command", id="c2", name="message", task_id=task, args={"text": 7})
    result = await socket.until("result")
    assert (result["error"]["code"], result["error"]["field"]) == ("invalid_argument", "text")
    asks(log, "a", task, "q", ["yes", "no"])
    answer = {"question_id": "q", "answer": "maybe"}
    await socket.say(t="command", id="c3", name="answer", task_id=task, args=answer)
    error = (await socket.until("result"))["error"]
    assert (error["code"], error["field"]) == ("invalid_argument", "answer")
    assert error["rule"] == "one of yes, no"


async def test_viewers_see_each_other_come_and_go(connect: Connect, log: Log) -> None:
    append(log, "a")
    first = await connect("a")
    second = await connect("a")
    while (frame := await first.until("viewers"))["count"] != 2:
        pass
    assert len({v["id"] for v in frame["viewers"]}) == 2
    assert first.frames[0]["viewer"] in {v["id"] for v in frame["viewers"]}
    second.close()
    while (await first.until("viewers"))["count"] != 1:
        pass


async def test_joining_leaving_and_coming_back_are_logged_as_info(
    connect: Connect, log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    append(log, "a", 5)
    epoch = log.position("a").epoch
    with caplog.at_level(logging.DEBUG):
        socket = await connect("a")
        await socket.until("live")
        socket.close()
        again = await connect("a", epoch=epoch, offset=2)
        await again.until("live")
        await wait_for(lambda: any(r.message.startswith("viewer left") for r in caplog.records))
    info = [r.message for r in caplog.records if r.levelno == logging.INFO]
    assert any(m.startswith("viewer joined chat=a") for m in info)
    assert any(m.startswith("reconnected chat=a") and m.endswith("missed=3") for m in info)
    assert not [r.message for r in caplog.records if r.levelno > logging.INFO]


async def test_the_overview_tells_of_every_task(connect: Connect, log: Log) -> None:
    append(log, "a")
    socket = await connect("_index")
    await socket.until("live")
    task = running_task(log, "b")
    while True:
        frame = await socket.until("events")
        found = [e for e in frame["events"] if e["task_id"] == task]
        if found:
            break
    assert found[0]["data"]["chat_id"] == "b"
    assert found[0]["data"]["state"] == "running"


@pytest.mark.promise("P4", "P10")
async def test_the_overview_of_an_empty_log_is_live_and_resumes_without_a_gap(
    connect: Connect, api: Fetch, log: Log
) -> None:
    assert said(await api("GET", "chats/_index/events"))["events"] == []
    assert said(await api("GET", "chats/_index/snapshot"))["offset"] == 0
    socket = await connect("_index")
    hello = await socket.until("hello")
    assert (await socket.until("live"))["offset"] == 0
    append(log, "a")
    assert await socket.closed() == 4010, "its life begins now"
    again = await connect("_index", epoch=hello["epoch"], offset=0)
    hello = await again.until("hello")
    assert (hello["recovered"], hello["gap"], hello["missed"]) == (True, None, 1)
    assert await again.offsets(1) == [1]


async def test_a_stopping_server_says_goodbye_first(
    connect: Connect, log: Log, jp_serverapp: Any
) -> None:
    append(log, "a")
    socket = await connect("a")
    await socket.until("live")
    await jp_serverapp.web_app.settings["sparky_nb_service"].close()
    assert await socket.closed() == 4000
    bye = socket.frames[-1]
    assert (bye["t"], bye["code"], bye["reconnect"]) == ("bye", 4000, True)
    assert bye["retry_after_ms"] > 0


async def test_snapshot_then_stream_gives_each_event_once(
    connect: Connect, api: Fetch, log: Log
) -> None:
    append(log, "a", 5)
    taken = said(await api("GET", "chats/a/snapshot"))
    append(log, "a", 2)
    socket = await connect("a", epoch=taken["epoch"], offset=taken["offset"])
    assert await socket.offsets(7) == [6, 7]

"""Schedules over HTTP, and who hears of them."""

from __future__ import annotations

from typing import Any

import pytest

from sparky_nb import schedules
from sparky_nb.clock import SystemClock
from sparky_nb.log.base import Log
from sparky_nb.schedules import make_rule
from tests.server.support import Connect, Fetch, Socket, append, said

WANTED: dict[str, Any] = {"chat_id": "c", "every": "1h", "instruction": "Tidy up"}

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"every": "0s"}, "every"),
    ({"every": "1 week"}, "every"),
    ({"every": None, "cron": "* * *"}, "cron"),
    ({"every": None, "at": "1999-12-31T08:00"}, "at"),
    ({"every": None}, "schedule"),
    ({"cron": "* * * * *"}, "schedule"),
    ({"timezone": "Nowhere/At_all"}, "timezone"),
    ({"chat_id": "_index"}, "chat_id"),
    ({"chat_id": 7}, "chat_id"),
    ({"chat_id": ...}, "chat_id"),
    ({"instruction": ""}, "instruction"),
    ({"instruction": "  "}, "instruction"),
    ({"instruction": ...}, "instruction"),
    ({"call": "refresh"}, "instruction"),
    ({"instruction": None, "call": "os.system('x')"}, "call"),
    ({"name": "x" * 201}, "name"),
]


async def test_what_is_wrong_with_a_schedule_is_said_at_its_field(api: Fetch, log: Log) -> None:
    for changes, field in WRONG:
        body = {name: value for name, value in (WANTED | changes).items() if value is not ...}
        response = await api("POST", "schedules", body)
        error = said(response)["error"]
        assert (response.code, error["field"]) == (400, field), (changes, error)
        assert error["rule"]
    assert log.schedules() == []
    made = said(await api("POST", "schedules", WANTED))["schedule_id"]
    for body, field in (({}, "state"), ({"state": "ended"}, "state"), ({"run": 1}, "run")):
        response = await api("PATCH", f"schedules/{made}", body)
        assert (response.code, said(response)["error"]["field"]) == (400, field)
    for method in ("GET", "PATCH", "DELETE"):
        body = {"state": "paused"} if method == "PATCH" else None
        assert (await api(method, "schedules/sched-none", body)).code == 404


async def change(socket: Socket, number: int) -> dict[str, Any]:
    """The ``number``-th event of a schedule that comes over ``socket``; one frame may have many."""
    while True:
        events = [e for f in socket.frames if f["t"] == "events" for e in f["events"]]
        schedules = [event for event in events if event["type"] == "schedule"]
        if len(schedules) >= number:
            return dict(schedules[number - 1])
        await socket.until("events")


@pytest.mark.promise("P2")
async def test_whoever_watches_the_overview_hears_of_each_change_at_once(
    api: Fetch, connect: Connect, log: Log
) -> None:
    append(log, "c")
    socket = await connect("_index")
    await socket.until("live")
    made = said(await api("POST", "schedules", WANTED))
    path = f"schedules/{made['schedule_id']}"
    first = await change(socket, 1)
    assert first["actor"].startswith("user:")
    assert (first["data"]["change"], first["data"]["next_at"]) == ("created", made["next_at"])
    assert (made["last_state"], made["last_words"], made["needs"]) == (None, "not yet", None)
    for number, body, expected in (
        (2, {"state": "paused"}, "paused"),
        (3, {"state": "active"}, "resumed"),
        (4, {"run": True}, "fired"),
    ):
        told = said(await api("PATCH", path, body))
        event = await change(socket, number)
        assert event["data"]["change"] == expected
        assert {k: told[k] for k in event["data"] if k != "change"} == {
            k: v for k, v in event["data"].items() if k != "change"
        }
    assert said(await api("GET", path))["last_state"] == "queued"
    assert (await api("PATCH", path, {"run": True})).code == 409  # its task has not ended
    assert (await api("DELETE", path)).code == 204
    assert (await change(socket, 5))["data"]["change"] == "removed"
    assert said(await api("GET", "schedules")) == []

    # Another process changes the log, and this server fires what is due.
    now_ms = SystemClock().now_ms()
    rule = make_rule(every="1s", timezone="UTC", now_ms=now_ms)
    row = schedules.add(
        log, rule, chat_id="d", now_ms=now_ms, asked_by="bob", instruction="Tidy up"
    )
    assert (await change(socket, 6))["actor"] == "user:bob"
    fired = await change(socket, 7)
    assert (fired["actor"], fired["data"]["change"], fired["data"]["fired"]) == (
        "system",
        "fired",
        1,
    )
    (shown,) = said(await api("GET", "schedules", chat="d"))
    assert (shown["last_task"], shown["last_state"]) == (fired["data"]["last_task"], "queued")
    assert log.task(fired["data"]["last_task"]).schedule_id == row.schedule_id


async def test_a_function_says_that_it_needs_its_notebook(api: Fetch, log: Log) -> None:
    body = WANTED | {"instruction": None, "call": "refresh"}
    made = said(await api("POST", "schedules", body))
    assert made["needs"] == "its notebook, which has refresh()"
    fired = said(await api("PATCH", f"schedules/{made['schedule_id']}", {"run": True}))
    assert fired["last_words"] == "waits for its notebook, which has refresh()"

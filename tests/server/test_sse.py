"""The same log for stock EventSource clients."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from sparky_nb.log.base import Log
from tests.server.support import API, PATIENCE, Fetch, append, said, wait_for


class EventSource:
    """What a browser's EventSource understands of a response."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self.status = 0
        self.headers = ""
        self.comments = 0
        self.retry: int | None = None

    async def message(self) -> dict[str, str]:
        """The next message: its fields."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(PATIENCE):
            while True:
                line = (await self._line()).rstrip("\n")
                if not line:
                    if "data" in fields:
                        return fields
                    fields = {}
                elif line.startswith(":"):
                    self.comments += 1
                else:
                    name, _, value = line.partition(": ")
                    if name == "retry":
                        self.retry = int(value)
                    else:
                        fields[name] = value

    _rest = b""

    async def _line(self) -> str:
        while b"\n" not in self._rest:
            size = int((await self._reader.readline()).strip() or b"0", 16)
            self._rest += await self._reader.readexactly(size)
            await self._reader.readexactly(2)
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode() + "\n"


@pytest.fixture
def source(jp_http_port: int, jp_base_url: str, http_server: Any, jp_auth_header: Any) -> Any:
    @asynccontextmanager
    async def connect(query: str = "", last_event_id: str = "") -> AsyncIterator[EventSource]:
        reader, writer = await asyncio.open_connection("127.0.0.1", jp_http_port)
        lines = [
            f"GET {jp_base_url}{API}/chats/a/events{query} HTTP/1.1",
            f"Host: localhost:{jp_http_port}",
            f"Authorization: {jp_auth_header['Authorization']}",
            "Accept: text/event-stream",
            *([f"Last-Event-ID: {last_event_id}"] if last_event_id else []),
            "",
            "",
        ]
        writer.write("\r\n".join(lines).encode())
        stream = EventSource(reader)
        stream.headers = (await reader.readuntil(b"\r\n\r\n")).decode()
        stream.status = int(stream.headers.split()[1])
        try:
            yield stream
        finally:
            writer.close()

    return connect


@pytest.fixture
def sparky_config() -> dict[str, Any]:
    return {"heartbeat_seconds": 1.0}


async def offsets(stream: EventSource, last: int) -> list[int]:
    got: list[int] = []
    while not got or got[-1] < last:
        message = await stream.message()
        got.append(json.loads(message["data"])["offset"])
    return got


@pytest.mark.promise("P1", "P10")
async def test_events_have_ids_and_last_event_id_resumes(source: Any, log: Log) -> None:
    append(log, "a", 5)
    epoch = log.position("a").epoch
    async with source() as stream:
        assert stream.status == 200
        assert "text/event-stream" in stream.headers
        first = await stream.message()
        assert first["id"] == f"{epoch}.1"
        assert "event" not in first, "the default event name"
        assert stream.retry
        append(log, "a", 2)
        assert await offsets(stream, 7) == [2, 3, 4, 5, 6, 7]
    async with source("?after=1", last_event_id=f"{epoch}.4") as stream:
        assert await offsets(stream, 7) == [5, 6, 7], "the header wins over the query"


@pytest.mark.promise("P4")
async def test_a_gap_is_an_event_without_an_id(source: Any, log: Log) -> None:
    append(log, "a", 10)
    epoch = log.position("a").epoch
    log.trim("a", 6)
    async with source(last_event_id=f"{epoch}.2") as stream:
        gap = await stream.message()
        assert (gap["event"], "id" in gap) == ("gap", False)
        assert json.loads(gap["data"])["lost"] == [3, 5]
        assert await offsets(stream, 10) == [6, 7, 8, 9, 10]
    async with source(last_event_id="other.2") as stream:
        assert json.loads((await stream.message())["data"])["reason"] == "epoch_changed"


async def test_a_quiet_stream_sends_comments(source: Any, log: Log) -> None:
    append(log, "a")
    async with source() as stream:
        await stream.message()
        reading = asyncio.ensure_future(stream.message())
        await wait_for(lambda: stream.comments > 0)
        append(log, "a")
        assert json.loads((await reading)["data"])["offset"] == 2


async def test_json_is_what_who_does_not_ask_for_it_gets(api: Fetch, log: Log) -> None:
    append(log, "a")
    unwelcome = "application/json, text/event-stream;q=0"
    for accept in ("*/*", "application/json", "text/html, */*", unwelcome):
        response = await api("GET", "chats/a/events", headers={"Accept": accept})
        assert said(response)["head"] == 1


async def test_bad_requests_for_a_stream_are_answered_as_json(api: Fetch, log: Log) -> None:
    append(log, "a")
    accept = {"Accept": "text/event-stream"}
    response = await api("GET", "chats/a/events", headers={**accept, "Last-Event-ID": "x"})
    assert (response.code, said(response)["error"]["field"]) == (400, "Last-Event-ID")
    assert (await api("GET", "chats/nowhere/events", headers=accept)).code == 404


async def test_a_stream_that_is_left_is_forgotten(source: Any, log: Log, jp_serverapp: Any) -> None:
    append(log, "a")
    presence = jp_serverapp.web_app.settings["sparky_nb_service"].presence
    async with source() as stream:
        await stream.message()
        assert presence.count("a") == 1
    await wait_for(lambda: presence.count("a") == 0)

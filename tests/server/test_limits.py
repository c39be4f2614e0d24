"""What is too much (P8, P11)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError

from sparky_nb.log.base import Log
from tests.server.support import API, PATIENCE, Connect, Fetch, append, refused, running_task, said

pytestmark = pytest.mark.promise("P11")


@pytest.mark.parametrize("size", [65 * 1024, 5 * 1024 * 1024, 100 * 1024 * 1024])
async def test_a_frame_that_is_too_large_gets_a_goodbye_and_4413(
    connect: Connect, log: Log, size: int
) -> None:
    append(log, "a")
    socket, other = await connect("a"), await connect("a")
    await socket.until("live")
    writing = asyncio.ensure_future(socket.connection.write_message("x" * size))
    assert await socket.closed() == 4413
    bye = socket.frames[-1]
    assert (bye["t"], bye["code"], bye["reconnect"]) == ("bye", 4413, False)
    writing.cancel()
    append(log, "a")
    assert await other.offsets(2) == [1, 2], "others are unharmed"


async def test_who_sends_too_large_a_frame_and_then_nothing_is_let_go_of(
    log: Log,
    jp_serverapp: Any,
    jp_base_url: str,
    http_server: Any,
    http_server_port: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sparky_nb.server.polite.QUIET_SECONDS", 0.05)
    append(log, "a")
    reader, writer = await asyncio.open_connection(*http_server_port[0].getsockname()[:2])
    token = jp_serverapp.identity_provider.token
    writer.write(
        f"GET {jp_base_url}{API}/chats/a/socket?token={token} HTTP/1.1\r\n"
        "Host: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
    )
    await reader.readuntil(b'"live"')
    size = 300 * 1024
    writer.write(b"\x81\xff" + size.to_bytes(8, "big") + bytes(4) + b"x" * size)
    async with asyncio.timeout(PATIENCE):
        said_last = await reader.read()  # until the server closes, not the client
    assert b'"code":4413' in said_last
    writer.close()


async def test_binary_frames_are_bad_protocol(connect: Connect, log: Log) -> None:
    append(log, "a")
    socket = await connect("a")
    await socket.until("live")
    await socket.connection.write_message(b"\x00\x01", binary=True)
    assert await socket.closed() == 4400


async def test_ten_thousand_commands_are_slowed_down_then_closed(
    connect: Connect, log: Log
) -> None:
    task = running_task(log, "a")
    socket, other = await connect("a"), await connect("a")
    await socket.until("live")

    async def flood() -> None:
        for n in range(10_000):
            frame = {"t": "command", "id": f"c{n}", "name": "message", "task_id": task}
            await socket.connection.write_message(json.dumps({**frame, "args": {"text": "x"}}))

    flooding = asyncio.ensure_future(flood())
    assert await socket.closed() == 4429
    flooding.cancel()
    results = [f for f in socket.frames if f["t"] == "result"]
    assert any(not r["ok"] and r["error"]["code"] == "rate_limited" for r in results)
    assert socket.frames[-1]["retry_after_ms"] > 0
    assert log.position("a").head < 1_000
    await other.say(t="ping", n=1)
    await other.until("pong")


class TestRoom:
    """How many may watch."""

    @pytest.fixture
    def sparky_config(self) -> dict[str, Any]:
        return {"max_viewers_per_chat": 2, "max_viewers_per_user": 3}

    async def test_one_viewer_too_many_is_refused(self, connect: Connect, log: Log) -> None:
        for chat in "ab":
            append(log, chat)
        first, _ = await connect("a"), await connect("a")
        assert await refused(connect("a")) == 429
        await connect("b")
        assert await refused(connect("b")) == 429
        first.close()
        async with asyncio.timeout(20):
            while True:
                try:
                    socket = await connect("a")
                    break
                except Exception:
                    await asyncio.sleep(0.05)
        await socket.until("live")

    async def test_those_who_come_at_once_are_counted_too(
        self, connect: Connect, log: Log, jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        append(log, "a")
        door = jp_serverapp.web_app.settings["sparky_nb_service"].door
        opening, come, all_there = door.open, 0, asyncio.Event()

        async def open_together() -> Log:
            nonlocal come
            come += 1
            if come == 5:
                all_there.set()
            await all_there.wait()
            opened: Log = await opening()
            return opened

        monkeypatch.setattr(door, "open", open_together)
        found = await asyncio.gather(*(connect("a") for _ in range(5)), return_exceptions=True)
        codes = sorted(it.code if isinstance(it, HTTPClientError) else 101 for it in found)
        assert codes == [101, 101, 429, 429, 429]


class TestRequests:
    """How much may be asked for."""

    @pytest.fixture
    def sparky_config(self) -> dict[str, Any]:
        return {"requests_per_second": 0.5, "max_body_bytes": 2000}

    async def test_too_many_changes_are_429_with_retry_after(self, api: Fetch, log: Log) -> None:
        codes = [(await api("POST", "chats", {"chat_id": f"c{n}"})).code for n in range(3)]
        assert codes == [201, 429, 429]
        response = await api("POST", "chats", {})
        assert int(response.headers["Retry-After"]) >= 1
        assert said(response)["error"]["retryable"] is True
        assert (await api("GET", "chats")).code == 200, "reading is not slowed down"

    async def test_a_body_that_is_too_large_is_413(self, api: Fetch, log: Log) -> None:
        response = await api("POST", "chats", {"title": "x" * 3000})
        assert (response.code, said(response)["error"]["code"]) == (413, "too_large")


class TestStalled:
    """P8, P7."""

    @pytest.fixture
    def sparky_config(self) -> dict[str, Any]:
        return {"write_timeout": 2.0}

    @pytest.mark.promise("P7", "P8")
    async def test_a_stalled_viewer_is_dropped_and_costs_the_others_nothing(
        self, connect: Connect, log: Log, jp_serverapp: Any
    ) -> None:
        service = jp_serverapp.web_app.settings["sparky_nb_service"]
        append(log, "a")
        stalled, quick = await connect("a"), await connect("a")
        await quick.until("live")
        await stalled.until("live")
        slow_id = stalled.frames[0]["viewer"]
        stalled.connection.protocol.stream.set_nodelay(True)
        # Nobody reads: the client's loop is stopped as a suspended laptop's is.
        stalled.connection.protocol.stream.io_loop.remove_handler(
            stalled.connection.protocol.stream.fileno()
        )
        head = 1
        async with asyncio.timeout(40):
            while any(viewer.info.id == slow_id for viewer in service.presence):
                append(log, "a", 200, text="x" * 5_000)
                head += 200
                assert (await quick.offsets(head))[-1] == head
        held = max(
            viewer.ws_connection.stream._write_buffer_size  # type: ignore[attr-defined]
            if hasattr(viewer.ws_connection.stream, "_write_buffer_size")
            else 0
            for viewer in service.presence
        )
        assert held < 2_000_000
        assert quick.offsets_so_far() == list(range(1, head + 1))

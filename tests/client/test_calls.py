from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sparky_nb.client import Address, SparkyClient, sync
from sparky_nb.errors import (
    Conflict,
    Forbidden,
    GapError,
    InvalidArgument,
    LogUnavailable,
    NotFound,
)
from sparky_nb.events.model import Event
from sparky_nb.log.base import Log
from tests.server.support import PATIENCE, append, running_task


@pytest.fixture
def url(jp_serverapp: Any, http_server: Any, jp_http_port: int, jp_base_url: str) -> str:
    token = jp_serverapp.identity_provider.token
    return f"http://localhost:{jp_http_port}{jp_base_url}?token={token}"


async def test_the_calls_give_what_the_server_has(url: str, log: Log) -> None:
    async with asyncio.timeout(PATIENCE), SparkyClient(url) as client:
        made = await client.create_chat("a", "One")
        assert made["title"] == "One"
        assert (await client.rename_chat("a", "Two"))["title"] == "Two"
        assert [chat["chat_id"] for chat in await client.chats()] == ["a"]
        task = await client.add_task("a", "Tidy up", name="t")
        assert (await client.task(task["task_id"][:9]))["name"] == "t"
        assert (await client.cancel(task["task_id"]))["offset"] > 0
        assert [it["state"] for it in await client.tasks(chat="a")] == ["cancelled"]
        assert (await client.retry(task["task_id"]))["retry_of"] == task["task_id"]
        running = running_task(log, "a")
        assert (await client.message(running, "hi"))["command_id"]
        page = await client.events("a", after=1, limit=2)
        assert [event["offset"] for event in page["events"]] == [2, 3]
        assert (await client.snapshot("a"))["offset"] == log.position("a").head
        assert await client.blob("a", log.put_blob("a", b"\x00", "x/y")) == b"\x00"
        assert (await client.health())["ok"] is True


async def test_errors_come_back_as_what_they_were(url: str, log: Log) -> None:
    append(log, "a", 3)
    running_task(log, "a")
    async with asyncio.timeout(PATIENCE), SparkyClient(url) as client:
        with pytest.raises(NotFound, match="nowhere"):
            await client.chat("nowhere")
        with pytest.raises(InvalidArgument, match="limit") as caught:
            await client.events("a", limit=0)
        assert caught.value.field == "limit"
        with pytest.raises(GapError) as gap:
            await client.events("a", epoch="other", after=2)
        assert gap.value.gap["reason"] == "epoch_changed"
        with pytest.raises(Conflict, match="not ended"):
            await client.delete_chat("a")
    async with SparkyClient(url, token="wrong") as client:
        with pytest.raises(Forbidden):
            await client.chats()
    async with SparkyClient("http://127.0.0.1:9/") as client:
        with pytest.raises(LogUnavailable, match="can't be reached"):
            await client.chats()


async def test_the_sync_face_does_the_same_from_any_thread(url: str, log: Log) -> None:
    append(log, "a", 5)

    def work() -> tuple[list[Any], list[int]]:
        with sync.SparkyClient(url) as client:
            chats = client.chats()
            got: list[int] = []
            with client.watch("a") as chat:
                for event in chat:
                    assert isinstance(event, Event)
                    got.append(event.offset)
                    if event.offset == 5:
                        break
            with pytest.raises(NotFound):
                client.chat("nowhere")
            return chats, got

    async with asyncio.timeout(PATIENCE):
        chats, got = await asyncio.to_thread(work)
    assert [chat["chat_id"] for chat in chats] == ["a"]
    assert got == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("url", ["ftp://x/", "http://", "://"])
def test_a_bad_address_is_named(url: str) -> None:
    with pytest.raises(InvalidArgument, match="server"):
        Address.of(url)


def test_an_address_keeps_the_token_out_of_its_urls() -> None:
    address = Address.of("https://hub.example/user/a%40b/?token=secret")
    assert address.token == "secret"
    assert address.api("chats") == "https://hub.example/user/a%40b/sparky/api/v1/chats"
    assert address.socket("a", {"last": "2"}).startswith("wss://hub.example/user/a%40b/sparky")
    assert "secret" not in address.socket("a", {})

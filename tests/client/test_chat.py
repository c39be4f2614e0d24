from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sparky_nb.client import ChatClient
from sparky_nb.errors import Forbidden, NotFound
from sparky_nb.log.base import Log
from sparky_nb.stream import Start
from sparky_nb.stream.stimuli import Begin
from sparky_nb.testing.network import BadNetwork
from tests.server.support import PATIENCE, append


@pytest.fixture
def url(jp_serverapp: Any, http_server: Any, jp_http_port: int, jp_base_url: str) -> str:
    token = jp_serverapp.identity_provider.token
    return f"http://localhost:{jp_http_port}{jp_base_url}?token={token}"


async def offsets(chat: ChatClient, last: int) -> list[int]:
    """The offsets of all events up to ``last``."""
    got: list[int] = []
    async with asyncio.timeout(PATIENCE), chat:
        async for event in chat:
            got.append(event.offset)
            if event.offset >= last:
                break
    return got


@pytest.mark.promise("P1", "P10")
async def test_a_client_that_is_cut_again_and_again_misses_nothing(
    url: str, log: Log, jp_serverapp: Any
) -> None:
    append(log, "a", 10)
    presence = jp_serverapp.web_app.settings["sparky_nb_service"].presence
    got: list[int] = []
    begins: list[Begin] = []
    async with asyncio.timeout(PATIENCE), ChatClient(url, "a", random=lambda: 0.0) as chat:
        async for update in chat.updates():
            if isinstance(update, Begin):
                begins.append(update)
            elif hasattr(update, "offset"):
                got.append(update.offset)
                if update.offset == 60:
                    break
                if update.offset % 10 == 0:
                    for viewer in presence:
                        viewer.ws_connection.stream.close()
                    append(log, "a", 10)
    assert got == list(range(1, 61))
    assert len(begins) >= 2
    assert all(begin.hello.recovered for begin in begins[1:])
    assert chat.cursor is not None
    assert chat.cursor.offset == 60


async def test_a_client_that_leaves_at_once_says_why(url: str, log: Log) -> None:
    append(log, "a", 1)
    with pytest.raises(NotFound, match="nowhere"):
        await offsets(ChatClient(url, "nowhere"), 1)
    with pytest.raises(Forbidden):
        await offsets(ChatClient(url, "a", token="wrong"), 1)


@pytest.mark.promise("P10")
async def test_a_cursor_goes_on_in_another_client(url: str, log: Log) -> None:
    append(log, "a", 20)
    first = ChatClient(url, "a")
    assert await offsets(first, 12) == list(range(1, 13))
    assert first.cursor is not None
    start = Start(epoch=first.cursor.epoch, offset=first.cursor.offset)
    assert await offsets(ChatClient(url, "a", start=start), 20) == list(range(13, 21))


@pytest.mark.promise("P1", "P10")
async def test_a_bad_network_is_survived(
    url: str, log: Log, jp_http_port: int, jp_serverapp: Any
) -> None:
    append(log, "a", 1000, text="x" * 500)
    got: list[int] = []
    async with asyncio.timeout(40), BadNetwork("127.0.0.1", jp_http_port) as network:
        network.cut_after(250_000)  # in the middle of the second batch
        through = url.replace(str(jp_http_port), str(network.port))
        async with ChatClient(through, "a", random=lambda: 0.0) as chat:
            async for event in chat:
                got.append(event.offset)
                if event.offset == 1000:
                    with network.down():
                        append(log, "a", 10)
                if event.offset == 1010:
                    break
        assert network.connections >= 4
    assert got == list(range(1, 1011))

"""A log that is not there, goes away, or is shared by two servers."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from sparky_nb.clock import SystemClock
from sparky_nb.log import open_log
from sparky_nb.log.base import Log
from sparky_nb.server.service import Service
from sparky_nb.server.settings import Settings
from sparky_nb.stream.frames import ViewerInfo
from tests.server.support import PATIENCE, Connect, Fetch, append, refused, said, wait_for


class TestNoLog:
    """There is something at its address that must not be touched."""

    @pytest.fixture
    def log_url(self, tmp_path: Path) -> str:
        place = tmp_path / "log.db"
        place.mkdir()
        return f"sqlite://{place}"

    async def test_every_route_answers_503_and_health_says_why(
        self, api: Fetch, connect: Connect, jp_fetch: Any
    ) -> None:
        assert (await jp_fetch("api", "status")).code == 200, "Jupyter itself runs"
        for path in ("chats", "chats/a/events", "tasks"):
            response = await api("GET", path)
            error = said(response)["error"]
            assert (response.code, error["code"], error["retryable"]) == (
                503,
                "log_unavailable",
                True,
            )
            assert "can't be opened" in error["message"]
        assert await refused(connect("a")) == 503
        health = said(await api("GET", "health"))
        assert (health["ok"], health["log"]) == (False, None)
        assert health["warnings"][0]["code"] == "log_unavailable"

    async def test_it_is_tried_again(
        self, api: Fetch, log_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sparky_nb.server.reader.TRY_AGAIN_SECONDS", 0.0)
        assert (await api("GET", "chats")).code == 503
        os.rmdir(log_url.removeprefix("sqlite://"))
        assert (await api("GET", "chats")).code == 200


async def test_kernels_inherit_the_address_of_the_log(
    api: Fetch, log_url: str, jp_serverapp: Any
) -> None:
    assert os.environ["SPARKY_LOG_URL"] == log_url
    await jp_serverapp.extension_manager.stop_all_extensions()
    assert os.environ["SPARKY_LOG_URL"] != log_url


@pytest.mark.promise("P1", "P10")
async def test_another_server_over_the_same_log_goes_on_where_one_stopped(
    connect: Connect, log: Log, jp_serverapp: Any, log_url: str
) -> None:
    from tornado.httpserver import HTTPServer
    from tornado.testing import bind_unused_port
    from tornado.web import Application
    from tornado.websocket import websocket_connect

    from sparky_nb.server.routes import handlers
    from tests.server.support import Socket

    append(log, "a", 5)
    first = await connect("a")
    assert await first.offsets(5) == [1, 2, 3, 4, 5]
    epoch = first.frames[0]["epoch"]
    second = Service(lambda: open_log(log_url), Settings(), SystemClock(), jp_serverapp.log)
    await second.start()
    settings = {**jp_serverapp.web_app.settings}
    listening, port = bind_unused_port()
    server = HTTPServer(Application(handlers(second), **settings))
    server.add_socket(listening)
    token = jp_serverapp.identity_provider.token
    url = f"ws://127.0.0.1:{port}/sparky/api/v1/chats/a/socket?epoch={epoch}&offset=3&token={token}"
    other = Socket(await websocket_connect(url))
    assert (await other.until("hello"))["recovered"] is True
    append(log, "a", 2)
    assert await other.offsets(7) == [4, 5, 6, 7]
    assert await first.offsets(7) == [1, 2, 3, 4, 5, 6, 7]
    other.close()
    await second.close()
    server.stop()


@pytest.mark.promise("P8")
async def test_a_log_that_is_busy_for_who_writes_is_there_for_who_watches(
    api: Fetch, connect: Connect, log: Log, log_url: str, jp_serverapp: Any
) -> None:
    append(log, "a", 3)
    await api("GET", "chats")  # it is open
    pool = jp_serverapp.web_app.settings["sparky_nb_service"].door._pool
    blocker = sqlite3.connect(log_url.removeprefix("sqlite://"), isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    try:
        writes = [asyncio.create_task(api("POST", "chats", {"chat_id": f"c{n}"})) for n in range(9)]
        await wait_for(lambda: pool._work_queue.qsize() > 0)  # all its threads wait for the log
        socket = await connect("a")
        await socket.until("live")
        page = said(await api("GET", "chats/a/events"))
        assert (socket.offsets_so_far(), len(page["events"])) == ([1, 2, 3], 3)
        assert not any(write.done() for write in writes), "they were waited for"
    finally:
        blocker.execute("ROLLBACK")
        blocker.close()
    assert {(await write).code for write in writes} <= {201, 503}


async def test_what_asks_for_a_socket_and_is_none_leaves_nothing_behind(
    api: Fetch, log: Log, jp_serverapp: Any
) -> None:
    append(log, "a")
    hub = jp_serverapp.web_app.settings["sparky_nb_service"].feed.hub
    assert (await api("GET", "chats/a/socket")).code == 400
    assert hub.watched == set()


async def test_a_server_that_is_stopped_while_it_opens_its_log_leaves_nothing_running(
    log_url: str,
) -> None:
    begun, go, before = threading.Event(), threading.Event(), asyncio.all_tasks()

    def slowly() -> Log:
        begun.set()
        go.wait(PATIENCE)
        return open_log(log_url)

    service = Service(slowly, Settings(), SystemClock(), logging.getLogger(__name__))
    starting = asyncio.create_task(service.start())
    await wait_for(begun.is_set)
    stopping = asyncio.create_task(service.close())
    await wait_for(lambda: service.closing)
    go.set()
    await asyncio.gather(starting, stopping)
    assert asyncio.all_tasks() == before


async def test_goodbyes_are_said_to_all_at_once(api: Fetch, jp_serverapp: Any) -> None:
    service = jp_serverapp.web_app.settings["sparky_nb_service"]
    all_told, told = asyncio.Event(), 0

    class Slow:
        """A viewer whose goodbye ends when all have been told."""

        def __init__(self, n: int) -> None:
            self.chat_id, self.user, self.info = "a", "ann", ViewerInfo(id=str(n), user="ann")

        def show_viewers(self, viewers: list[ViewerInfo]) -> None: ...

        def tick(self) -> None: ...

        async def shut_down(self) -> None:
            nonlocal told
            told += 1
            if told == 3:
                all_told.set()
                raise ValueError("one that fails keeps nobody")
            await all_told.wait()

    for n in range(3):
        service.presence.join(Slow(n))
    async with asyncio.timeout(PATIENCE):
        await service.close()
    assert told == 3

"""A real Jupyter server with the extension, under ``/a%40b/``, and sockets to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import HTTPResponse

from sparky_nb.log import open_log
from sparky_nb.log.base import Log
from tests.server.support import API, Connect, Fetch, Socket


@pytest.fixture
def log_url(tmp_path: Path) -> str:
    return f"sqlite://{tmp_path}/log/log.db"


@pytest.fixture
def jp_server_config(log_url: str, sparky_config: dict[str, Any]) -> dict[str, Any]:
    return {
        "ServerApp": {"jpserver_extensions": {"sparky_nb": True}},
        "SparkyApp": {"log_url": log_url, **sparky_config},
    }


@pytest.fixture
def sparky_config() -> dict[str, Any]:
    """What a test module sets otherwise."""
    return {}


@pytest.fixture
def log(log_url: str, jp_serverapp: Any) -> Iterator[Log]:
    """The server's log, as another process would open it."""
    with open_log(log_url) as log:
        yield log


@pytest.fixture
def api(jp_fetch: Any) -> Fetch:
    """``await api("POST", "chats", {...}, after=3)``: the answer, whatever its status."""

    async def call(
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        **params: Any,
    ) -> HTTPResponse:
        data = None if body is None else body if isinstance(body, str) else json.dumps(body)
        if method in ("POST", "PATCH") and data is None:
            data = "{}"
        response: HTTPResponse = await jp_fetch(
            API,
            *path.split("/"),
            method=method,
            body=data,
            headers=dict(headers or {}),
            params=params,
            raise_error=False,
        )
        return response

    return call


@pytest.fixture
def connect(jp_ws_fetch: Any) -> Iterator[Connect]:
    """``await connect("chat", epoch=…, offset=…)``."""
    sockets: list[Socket] = []

    async def open_socket(
        chat: str, headers: dict[str, str] | None = None, **params: Any
    ) -> Socket:
        names = {name.replace("from_", "from"): value for name, value in params.items()}
        connection = await jp_ws_fetch(
            API, "chats", chat, "socket", headers=dict(headers or {}), params=names
        )
        sockets.append(Socket(connection))
        return sockets[-1]

    yield open_socket
    for socket in sockets:
        socket.close()

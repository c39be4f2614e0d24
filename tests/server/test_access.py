"""Who is let in (P11)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from jupyter_server.auth import Authorizer
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from sparky_nb.log.base import Log
from sparky_nb.server import OPERATIONS
from sparky_nb.server.routes import ROOT
from tests.server.support import (
    API,
    PATIENCE,
    Connect,
    Fetch,
    append,
    refused,
    running_task,
    said,
    wait_for,
)

pytestmark = pytest.mark.promise("P11")
WRONG = {"Authorization": "token wrong"}


class ByAction(Authorizer):
    """Lets do what ``allowed`` says."""

    allowed: frozenset[str] = frozenset({"read"})
    asked: list[tuple[str, str]]

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        self.asked = [*getattr(self, "asked", []), (action, resource)]
        return action in self.allowed


@pytest.fixture
def authorizer(jp_serverapp: Any) -> ByAction:
    """The server's authorizer from now on."""
    chosen = ByAction()
    jp_serverapp.web_app.settings["authorizer"] = chosen
    return chosen


@pytest.mark.parametrize("allow_unauthenticated", [False, True])
async def test_no_route_answers_without_a_credential(
    jp_fetch: Any, jp_serverapp: Any, allow_unauthenticated: bool
) -> None:
    settings = jp_serverapp.web_app.settings
    settings["allow_unauthenticated_access"] = allow_unauthenticated
    for operation in OPERATIONS:
        response = await jp_fetch(
            ROOT,
            *_path(operation).split("/"),
            method=operation.method,
            body=None if operation.method in ("GET", "DELETE") else "{}",
            headers=dict(WRONG),
            raise_error=False,
        )
        assert response.code == 401, operation
        assert said(response)["error"]["code"] == "unauthenticated"


async def test_every_route_asks_the_authorizer(api: Fetch, authorizer: ByAction) -> None:
    authorizer.allowed = frozenset()
    for operation in OPERATIONS:
        authorizer.asked = []
        body = None if operation.method in ("GET", "DELETE") else {}
        response = await api(operation.method, _path(operation), body)
        assert response.code == 403, operation
        assert said(response)["error"]["code"] == "forbidden"
        assert authorizer.asked == [(operation.action, operation.resource)]


def _path(operation: Any) -> str:
    text = operation.path.replace("{chat}", "a").replace("{sha256}", "0" * 64)
    return str(text.replace("{task}", "task-000000000000"))


async def test_a_socket_needs_a_credential(
    connect: Connect, api: Fetch, log: Log, jp_serverapp: Any
) -> None:
    append(log, "a")
    response = await api("GET", "chats/a/socket", headers=WRONG)
    assert (response.code, said(response)["error"]["code"]) == (401, "unauthenticated")
    for allow_unauthenticated in (False, True):
        settings = jp_serverapp.web_app.settings
        settings["allow_unauthenticated_access"] = allow_unauthenticated
        assert await refused(connect("a", headers=WRONG)) in (401, 403)


async def test_a_socket_needs_the_right_to_read(
    connect: Connect, log: Log, authorizer: ByAction
) -> None:
    append(log, "a")
    authorizer.allowed = frozenset({"write", "execute"})
    assert await refused(connect("a")) == 403
    assert authorizer.asked[-1] == ("read", "sparky_nb:chats")


BAD_STARTS: list[tuple[dict[str, Any], int]] = [
    ({"offset": -1}, 400),
    ({"offset": "1e99", "epoch": "ab"}, 400),
    ({"offset": 5}, 400),
    ({"epoch": "ab"}, 400),
    ({"epoch": "a b", "offset": 1}, 400),
    ({"last": 0}, 400),
    ({"last": 5, "from_": "now"}, 400),
    ({"on_gap": "ignore"}, 400),
    ({"offset": "9" * 17, "epoch": "ab"}, 400),
]


async def test_a_bad_start_is_refused_before_the_upgrade(connect: Connect, log: Log) -> None:
    append(log, "a")
    for query, status in BAD_STARTS:
        assert await refused(connect("a", **query)) == status, query


async def test_a_bad_chat_id_is_refused(connect: Connect, api: Fetch, log: Log) -> None:
    assert await refused(connect("-bad")) == 400
    assert await refused(connect("_other")) == 400
    response = await api("GET", "chats/a%00b/events")
    assert response.code == 400
    assert said(response)["error"]["field"] == "chat_id"


@pytest.mark.parametrize("name", ["cancel", "message", "answer"])
async def test_each_command_is_authorised_by_itself(
    connect: Connect, log: Log, authorizer: ByAction, name: str
) -> None:
    task = running_task(log, "a")
    socket = await connect("a")
    args = {"text": "x", "question_id": "q", "answer": "y"}
    await socket.say(t="command", id="c1", name=name, task_id=task, args=args)
    result = await socket.until("result")
    assert (result["ok"], result["error"]["code"]) == (False, "forbidden")
    assert authorizer.asked[-1] == (
        "execute" if name == "cancel" else "write",
        "sparky_nb:tasks",
    )
    assert log.position("a").head == 1


class TestCookies:
    """A browser: a cookie rather than a token."""

    @pytest.fixture
    def cookie(self, jp_serverapp: Any, http_server_client: Any, jp_asyncio_loop: Any) -> str:
        """The cookies of a browser that has signed in."""

        async def sign_in() -> str:
            token = jp_serverapp.identity_provider.token
            response = await http_server_client.fetch(
                f"{jp_serverapp.base_url}tree?token={token}",
                follow_redirects=False,
                raise_error=False,
            )
            found = [c.split(";")[0] for c in response.headers.get_list("Set-Cookie")]
            return "; ".join([c for c in found if not c.startswith("_xsrf")] + ["_xsrf=abcdef"])

        text: str = jp_asyncio_loop.run_until_complete(sign_in())
        return text

    async def test_a_change_needs_the_xsrf_token(
        self, cookie: str, http_server_client: Any, jp_base_url: str
    ) -> None:
        async def post(**headers: str) -> int:
            response = await http_server_client.fetch(
                f"{jp_base_url}{API}/chats",
                method="POST",
                body='{"chat_id": "mine"}',
                headers={"Cookie": cookie, **headers},
                raise_error=False,
            )
            return int(response.code)

        assert await post() == 403
        assert await post(**{"X-XSRFToken": "other1"}) == 403
        assert await post(**{"X-XSRFToken": "abcdef"}) == 201

    async def test_a_page_of_another_origin_gets_nothing(
        self, cookie: str, http_server_client: Any, jp_http_port: int, jp_base_url: str, log: Log
    ) -> None:
        append(log, "a")
        headers = {"Cookie": cookie, "Origin": "https://evil.example"}
        for path in ("chats", "chats/a/events", "health"):
            response = await http_server_client.fetch(
                f"{jp_base_url}{API}/{path}", headers=headers, raise_error=False
            )
            assert response.code == 403
        url = f"ws://127.0.0.1:{jp_http_port}{jp_base_url}{API}/chats/a/socket"
        assert await refused(websocket_connect(HTTPRequest(url, headers=headers))) == 403

    async def test_the_own_page_is_let_in(
        self, cookie: str, jp_http_port: int, jp_base_url: str, log: Log
    ) -> None:
        append(log, "a")
        headers = {"Cookie": cookie, "Origin": f"http://127.0.0.1:{jp_http_port}"}
        url = f"ws://127.0.0.1:{jp_http_port}{jp_base_url}{API}/chats/a/socket"
        socket = await websocket_connect(HTTPRequest(url, headers=headers))
        async with asyncio.timeout(PATIENCE):
            assert json.loads(str(await socket.read_message()))["t"] == "hello"
        socket.close()


class TestRechecks:
    """Rights are looked at again while a socket is open."""

    @pytest.fixture
    def sparky_config(self) -> dict[str, Any]:
        return {"recheck_seconds": 1.0}

    async def test_a_right_that_is_taken_away_closes_with_4403(
        self, connect: Connect, log: Log, authorizer: ByAction
    ) -> None:
        append(log, "a")
        socket = await connect("a")
        await socket.until("live")
        authorizer.allowed = frozenset()
        assert await socket.closed() == 4403
        assert socket.frames[-1]["reconnect"] is False

    async def test_signing_out_closes_with_4401(
        self, connect: Connect, log: Log, jp_serverapp: Any
    ) -> None:
        append(log, "a")
        socket = await connect("a")
        await socket.until("live")
        jp_serverapp.identity_provider.token = "another"
        assert await socket.closed() == 4401

    async def test_who_is_still_known_stays(
        self, connect: Connect, log: Log, jp_serverapp: Any, authorizer: ByAction
    ) -> None:
        append(log, "a")
        socket = await connect("a")
        await socket.until("live")
        seen = len(authorizer.asked)
        await wait_for(lambda: len(authorizer.asked) >= seen + 2)
        append(log, "a")
        assert await socket.offsets(2) == [1, 2]


async def test_blobs_are_attachments_that_no_browser_guesses_about(api: Fetch, log: Log) -> None:
    append(log, "a")
    sha256 = log.put_blob("a", b"<script>alert(1)</script>", "text/html")
    response = await api("GET", f"chats/a/blobs/{sha256}")
    assert response.body == b"<script>alert(1)</script>"
    assert response.headers["Content-Disposition"].startswith("attachment")
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response.headers["Content-Security-Policy"]


class TestStableNames:
    """``trust_identities``: then a chat has an owner."""

    @pytest.fixture
    def sparky_config(self) -> dict[str, Any]:
        return {"trust_identities": True}

    async def test_only_the_owner_deletes_a_chat(self, api: Fetch, log: Log) -> None:
        assert (await api("POST", "chats", {"chat_id": "a"})).code == 201
        # With a token each request is another random user, so nobody is the owner.
        response = await api("DELETE", "chats/a")
        assert (response.code, said(response)["error"]["code"]) == (403, "forbidden")

"""The routes (protocol.md §2)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sparky_nb.ids import new_nonce
from sparky_nb.log.base import Append, Fence, Log
from sparky_nb.log.liveness import RunnerIdentity
from tests.server.support import (
    API,
    Connect,
    Fetch,
    append,
    asks,
    register_kernel,
    running_task,
    said,
    status,
    wait_for,
)


async def test_chats_are_made_renamed_listed_and_deleted(api: Fetch, log: Log) -> None:
    made = await api("POST", "chats", {"chat_id": "a", "title": "One"})
    assert made.code == 201
    assert (await api("POST", "chats", {"chat_id": "a", "title": "Other"})).code == 200
    unnamed = said(await api("POST", "chats", {}))
    assert log.chat(unnamed["chat_id"])
    renamed = await api("PATCH", "chats/a", {"title": "Ünï"})
    assert said(renamed)["title"] == "Ünï"
    listed = said(await api("GET", "chats"))
    assert {c["chat_id"] for c in listed} == {"a", unnamed["chat_id"]}
    assert set(listed[0]) >= set(
        "chat_id title epoch earliest head updated owner tasks viewers".split()
    )
    assert said(await api("GET", "chats/a"))["tasks"] == {}
    assert (await api("DELETE", "chats/a")).code == 204
    assert (await api("GET", "chats/a")).code == 404


BAD_BODIES: list[tuple[str, str, Any, str]] = [
    ("POST", "chats", {"chat_id": "-x"}, "chat_id"),
    ("POST", "chats", {"title": "x" * 201}, "title"),
    ("POST", "chats", {"title": 7}, "title"),
    ("PATCH", "chats/a", {}, "title"),
    ("POST", "chats", "[1]", "body"),
    ("POST", "chats", "{", "body"),
    ("POST", "chats", '{"title": "\\ud800"}', "body"),
    ("POST", "chats/a/trim", {"before": -1}, "before"),
    ("POST", "chats/a/redact", {"offsets": []}, "offsets"),
    ("POST", "chats/a/redact", {"offsets": [0]}, "offsets[0]"),
    ("POST", "chats/a/tasks", {"instruction": ""}, "instruction"),
    ("POST", "chats/a/tasks", {"instruction": " \n "}, "instruction"),
    ("POST", "chats", {"chat_id": ""}, "chat_id"),
    ("PATCH", "chats/_index", {"title": "x"}, "chat_id"),
    ("POST", "chats/a/tasks", {"instruction": "x", "model": "gpt-5"}, "model"),
]


async def test_a_bad_body_is_400_naming_field_and_rule(api: Fetch, log: Log) -> None:
    append(log, "a")
    for method, path, body, field in BAD_BODIES:
        response = await api(method, path, body)
        error = said(response)["error"]
        assert (response.code, error["code"], error["field"]) == (400, "invalid_argument", field)
        assert error["rule"]
        assert error["retryable"] is False


BAD_QUERIES: list[tuple[dict[str, Any], str]] = [
    ({"after": -1}, "after"),
    ({"after": "1e99"}, "after"),
    ({"after": 1.5}, "after"),
    ({"after": "٣"}, "after"),
    ({"after": " 1"}, "after"),
    ({"limit": 0}, "limit"),
    ({"limit": 10_001}, "limit"),
    ({"before": 0}, "before"),
    ({"before": 3, "after": 1}, "before"),
    ({"epoch": "a b"}, "epoch"),
]


async def test_a_bad_query_is_400_naming_the_field(api: Fetch, log: Log) -> None:
    append(log, "a")
    for query, field in BAD_QUERIES:
        response = await api("GET", "chats/a/events", **query)
        assert (response.code, said(response)["error"]["field"]) == (400, field), query


@pytest.mark.promise("P1", "P12")
async def test_pages_of_events_join_to_the_whole(api: Fetch, log: Log) -> None:
    append(log, "a", 25)
    got: list[int] = []
    while True:
        page = said(await api("GET", "chats/a/events", after=len(got), limit=10))
        if not page["events"]:
            break
        got += [e["offset"] for e in page["events"]]
    assert got == list(range(1, 26))
    assert (page["earliest"], page["head"], page["epoch"]) == (1, 25, log.position("a").epoch)
    assert "gap" not in page
    back = said(await api("GET", "chats/a/events", before=11, limit=3))
    assert [e["offset"] for e in back["events"]] == [8, 9, 10]
    assert back["events"][0]["data"]["later"] == {"than": "v1"}


@pytest.mark.promise("P4")
async def test_a_page_says_what_is_gone(api: Fetch, log: Log) -> None:
    append(log, "a", 20)
    log.trim("a", 11)
    epoch = log.position("a").epoch
    page = said(await api("GET", "chats/a/events", after=2))
    assert page["gap"] == {
        "reason": "trimmed",
        "requested": {"epoch": None, "offset": 2},
        "lost": [3, 10],
    }
    assert page["events"][0]["offset"] == 11
    for query, reason in (
        ({"epoch": epoch, "after": 2}, "trimmed"),
        ({"epoch": epoch, "after": 21}, "ahead"),
        ({"epoch": "other", "after": 12}, "epoch_changed"),
    ):
        response = await api("GET", "chats/a/events", **query)
        error = said(response)["error"]
        assert (response.code, error["code"], error["gap"]["reason"]) == (409, "gap", reason)
    assert (await api("GET", "chats/a/events", epoch=epoch, after=20)).code == 200


async def test_reading_an_unknown_chat_creates_none(api: Fetch, log: Log) -> None:
    for path in ("", "/events", "/snapshot", f"/blobs/{'0' * 64}"):
        response = await api("GET", f"chats/nowhere{path}")
        assert response.code == 404
        assert said(response)["error"]["code"].endswith("_not_found")
    assert log.chats() == []


async def test_an_unknown_route_or_method_is_told_as_json(api: Fetch) -> None:
    response = await api("GET", "nonsense/x")
    assert (response.code, said(response)["error"]["code"]) == (404, "route_not_found")
    response = await api("DELETE", "chats")
    assert (response.code, said(response)["error"]["code"]) == (405, "no_such_method")
    assert response.headers["Allow"] == "GET, POST"
    response = await api("GET", "chats/a/socket")
    assert (response.code, said(response)["error"]["field"]) == (400, "Upgrade")


async def test_a_refused_change_leaves_the_connection_usable_or_says_that_it_ends(
    jp_serverapp: Any, jp_base_url: str, http_server: Any, http_server_port: Any
) -> None:
    reader, writer = await asyncio.open_connection(*http_server_port[0].getsockname()[:2])

    async def post(token: str, body: str, size: int | None = None) -> str:
        writer.write(
            f"POST {jp_base_url}{API}/chats HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: token {token}\r\nContent-Length: {size or len(body)}\r\n\r\n"
            f"{body}".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readuntil(b"}")
        await reader.readuntil(b"}")
        return head.decode()

    for _ in range(3):
        refused = await post("wrong", "{}")
        assert " 401 " in refused
        assert "Connection: close" not in refused
    assert " 400 " in await post(jp_serverapp.identity_provider.token, "[]")
    unread = await post("wrong", "", size=8 << 20)
    assert " 401 " in unread
    assert "Connection: close" in unread
    writer.close()


async def test_a_snapshot_is_the_fold_at_its_offset(api: Fetch, log: Log) -> None:
    task = running_task(log, "a")
    taken = said(await api("GET", "chats/a/snapshot"))
    assert (taken["epoch"], taken["offset"]) == (log.position("a").epoch, 1)
    assert taken["state"]["tasks"][task]["state"] == "running"


async def test_redaction_reaches_viewers_that_come_later(
    api: Fetch, connect: Connect, log: Log
) -> None:
    append(log, "a", 5, text="secret")
    warm = await connect("a")
    await warm.until("live")
    response = await api("POST", "chats/a/redact", {"offsets": [2, 3]})
    assert said(response) == {"offset": 6}
    socket = await connect("a")
    assert await socket.offsets(6) == [1, 2, 3, 4, 5, 6]
    events = [e for f in socket.frames if f["t"] == "events" for e in f["events"]]
    assert [e["type"] for e in events[:4]] == ["note", "redacted", "redacted", "note"]
    assert "secret" not in str(events[1:3])


async def test_a_trim_leaves_the_head(api: Fetch, log: Log) -> None:
    append(log, "a", 10)
    assert said(await api("POST", "chats/a/trim", {"before": 8}))["earliest"] == 8
    page = said(await api("GET", "chats/a/events", after=7))
    assert [e["offset"] for e in page["events"]] == [8, 9, 10]


class TestTasks:
    """Queue, list, show, commands."""

    async def test_an_instruction_is_queued_and_is_the_first_message(
        self, api: Fetch, log: Log
    ) -> None:
        response = await api("POST", "chats/new/tasks", {"instruction": "Tidy up", "name": "t"})
        task = said(response)
        assert (response.code, task["state"], task["kind"], task["name"]) == (
            201,
            "queued",
            "agent",
            "t",
        )
        events = said(await api("GET", "chats/new/events"))["events"]
        assert [e["type"] for e in events] == ["status", "message_received"]
        assert events[1]["data"]["text"] == "Tidy up"
        assert events[1]["task_id"] == task["task_id"]

    async def test_tasks_are_listed_newest_first_and_found_by_a_beginning(
        self, api: Fetch, log: Log
    ) -> None:
        first = running_task(log, "a")
        second = said(await api("POST", "chats/b/tasks", {"instruction": "x"}))["task_id"]
        assert [t["task_id"] for t in said(await api("GET", "tasks"))] == [second, first]
        assert [t["task_id"] for t in said(await api("GET", "tasks", chat="a"))] == [first]
        found = said(await api("GET", "tasks", state="queued,waiting"))
        assert [t["task_id"] for t in found] == [second]
        assert len(said(await api("GET", "tasks", limit=1))) == 1
        assert said(await api("GET", f"tasks/{first[:9]}"))["task_id"] == first
        assert (await api("GET", "tasks/task-zzzz")).code == 404
        assert said(await api("GET", "tasks", state="odd"))["error"]["field"] == "state"

    async def test_cancel_is_a_command_that_may_be_repeated(self, api: Fetch, log: Log) -> None:
        task = running_task(log, "a")
        body = {"command_id": "c1", "reason": "enough"}
        first = await api("POST", f"tasks/{task}/cancel", body)
        again = await api("POST", f"tasks/{task}/cancel", body)
        assert (first.code, said(first)) == (202, {"command_id": "c1", "offset": 2})
        assert said(again) == said(first)
        assert log.task(task).cancelling

    async def test_a_queued_task_is_cancelled_at_once(self, api: Fetch, log: Log) -> None:
        task = said(await api("POST", "chats/a/tasks", {"instruction": "x"}))["task_id"]
        assert (await api("POST", f"tasks/{task}/cancel")).code == 202
        assert log.task(task).state == "cancelled"
        response = await api("POST", f"tasks/{task}/cancel", {"command_id": "other"})
        assert response.code == 409, "it has ended"

    async def test_a_message_needs_a_text(self, api: Fetch, log: Log) -> None:
        task = running_task(log, "a")
        assert (await api("POST", f"tasks/{task}/message", {"text": "hi"})).code == 202
        response = await api("POST", f"tasks/{task}/message", {})
        assert (response.code, said(response)["error"]["field"]) == (400, "text")

    async def test_an_answer_reaches_a_task_that_waits_for_it(self, api: Fetch, log: Log) -> None:
        runner = "boot:ns:1:2:abcd"
        task = running_task(log, "a", runner)
        asks(log, "a", task, "q1", ["yes", "no"], runner)
        body = {"question_id": "q1", "answer": "yes"}
        none = await api("POST", f"tasks/{task}/answer", {**body, "answer": "maybe"})
        error = said(none)["error"]
        assert (none.code, error["code"]) == (400, "invalid_argument")
        assert (error["field"], error["rule"]) == ("answer", "one of yes, no")
        assert log.pending_commands(runner) == [], "it was refused, not accepted and rejected later"
        assert (await api("POST", f"tasks/{task}/answer", body)).code == 202
        (row,) = log.pending_commands(runner)
        assert row.command.args == body
        wrong = await api("POST", f"tasks/{task}/answer", {**body, "question_id": "q2"})
        assert wrong.code in (404, 409)

    async def test_an_instruction_is_retried_by_whoever_takes_it(
        self, api: Fetch, log: Log
    ) -> None:
        task = said(await api("POST", "chats/a/tasks", {"instruction": "x"}))["task_id"]
        assert (await api("POST", f"tasks/{task}/retry")).code == 409, "it has not ended"
        await api("POST", f"tasks/{task}/cancel")
        again = await api("POST", f"tasks/{task}/retry")
        assert (again.code, said(again)["retry_of"], said(again)["runner"]) == (201, task, None)

    async def test_code_is_retried_only_by_the_process_that_has_it(
        self, api: Fetch, log: Log
    ) -> None:
        runner = RunnerIdentity.current(new_nonce()).runner_id
        task = running_task(log, "a", runner)
        fence = Fence(task_id=task, attempt=1, runner=runner)
        log.commit(Append(chat="a", events=(status(task, "failed"),), fence=fence))
        gone = await api("POST", f"tasks/{task}/retry")
        assert gone.code == 409
        assert "gone" in said(gone)["error"]["message"]
        register_kernel(log, runner)
        again = await api("POST", f"tasks/{task}/retry")
        assert (again.code, said(again)["state"], said(again)["runner"]) == (201, "queued", runner)
        assert said(again)["retry_of"] == task

    async def test_a_chat_with_a_running_task_is_deleted_only_by_force(
        self, api: Fetch, log: Log, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sparky_nb.server.chats.FORCE_SECONDS", 0.5)
        running_task(log, "a", RunnerIdentity.current(new_nonce()).runner_id)
        assert (await api("DELETE", "chats/a")).code == 409
        assert (await api("DELETE", "chats/a", force="no")).code == 400
        index = log.position("_index").head
        assert (await api("DELETE", "chats/a", force=1)).code == 204
        digests = said(await api("GET", "chats/_index/events", after=index))["events"]
        assert [e["data"].get("state") or e["data"]["change"] for e in digests] == [
            "lost",
            "deleted",
        ]


async def test_health_says_what_is_there(api: Fetch, log: Log, connect: Connect) -> None:
    append(log, "a")
    socket = await connect("a")
    await socket.until("live")
    health = said(await api("GET", "health"))
    assert health["ok"] is True
    assert (health["log"]["kind"], health["log"]["id"]) == ("sqlite", log.log_id)
    assert health["viewers"] == 1
    assert "server" in {r["role"] for r in health["runners"]}


@pytest.mark.promise("P6")
async def test_the_server_declares_the_tasks_of_a_dead_runner_lost(
    api: Fetch, connect: Connect, log: Log, jp_serverapp: Any
) -> None:
    import subprocess
    import sys

    code = (
        "from sparky_nb.log.liveness import RunnerIdentity as R; print(R.current('dead').runner_id)"
    )
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    runner = done.stdout.strip()
    register_kernel(log, runner)
    task = running_task(log, "a", runner)
    socket = await connect("a")
    await jp_serverapp.web_app.settings["sparky_nb_service"].listener.renew()
    assert await socket.offsets(2) == [1, 2]
    await wait_for(lambda: log.task(task).state == "lost")

"""The description against the running server: every operation, every answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from sparky_nb.ids import new_nonce
from sparky_nb.log.base import Log
from sparky_nb.log.liveness import RunnerIdentity
from sparky_nb.server import OPERATIONS
from tests.server.support import Fetch, append, running_task, said


async def test_the_document_is_valid_and_names_every_operation(api: Fetch) -> None:
    document = said(await api("GET", "openapi.json"))
    validate(document)
    described = {
        (method.upper(), path.removeprefix("/"))
        for path, methods in document["paths"].items()
        for method in methods
    }
    assert described == {(o.method, o.path) for o in OPERATIONS}


async def test_every_documented_operation_answers_as_documented(api: Fetch, log: Log) -> None:
    document = said(await api("GET", "openapi.json"))
    append(log, "a", 5)
    running = running_task(log, "a", RunnerIdentity.current(new_nonce()).runner_id)
    queued = said(await api("POST", "chats/a/tasks", {"instruction": "x"}))["task_id"]
    ended = said(await api("POST", "chats/a/tasks", {"instruction": "x"}))["task_id"]
    await api("POST", f"tasks/{ended}/cancel")
    sha256 = log.put_blob("a", b"data", "text/plain")
    await api("POST", "chats", {"chat_id": "old"})
    made = {"chat_id": "a", "cron": "0 8 * * *", "timezone": "Europe/Berlin", "instruction": "x"}
    schedule = said(await api("POST", "schedules", made))["schedule_id"]
    calls: dict[tuple[str, str], tuple[str, Any]] = {
        ("GET", "chats"): ("chats", None),
        ("POST", "chats"): ("chats", {"chat_id": "new", "title": "New"}),
        ("GET", "chats/{chat}"): ("chats/a", None),
        ("PATCH", "chats/{chat}"): ("chats/a", {"title": "A"}),
        ("DELETE", "chats/{chat}"): ("chats/old", None),
        ("POST", "chats/{chat}/redact"): ("chats/a/redact", {"offsets": [2]}),
        ("POST", "chats/{chat}/trim"): ("chats/a/trim", {"before": 2}),
        ("GET", "chats/{chat}/events"): ("chats/a/events", None),
        ("GET", "chats/{chat}/snapshot"): ("chats/a/snapshot", None),
        ("GET", "chats/{chat}/blobs/{sha256}"): (f"chats/a/blobs/{sha256}", None),
        ("POST", "chats/{chat}/tasks"): ("chats/a/tasks", {"instruction": "x"}),
        ("GET", "tasks"): ("tasks", None),
        ("GET", "tasks/{task}"): (f"tasks/{running}", None),
        ("POST", "tasks/{task}/cancel"): (f"tasks/{queued}/cancel", {}),
        ("POST", "tasks/{task}/message"): (f"tasks/{running}/message", {"text": "hi"}),
        ("POST", "tasks/{task}/answer"): (
            f"tasks/{running}/answer",
            {"question_id": "q", "answer": "a"},
        ),
        ("POST", "tasks/{task}/retry"): (f"tasks/{ended}/retry", None),
        ("GET", "schedules"): ("schedules", None),
        ("POST", "schedules"): (
            "schedules",
            {"chat_id": "a", "every": "1h", "instruction": "x"},
        ),
        ("GET", "schedules/{schedule}"): (f"schedules/{schedule[:12]}", None),
        ("PATCH", "schedules/{schedule}"): (f"schedules/{schedule}", {"state": "paused"}),
        ("DELETE", "schedules/{schedule}"): (f"schedules/{schedule}", None),
        ("GET", "health"): ("health", None),
        ("GET", "openapi.json"): ("openapi.json", None),
    }
    assert set(calls) == {(o.method, o.path) for o in OPERATIONS}
    for (method, path), (concrete, body) in calls.items():
        response = await api(method, concrete, body)
        described = document["paths"][f"/{path}"][method.lower()]["responses"]
        assert str(response.code) in described, (method, path, response.body)
        if path.endswith("/answer"):
            assert response.code == 409, "nothing was asked"
        else:
            assert response.code < 300, (method, path, response.body)
        _check(document, described[str(response.code)], response)


@pytest.mark.parametrize("path", ["chats/nowhere", "chats/-x", "tasks/task-000000000000"])
async def test_errors_are_as_documented(api: Fetch, log: Log, path: str) -> None:
    document = said(await api("GET", "openapi.json"))
    response = await api("GET", path)
    schema = {
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorAnswer"}}}
    }
    _check(document, schema, response)


def _check(document: dict[str, Any], described: dict[str, Any], response: Any) -> None:
    content = described.get("content", {}).get("application/json")
    if content is None:
        return
    assert response.headers["Content-Type"].startswith("application/json")
    schema = {**content["schema"], "components": document["components"]}
    Draft202012Validator(schema).validate(json.loads(response.body))

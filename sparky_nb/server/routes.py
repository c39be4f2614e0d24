"""The one table of routes: handlers, rights and the OpenAPI document all come from it."""

from __future__ import annotations

import re
from typing import Any, Final

from jupyter_server.utils import url_path_join
from msgspec import Struct

from sparky_nb.log.base import TaskRow
from sparky_nb.server import about, chats, events, models, schedules, tasks
from sparky_nb.server.access import Action
from sparky_nb.server.routing import UNSAFE, RouteHandler
from sparky_nb.server.service import Service
from sparky_nb.server.socket import ChatSocketHandler

ROOT: Final = "sparky/api/v1"
CHATS: Final = "sparky_nb:chats"
TASKS: Final = "sparky_nb:tasks"
BLOBS: Final = "sparky_nb:blobs"
OWNED: Final = "sparky_nb:owned"
SERVER: Final = "sparky_nb:server"


class Query(Struct, frozen=True):
    """A parameter in the query; ``kind`` is its Python type."""

    name: str
    kind: Any
    about: str


class Operation(Struct, frozen=True, kw_only=True):
    """One method of one path.

    Attributes:
        method, path: as in protocol.md §2.
        handler: whose method it is.
        action, resource: what the authorizer is asked.
        about: one sentence.
        query: the parameters.
        takes: the type of the body, or None.
        gives: the type of the answer, None where there is none, bytes for a file.
        status: of a good answer.
        errors: the statuses it may answer beside 400, 401, 403, 429 and 503.
    """

    method: str
    path: str
    handler: type[RouteHandler]
    action: Action
    resource: str
    about: str
    query: tuple[Query, ...] = ()
    takes: Any = None
    gives: Any = None
    status: int = 200
    errors: tuple[int, ...] = ()


def _op(method: str, path: str, handler: type[RouteHandler], right: str, **more: Any) -> Operation:
    action, resource = right.split(" ")
    return Operation(
        method=method,
        path=path,
        handler=handler,
        action=action,  # type: ignore[arg-type]  # a word of the table below
        resource=resource,
        **more,
    )


_EPOCH = Query("epoch", str, "the life of the chat that is meant; with it a gap is an error")
_PAGE = (
    _EPOCH,
    Query("after", int, "the events after this offset (default 0)"),
    Query("before", int, "the last events before this offset"),
    Query("limit", int, "1 to 10,000 (default 1,000)"),
)
_LIST = (
    Query("chat", str, "only of this chat"),
    Query("state", str, "only in this state; several with commas"),
    Query("limit", int, "1 to 1,000 (default 100)"),
)
_OF_CHAT = (Query("chat", str, "only of this chat"),)
_FORCE = (Query("force", str, "1: cancel what runs, wait 10 s, declare the rest lost"),)

OPERATIONS: Final[tuple[Operation, ...]] = (
    _op("GET", "chats", chats.Chats, f"read {CHATS}",
        about="All chats, last updated first.", gives=list[models.ChatAnswer]),
    _op("POST", "chats", chats.Chats, f"write {CHATS}",
        about="Create a chat (201), or find it as it is (200).",
        takes=models.NewChat, gives=models.ChatAnswer, status=201),
    _op("GET", "chats/{chat}", chats.Chat, f"read {CHATS}",
        about="One chat.", gives=models.ChatAnswer, errors=(404,)),
    _op("PATCH", "chats/{chat}", chats.Chat, f"write {CHATS}",
        about="Rename a chat.", takes=models.ChatPatch, gives=models.ChatAnswer, errors=(404,)),
    _op("DELETE", "chats/{chat}", chats.Chat, f"write {OWNED}",
        about="Delete a chat and all that it holds.", query=_FORCE, status=204, errors=(404, 409)),
    _op("POST", "chats/{chat}/redact", chats.ChatRedact, f"write {OWNED}",
        about="Make tombstones of events.",
        takes=models.Redact, gives=models.RedactAnswer, errors=(404, 409)),
    _op("POST", "chats/{chat}/trim", chats.ChatTrim, f"write {OWNED}",
        about="Remove the oldest events; snapshots keep what they said.",
        takes=models.Trim, gives=models.PositionAnswer, errors=(404,)),
    _op("GET", "chats/{chat}/events", events.Events, f"read {CHATS}",
        about="A page of events, oldest first; as text/event-stream where Accept names it.",
        query=_PAGE, gives=models.EventsAnswer, errors=(404, 409)),
    _op("GET", "chats/{chat}/snapshot", events.Snapshot, f"read {CHATS}",
        about="The folded state of the chat at its head.",
        gives=models.SnapshotAnswer, errors=(404,)),
    _op("GET", "chats/{chat}/blobs/{sha256}", events.BlobHandler, f"read {BLOBS}",
        about="A payload that was too large for an event, as an attachment.",
        gives=bytes, errors=(404,)),
    _op("POST", "chats/{chat}/tasks", tasks.NewTasks, f"execute {TASKS}",
        about="Queue an instruction; an unknown chat is created.",
        takes=models.NewTask, gives=TaskRow, status=201),
    _op("GET", "tasks", tasks.Tasks, f"read {TASKS}",
        about="Tasks, newest first.", query=_LIST, gives=list[TaskRow]),
    _op("GET", "tasks/{task}", tasks.Task, f"read {TASKS}",
        about="One task, by its id or a unique beginning of it.", gives=TaskRow, errors=(404,)),
    _op("POST", "tasks/{task}/cancel", tasks.TaskCancel, f"execute {TASKS}",
        about="Ask a task to stop.",
        takes=models.CancelTask, gives=models.CommandAnswer, status=202, errors=(404, 409)),
    _op("POST", "tasks/{task}/message", tasks.TaskMessage, f"write {TASKS}",
        about="Say something to a task.",
        takes=models.MessageTask, gives=models.CommandAnswer, status=202, errors=(404, 409)),
    _op("POST", "tasks/{task}/answer", tasks.TaskAnswer, f"write {TASKS}",
        about="Answer a question; an approval needs the right to execute.",
        takes=models.AnswerTask, gives=models.CommandAnswer, status=202, errors=(404, 409)),
    _op("POST", "tasks/{task}/retry", tasks.TaskRetry, f"execute {TASKS}",
        about="Start a task that has ended once more, where a live runner can.",
        gives=TaskRow, status=201, errors=(404, 409)),
    _op("GET", "schedules", schedules.Schedules, f"read {TASKS}",
        about="Schedules, oldest first.", query=_OF_CHAT, gives=list[models.ScheduleAnswer]),
    _op("POST", "schedules", schedules.Schedules, f"execute {TASKS}",
        about="Make a schedule: a rule that queues a task each time it fires.",
        takes=models.NewSchedule, gives=models.ScheduleAnswer, status=201),
    _op("GET", "schedules/{schedule}", schedules.Schedule, f"read {TASKS}",
        about="One schedule, by its id or a unique beginning of it.",
        gives=models.ScheduleAnswer, errors=(404,)),
    _op("PATCH", "schedules/{schedule}", schedules.Schedule, f"execute {TASKS}",
        about="Pause or resume a schedule, or run it now.",
        takes=models.SchedulePatch, gives=models.ScheduleAnswer, errors=(404, 409)),
    _op("DELETE", "schedules/{schedule}", schedules.Schedule, f"execute {TASKS}",
        about="Remove a schedule; its tasks stay.", status=204, errors=(404,)),
    _op("GET", "health", about.Health, f"read {SERVER}",
        about="The version, the log, runners, viewers and warnings.", gives=models.HealthAnswer),
    _op("GET", "openapi.json", about.OpenApi, f"read {SERVER}",
        about="This description.", gives=dict[str, Any]),
)  # fmt: skip


def handlers(service: Service) -> list[tuple[str, Any, dict[str, Any]]]:
    """What Tornado is given, below the server's base URL."""
    rights: dict[str, dict[str, tuple[Action, str]]] = {}
    classes: dict[str, type[RouteHandler]] = {}
    for operation in OPERATIONS:
        classes[operation.path] = operation.handler
        rights.setdefault(operation.path, {})[operation.method] = (
            operation.action,
            operation.resource,
        )
    table: list[tuple[str, Any, dict[str, Any]]] = [
        (pattern(path), classes[path], {"service": service, "rights": rights[path]})
        for path in rights
    ]
    table.append((pattern("chats/{chat}/socket"), ChatSocketHandler, {"service": service}))
    anything: dict[str, tuple[Action, str]] = dict.fromkeys({"GET", *UNSAFE}, ("read", SERVER))
    table.append((f"/{ROOT}/(.*)", about.NoSuchRoute, {"service": service, "rights": anything}))
    return table


def pattern(path: str) -> str:
    """The regular expression for ``path``.

    >>> pattern("tasks/{task}")
    '/sparky/api/v1/tasks/([^/]+)'
    """
    escaped = re.escape(path).replace("\\{", "{").replace("\\}", "}")
    return url_path_join("/", ROOT, re.sub(r"\{[a-z0-9]+\}", "([^/]+)", escaped))

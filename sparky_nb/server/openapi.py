"""The OpenAPI 3.1 document, made from the table of routes and the types that they take and give."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Final

import msgspec

from sparky_nb._version import __version__
from sparky_nb.server.models import ErrorAnswer
from sparky_nb.server.routes import OPERATIONS, ROOT, Operation

_REF: Final = "#/components/schemas/{name}"
_ALWAYS: Final = (400, 401, 403, 429, 503)
_WHY: Final = {
    400: "a value breaks a rule; field and rule say which",
    401: "nobody has signed in",
    403: "the right is missing, or the XSRF token",
    404: "there is no such thing",
    409: "illegal now",
    413: "the body is too large",
    429: "too many requests; see Retry-After",
    503: "the log can't be used now",
}
_PATH_ABOUT: Final = {
    "chat": "the chat's id",
    "task": "the task's id, or a unique beginning of it",
    "schedule": "the schedule, by its id or a unique beginning of it",
    "sha256": "64 hex digits",
}


@cache
def document() -> dict[str, Any]:
    """The document as a dict."""
    types = [ErrorAnswer]
    for operation in OPERATIONS:
        types += [it for it in (operation.takes, operation.gives) if it not in (None, bytes)]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF)
    known = {repr(kind): schema for kind, schema in zip(types, schemas, strict=True)}
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        paths.setdefault(f"/{operation.path}", {})[operation.method.lower()] = _describe(
            operation, known
        )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "sparky_nb",
            "version": __version__,
            "description": "Chats, their events, and tasks. The socket is described in the "
            "documentation: chats/{chat}/socket.",
        },
        "servers": [{"url": f"/{ROOT}", "description": "below the server's base URL"}],
        "security": [{"token": []}, {"cookie": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {"type": "apiKey", "in": "header", "name": "Authorization"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "_xsrf"},
            },
        },
    }


def _describe(operation: Operation, known: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": _name(operation),
        "summary": operation.about,
        "description": f"Needs the right to {operation.action} {operation.resource}.",
        "parameters": [
            {
                "name": name,
                "in": "path",
                "required": True,
                "description": _PATH_ABOUT[name],
                "schema": {"type": "string"},
            }
            for name in re.findall(r"\{(\w+)\}", operation.path)
        ]
        + [
            {
                "name": it.name,
                "in": "query",
                "required": False,
                "description": it.about,
                "schema": {"type": "integer" if it.kind is int else "string"},
            }
            for it in operation.query
        ],
        "responses": {str(operation.status): _good(operation, known)},
    }
    if operation.status == 201 and operation.path == "chats":
        described["responses"]["200"] = _good(operation, known)
    if operation.takes is not None:
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": known[repr(operation.takes)]}},
        }
    too_large = (413,) if operation.takes is not None else ()
    for status in sorted({*_ALWAYS, *operation.errors, *too_large}):
        described["responses"][str(status)] = {
            "description": _WHY[status],
            "content": {"application/json": {"schema": known[repr(ErrorAnswer)]}},
        }
    return described


def _good(operation: Operation, known: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": operation.about}
    if operation.gives is bytes:
        answer["content"] = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
    elif operation.gives is not None:
        answer["content"] = {"application/json": {"schema": known[repr(operation.gives)]}}
    if operation.path.endswith("/events"):
        answer["content"]["text/event-stream"] = {"schema": {"type": "string"}}
    return answer


def _name(operation: Operation) -> str:
    words = [it for it in re.split(r"[^a-z0-9]+", operation.path) if it]
    return "_".join([operation.method.lower(), *words])

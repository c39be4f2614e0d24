"""Answers of a server, back as the errors that they were there."""

from __future__ import annotations

from typing import Any

import msgspec

from sparky_nb.errors import (
    Conflict,
    Forbidden,
    GapError,
    InvalidArgument,
    LogUnavailable,
    NotFound,
    ProtocolError,
    RateLimited,
    SparkyError,
)


class Refused(SparkyError):
    """The server refused for a reason that has no type of its own here.

    ``status`` is the HTTP status and ``code`` what the server named it.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status = status
        self.code = code  # type: ignore[misc]  # a class variable of the others
        super().__init__(message)


def error_of(status: int, body: bytes, retry_after: str | None = None) -> SparkyError:
    """The error in the answer ``body`` with the HTTP status ``status``.

    >>> type(error_of(404, b'{"error": {"code": "task_not_found", "message": "no task x"}}'))
    <class 'sparky_nb.client.answers.Absent'>
    """
    try:
        error = msgspec.json.decode(body, type=dict[str, Any])["error"]
        code, message = str(error["code"]), str(error["message"])
    except (msgspec.DecodeError, KeyError, TypeError, UnicodeError):
        error, code, message = {}, "", f"the server answered with HTTP {status}"
    if status in (401, 403):
        return Forbidden(message)
    if status == 404:
        return Absent(code.removesuffix("_not_found") or "route", message)
    if status == 409:
        gap = error.get("gap")
        return Conflict(message) if gap is None else GapError(gap)
    if status == 429:
        seconds = retry_after or ""
        return RateLimited(float(seconds) if seconds.isdecimal() else 1.0)
    if status == 503:
        return LogUnavailable(message)
    if status == 400 and "field" in error:
        return Invalid(str(error["field"]), str(error.get("rule")), message)
    if not code:
        return ProtocolError(message)
    return Refused(status, code, message)


class Absent(NotFound):
    """NotFound, in the server's words."""

    def __init__(self, what: str, message: str) -> None:
        super().__init__(what, message)

    def __str__(self) -> str:
        return self.name


class Invalid(InvalidArgument):
    """InvalidArgument, in the server's words."""

    def __init__(self, field: str, rule: str, message: str) -> None:
        super().__init__(field, rule)
        self._message = message

    def __str__(self) -> str:
        return self._message

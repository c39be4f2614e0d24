"""The base of all HTTP handlers: rights from the route table, bounded bodies, errors as JSON."""

from __future__ import annotations

import math
import re
from asyncio import Future
from http import HTTPStatus
from typing import Any, Final, TypeVar

import msgspec
from tornado.web import HTTPError, RequestHandler, stream_request_body

from sparky_nb.errors import InvalidArgument, PayloadTooLarge, RateLimited, SparkyError
from sparky_nb.server.access import JSON, Access, Action, error_body
from sparky_nb.server.service import Service

UNSAFE: Final = frozenset({"POST", "PATCH", "PUT", "DELETE"})
_ABSENT: Final = re.compile(r"Object missing required field `(\w+)`")

T = TypeVar("T")


@stream_request_body
class RouteHandler(Access):
    """One path. Its ``rights`` come from the table in routes.py: {method: (action, resource)}."""

    rights: dict[str, tuple[Action, str]]

    def initialize(  # type: ignore[override]  # more than Access has
        self, service: Service, rights: dict[str, tuple[Action, str]]
    ) -> None:
        """Called by Tornado with what the route table has."""
        super().initialize(service)
        self.rights = rights
        self._body = bytearray()
        self._size = 0

    async def prepare(self, *args: Any, **kwargs: Any) -> None:
        """Refuse before the body is read, or, where it is small, right after it.

        Tornado closes the connection of a body that it has not read, and the kernel may throw the
        answer away with it.
        """
        try:
            await self._admit(*args, **kwargs)
        except Exception as error:  # whichever it is, it is raised again after the body
            declared = self.request.headers.get("Content-Length", "")
            if not (declared.isdecimal() and 0 < int(declared) <= self._limit):
                raise
            self._refuse_after_the_body(error)

    async def _admit(self, *args: Any, **kwargs: Any) -> None:
        """Authenticate, authorise, and refuse what is too much."""
        await super().prepare(*args, **kwargs)
        if self._finished:
            return
        method = self.request.method or ""
        if method == "OPTIONS":
            return
        if method not in self.rights:
            raise HTTPError(405)
        await self.allow(*self.rights[method])
        if method in UNSAFE:
            wait = self.service.request_rates.take(self.user)
            if wait > 0:
                raise RateLimited(wait)
        declared = self.request.headers.get("Content-Length", "0")
        self._check_size(int(declared) if declared.isdigit() else 0)

    def _refuse_after_the_body(self, error: Exception) -> None:
        async def refuse(*_: Any, **__: Any) -> None:
            raise error

        # Tornado looks the method up when the body is there.
        setattr(self, (self.request.method or "").lower(), refuse)

    def data_received(self, chunk: bytes) -> None:
        """Keep the body as far as it is allowed; what is beyond is counted and dropped."""
        self._size += len(chunk)
        if self._size <= self._limit:
            self._body += chunk

    def body(self, kind: type[T]) -> T:
        """The JSON body as ``kind``; an absent body is ``{}``.

        Raises:
            InvalidArgument: naming the field.
            PayloadTooLarge: above ``max_body_bytes``.
        """
        self._check_size(self._size)
        try:
            return msgspec.json.decode(bytes(self._body) or b"{}", type=kind)
        except msgspec.ValidationError as error:
            rule, _, path = str(error).partition(" - at `$")
            if not path and (absent := _ABSENT.fullmatch(rule)):
                raise InvalidArgument(absent[1], "a value, and it is absent") from None
            wanted = rule.removeprefix("Expected ").replace("Invalid enum value", "one it has, not")
            raise InvalidArgument(path.strip(".`") or "body", wanted) from None
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise InvalidArgument("body", f"a JSON object ({error})") from None

    def answer(self, value: Any, status: int = 200) -> None:
        """Answer with ``value`` as JSON; bytes are JSON already."""
        self.set_status(status)
        self.set_header("Content-Type", JSON)
        self.set_header("Cache-Control", "no-store")
        self.finish(value if isinstance(value, bytes) else msgspec.json.encode(value))

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        """What a handler raised, as the JSON of protocol.md §2."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        if isinstance(error, SparkyError) and not self._headers_written:
            answer_error(self, error)
        else:
            super().send_error(status_code, **kwargs)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """As everywhere here, and what would have been allowed."""
        if status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            self.set_header("Allow", ", ".join(sorted(self.rights)))
        super().write_error(status_code, **kwargs)

    def finish(self, chunk: str | bytes | dict[str, Any] | None = None) -> Future[None]:
        """Say so where a body was not read, or a client that keeps connections would send its next
        request into the void."""
        headers = self.request.headers
        declared = headers.get("Content-Length", "0")
        if "Transfer-Encoding" in headers or declared != str(self._size):
            self.set_header("Connection", "close")
        return super().finish(chunk)

    def log_exception(self, *exc_info: Any) -> None:
        """What is said on purpose is no error of the server."""
        if isinstance(exc_info[1], SparkyError):
            self.log.debug("%s %s: %s", self.request.method, self.request.path, exc_info[1])
        else:
            super().log_exception(*exc_info)

    @property
    def _limit(self) -> int:
        return self.service.settings.max_body_bytes

    def _check_size(self, size: int) -> None:
        if size > self._limit:
            raise PayloadTooLarge("the body", size, self._limit)


def answer_error(handler: RequestHandler, error: SparkyError) -> None:
    """Answer with ``error``."""
    handler.clear()
    handler.set_status(error.http_status)
    if isinstance(error, RateLimited):
        handler.set_header("Retry-After", str(math.ceil(error.retry_after)))
    handler.set_header("Content-Type", JSON)
    handler.finish(error_body(error.to_wire()))


def query_of(handler: RequestHandler) -> dict[str, list[str]]:
    """The query of the request: each name with its values."""
    names = handler.request.query_arguments
    return {name: handler.get_query_arguments(name, strip=False) for name in names}

"""The calls of protocol.md §2, for asyncio."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse
from tornado.simple_httpclient import HTTPTimeoutError

from sparky_nb.client.address import Address
from sparky_nb.client.answers import error_of
from sparky_nb.errors import LogUnavailable
from sparky_nb.events.model import JsonObject

TIMEOUT: Final = 30.0
ANSWER_MAX: Final = 64 * 1024 * 1024


class SparkyClient:
    """One server. Each call raises what the server's error says (``sparky_nb.errors``), and
    ``LogUnavailable`` where the server can't be reached.

    Args:
        url: the server's base URL, with or without ``?token=…``.
        token: wins over the one in ``url``; without either, ``JUPYTER_TOKEN``.
        timeout: seconds for one call.
    """

    def __init__(self, url: str, token: str | None = None, *, timeout: float = TIMEOUT) -> None:
        self.address = Address.of(url, token)
        self._timeout = timeout
        self._http: AsyncHTTPClient | None = None

    def close(self) -> None:
        """Close what is open. Twice is fine."""
        if self._http is not None:
            self._http.close()
            self._http = None

    async def __aenter__(self) -> SparkyClient:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.close()

    # -- chats

    async def chats(self) -> list[JsonObject]:
        """All chats, last updated first."""
        return self._list(await self.request("GET", "chats"))

    async def chat(self, chat_id: str) -> JsonObject:
        """One chat."""
        return self._dict(await self.request("GET", f"chats/{chat_id}"))

    async def create_chat(self, chat_id: str | None = None, title: str | None = None) -> JsonObject:
        """A chat, new or as it is."""
        body = {"chat_id": chat_id, "title": title}
        return self._dict(await self.request("POST", "chats", body))

    async def rename_chat(self, chat_id: str, title: str) -> JsonObject:
        """The chat with its new title."""
        return self._dict(await self.request("PATCH", f"chats/{chat_id}", {"title": title}))

    async def delete_chat(self, chat_id: str, *, force: bool = False) -> None:
        """Delete a chat; ``force``: also where tasks have not ended."""
        await self.request("DELETE", f"chats/{chat_id}", force="1" if force else None)

    async def events(
        self,
        chat_id: str,
        *,
        epoch: str | None = None,
        after: int | None = None,
        before: int | None = None,
        limit: int | None = None,
    ) -> JsonObject:
        """A page: ``{epoch, earliest, head, events, gap?}``."""
        query = {"epoch": epoch, "after": after, "before": before, "limit": limit}
        return self._dict(await self.request("GET", f"chats/{chat_id}/events", **query))

    async def snapshot(self, chat_id: str) -> JsonObject:
        """``{epoch, offset, state}``."""
        return self._dict(await self.request("GET", f"chats/{chat_id}/snapshot"))

    async def blob(self, chat_id: str, sha256: str) -> bytes:
        """The bytes of a blob."""
        return await self.request("GET", f"chats/{chat_id}/blobs/{sha256}")

    # -- tasks

    async def tasks(
        self, *, chat: str | None = None, state: str | None = None, limit: int | None = None
    ) -> list[JsonObject]:
        """Tasks, newest first."""
        query = {"chat": chat, "state": state, "limit": limit}
        return self._list(await self.request("GET", "tasks", **query))

    async def task(self, task_id: str) -> JsonObject:
        """One task, by its id or a unique beginning of it."""
        return self._dict(await self.request("GET", f"tasks/{task_id}"))

    async def add_task(
        self, chat_id: str, instruction: str, *, name: str | None = None, model: str | None = None
    ) -> JsonObject:
        """Queue an instruction; the task."""
        body = {"instruction": instruction, "name": name, "model": model}
        return self._dict(await self.request("POST", f"chats/{chat_id}/tasks", body))

    async def cancel(self, task_id: str, reason: str | None = None) -> JsonObject:
        """Ask a task to stop: ``{command_id, offset}``."""
        return await self._command(task_id, "cancel", reason=reason)

    async def message(self, task_id: str, text: str) -> JsonObject:
        """Say something to a task: ``{command_id, offset}``."""
        return await self._command(task_id, "message", text=text)

    async def answer(self, task_id: str, question_id: str, answer: str) -> JsonObject:
        """Answer a question: ``{command_id, offset}``."""
        return await self._command(task_id, "answer", question_id=question_id, answer=answer)

    async def retry(self, task_id: str) -> JsonObject:
        """The new task that does it again."""
        return self._dict(await self.request("POST", f"tasks/{task_id}/retry", {}))

    async def health(self) -> JsonObject:
        """``{ok, version, log, runners, viewers, warnings}``."""
        return self._dict(await self.request("GET", "health"))

    # -- inside

    async def request(self, method: str, path: str, body: Any = None, **query: object) -> bytes:
        """The body of the answer to any call below the API."""
        if self._http is None:
            self._http = AsyncHTTPClient(force_instance=True, max_body_size=ANSWER_MAX)
        headers = self.address.headers
        content = None
        if body is not None:
            content = msgspec.json.encode(body)
            headers["Content-Type"] = "application/json"
        request = HTTPRequest(
            self.address.api(path, **query),
            method=method,
            headers=headers,
            body=content,
            connect_timeout=self._timeout,
            request_timeout=self._timeout,
            follow_redirects=False,
        )
        try:
            response: HTTPResponse = await self._http.fetch(request, raise_error=False)
        except (OSError, HTTPTimeoutError) as error:
            raise LogUnavailable(f"{self.address.url} can't be reached: {error}") from error
        # Tornado reports what went wrong below HTTP as a response, too.
        if response.code >= 300:
            if response.code == 599:
                raise LogUnavailable(f"{self.address.url} can't be reached: {response.error}")
            raise error_of(response.code, response.body, response.headers.get("Retry-After"))
        return response.body

    async def _command(self, task_id: str, name: str, **body: str | None) -> JsonObject:
        given = {key: value for key, value in body.items() if value is not None}
        return self._dict(await self.request("POST", f"tasks/{task_id}/{name}", given))

    @staticmethod
    def _dict(body: bytes) -> JsonObject:
        return msgspec.json.decode(body, type=dict[str, Any])

    @staticmethod
    def _list(body: bytes) -> list[JsonObject]:
        return msgspec.json.decode(body, type=list[dict[str, Any]])

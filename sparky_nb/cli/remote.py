"""A running Jupyter server, over protocol.md §2. HTTP by the standard library, as tornado costs a
command 0.25 s; the socket by our own client, where something is followed."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlencode, urlsplit, urlunsplit

from sparky_nb.errors import Conflict, InvalidArgument, LogUnavailable, SparkyError, UsageError
from sparky_nb.events.model import Event, JsonObject
from sparky_nb.events.states import TERMINAL

TIMEOUT_SECONDS: Final = 30.0
PAGE: Final = 1000
PAGES: Final = ("/lab", "/tree", "/notebooks", "/doc", "/edit")
"""What follows the base URL in the address bar of a browser."""


class ServerError(UsageError):
    """The server said no; ``code`` and the message are its own."""

    def __init__(self, code: str, message: str, retryable: bool = False) -> None:
        self.said = {"code": code, "message": message, "retryable": retryable}
        super().__init__(message)

    def to_wire(self) -> dict[str, Any]:
        return self.said


class ServerUnavailable(LogUnavailable):
    """The server can't be reached now, or can't do it now."""


class ServerSource:
    """See ``Source``.

    Args:
        url: of the server, as a browser shows it; a token in it counts.
        token: None: the one in the URL, if there is one.
    """

    def __init__(self, url: str, token: str | None) -> None:
        self.base_url, in_url = base_url(url)
        self.token = token or in_url
        self._open = urllib.request.build_opener(_NoRedirects).open

    def tasks(
        self, *, chat: str | None, states: Sequence[str] | None, limit: int
    ) -> list[JsonObject]:
        query: list[tuple[str, str]] = [("limit", str(limit))]
        query += [("state", state) for state in states or ()]
        if chat is not None:
            query.append(("chat", chat))
        found: list[JsonObject] = self.call("GET", f"tasks?{urlencode(query)}")
        return found

    def task(self, task_id: str) -> JsonObject:
        whole = task_id if task_id.startswith("task-") else f"task-{task_id}"
        found: JsonObject = self.call("GET", f"tasks/{quote(whole, safe='')}")
        return found

    def command(self, task_id: str, name: str, args: JsonObject) -> JsonObject:
        done: JsonObject = self.call("POST", f"tasks/{task_id}/{name}", args)
        return done

    def add_task(
        self, chat: str, instruction: str, *, name: str | None, model: str | None
    ) -> JsonObject:
        given = {"instruction": instruction, "name": name, "model": model}
        body = {key: value for key, value in given.items() if value is not None}
        done: JsonObject = self.call("POST", f"chats/{quote(chat, safe='')}/tasks", body)
        return done

    def retry(self, task_id: str) -> JsonObject:
        done: JsonObject = self.call("POST", f"tasks/{task_id}/retry")
        return done

    def chats(self) -> list[JsonObject]:
        found: list[JsonObject] = self.call("GET", "chats")
        return found

    def events(self, chat_id: str) -> Iterator[JsonObject]:
        after, epoch, head = 0, None, None
        while head is None or after < head:
            page = self._page(chat_id, after, epoch)
            head = page["head"] if head is None else head
            if epoch not in (None, page["epoch"]) or not page["events"]:
                if after == 0 or page["earliest"] > head:
                    return
                raise Conflict(f"chat {chat_id} was changed while it was read")
            epoch = page["epoch"]
            for event in page["events"]:
                after = event["offset"]
                if after > head:
                    return
                yield event

    def head(self, chat_id: str) -> int:
        return int(self._page(chat_id, 0, None, limit=1)["head"])

    def snapshot(self, chat_id: str) -> JsonObject:
        found: JsonObject = self.call("GET", f"chats/{quote(chat_id, safe='')}/snapshot")["state"]
        return found

    def trim(self, chat_id: str, before: int) -> JsonObject:
        path = f"chats/{quote(chat_id, safe='')}/trim"
        done: JsonObject = self.call("POST", path, {"before": before})
        return done

    def schedules(self, chat: str | None) -> list[JsonObject]:
        query = "" if chat is None else f"?{urlencode({'chat': chat})}"
        found: list[JsonObject] = self.call("GET", f"schedules{query}")
        return found

    def add_schedule(self, wanted: JsonObject) -> JsonObject:
        body = {key: value for key, value in wanted.items() if value is not None}
        done: JsonObject = self.call("POST", "schedules", body)
        return done

    def change_schedule(self, schedule_id: str, change: JsonObject) -> JsonObject:
        done: JsonObject = self.call("PATCH", f"schedules/{quote(schedule_id, safe='')}", change)
        return done

    def remove_schedule(self, schedule_id: str) -> str:
        whole = str(self.call("GET", f"schedules/{quote(schedule_id, safe='')}")["schedule_id"])
        self.call("DELETE", f"schedules/{whole}")
        return whole

    def health(self) -> JsonObject:
        found: JsonObject = self.call("GET", "health")
        return found

    def follow(self, task: JsonObject) -> Iterator[Event]:
        # By our own client, which resumes by itself.
        from sparky_nb.client.sync import ChatClient
        from sparky_nb.stream import Start

        chat_id, task_id = task["chat_id"], task["task_id"]
        if task["state"] in TERMINAL:
            kept = self._page(chat_id, 0, None, limit=1)
            if kept["earliest"] > task["last"]:
                return  # its ending was trimmed
        first = task["first"] - 1
        start = Start(epoch=task["epoch"], offset=first) if first else Start()
        with ChatClient(self.base_url, chat_id, token=self.token, start=start) as client:
            for event in client:
                if event.task_id == task_id:
                    yield event
                    if event.type == "status" and event.data.get("state") in TERMINAL:
                        return

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The decoded answer to a request below ``sparky/api/v1/``.

        Raises:
            ServerError: the server refuses. ServerUnavailable: it can't now, or isn't there.
        """
        headers = {"Accept": "application/json"}
        if self.token:
            headers["Authorization"] = f"token {self.token}"
        data = None
        if body is not None:
            data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        url = f"{self.base_url}sparky/api/v1/{path}"
        request = urllib.request.Request(url, data=data, headers=headers, method=method)
        try:
            with self._open(request, timeout=TIMEOUT_SECONDS) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                raise _refusal(error.code, error.read(), self.token) from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise ServerUnavailable(f"{self.base_url} can't be reached: {reason}") from None
        try:
            return json.loads(text) if text else {}
        except ValueError:
            raise ServerError("protocol_error", f"{url} is no sparky_nb server") from None

    def _page(
        self, chat_id: str, after: int, epoch: str | None, *, limit: int = PAGE
    ) -> JsonObject:
        query: dict[str, Any] = {"after": after, "limit": limit}
        if epoch is not None and after > 0:
            query["epoch"] = epoch
        path = f"chats/{quote(chat_id, safe='')}/events?{urlencode(query)}"
        found: JsonObject = self.call("GET", path)
        return found


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect (to a login page, mostly) is an answer; the token is not carried elsewhere."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def base_url(url: str) -> tuple[str, str | None]:
    """The server's base URL, with a slash at the end, and the token of ``url`` if it has one.

    >>> base_url("http://127.0.0.1:8888/lab/tree/a.ipynb?token=abc")
    ('http://127.0.0.1:8888/', 'abc')
    """
    parts = urlsplit(url)
    if not parts.hostname:
        raise InvalidArgument("server", "a URL like http://127.0.0.1:8888/", url)
    path = parts.path
    for page in PAGES:
        found = f"{path}/".find(f"{page}/")
        if found >= 0:
            path = path[:found]
    tokens = parse_qs(parts.query).get("token")
    root = urlunsplit((parts.scheme, parts.netloc, path.rstrip("/") + "/", "", ""))
    return root, tokens[0] if tokens else None


def _refusal(status: int, text: bytes, token: str | None) -> SparkyError:
    try:
        error = json.loads(text)["error"]
        code, message = str(error["code"]), str(error["message"])
    except (ValueError, KeyError, TypeError):
        code, message = "http_error", f"the server answered with status {status}"
        if status == 404:
            message = "the server has no sparky_nb: is the extension installed and enabled there?"
    if status in (301, 302, 303, 307, 308, 401, 403):
        advice = "is the token right?" if token else "pass --token or set JUPYTER_TOKEN"
        return ServerError("forbidden", f"{message} ({advice})")
    if status == 429 or status >= 500:
        return ServerUnavailable(message)
    return ServerError(code, message)

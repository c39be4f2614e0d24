"""A language model's vendor, played over real HTTP: OpenAI's chat completions, on loopback.

The only fake of the tests. A *script* says what the model answers to the n-th request; the server
sends it as the vendors do: chunked server-sent events with text, reasoning, tool calls and usage,
or an error with its headers. What was asked is kept in ``requests``.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


@dataclass(frozen=True)
class Reply:
    """What the model does with one request.

    ``text`` and ``reasoning`` leave in pieces; ``tools`` are (name, args) pairs, where args that
    are a text are sent as they stand (malformed, say). ``cut``: the connection breaks after the
    pieces. ``hang``: after the pieces nothing but a comment now and then comes until the client
    goes away; ``stall``: not even that. ``usage`` None: the server does not tell, as llama.cpp's.
    """

    text: Sequence[str] = ()
    reasoning: Sequence[str] = ()
    tools: Sequence[tuple[str, Any]] = ()
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    hang: bool = False
    stall: bool = False
    usage: dict[str, Any] | None = field(default_factory=lambda: dict(USAGE))


Script = Iterable[Reply] | Callable[[dict[str, Any]], Reply]


class OpenAIServer:
    """A server on a free port; ``base_url`` is what a client is given.

    Example:
        with OpenAIServer([Reply(text=["Hello"])]) as server: ...
    """

    def __init__(self, script: Script) -> None:
        self._next = script if callable(script) else self._in_turn(list(script))
        self.requests: list[dict[str, Any]] = []
        self.left = threading.Event()
        """Set when a client has gone away in the middle of an answer."""
        self.hanging = threading.Event()
        """Set when an answer hangs."""
        self._closing = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def __enter__(self) -> OpenAIServer:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)

    def asked(self, number: int) -> list[dict[str, Any]]:
        """The messages of request ``number`` (0 is the first)."""
        return self.requests[number]["messages"]

    @staticmethod
    def _in_turn(replies: list[Reply]) -> Callable[[dict[str, Any]], Reply]:
        def next_reply(_: dict[str, Any]) -> Reply:
            return replies.pop(0) if replies else Reply(text=["I have nothing more to say."])

        return next_reply

    def _handler(server) -> type[BaseHTTPRequestHandler]:  # noqa: N805  `self` is the handler's
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: object) -> None: ...

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.requests.append(body)
                with suppress(ConnectionError):
                    server._answer(self, body, server._next(body))

        return Handler

    def _answer(self, http: BaseHTTPRequestHandler, body: dict[str, Any], reply: Reply) -> None:
        if reply.status != 200:
            error = {"error": {"message": f"scripted {reply.status}", "type": "scripted"}}
            payload = json.dumps(error).encode()
            http.send_response(reply.status)
            for name, value in reply.headers.items():
                http.send_header(name, value)
            http.send_header("Content-Type", "application/json")
            http.send_header("Content-Length", str(len(payload)))
            http.end_headers()
            http.wfile.write(payload)
            return
        http.send_response(200)
        http.send_header("Content-Type", "text/event-stream")
        http.send_header("Transfer-Encoding", "chunked")
        http.end_headers()

        def send(line: str) -> None:
            data = f"{line}\n\n".encode()
            http.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            http.wfile.flush()

        def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> None:
            choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
            head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1}
            send(
                "data: " + json.dumps({**head, "model": body["model"], "choices": choices, **more})
            )

        for piece in reply.reasoning:
            chunk({"role": "assistant", "reasoning_content": piece})
        for piece in reply.text:
            chunk({"role": "assistant", "content": piece})
        for index, (name, args) in enumerate(reply.tools):
            text = args if isinstance(args, str) else json.dumps(args)
            call_id = f"call-{len(self.requests)}-{index}"
            function = {"name": name, "arguments": ""}
            head = {"index": index, "id": call_id, "type": "function", "function": function}
            chunk({"role": "assistant", "tool_calls": [head]})
            half = len(text) // 2
            for part in (text[:half], text[half:]):
                chunk({"tool_calls": [{"index": index, "function": {"arguments": part}}]})
        if reply.stall:
            self._closing.wait(20)
            return
        if reply.hang:
            self._hang(send)
            return
        if reply.cut:
            http.close_connection = True
            return
        chunk({}, "tool_calls" if reply.tools else "stop")
        done = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1}
        if reply.usage is not None:
            usage = {**done, "model": body["model"], "choices": [], "usage": reply.usage}
            send("data: " + json.dumps(usage))
        send("data: [DONE]")
        http.wfile.write(b"0\r\n\r\n")

    def _hang(self, send: Callable[[str], None]) -> None:
        """Say nothing (a comment now and then) until the client goes away."""
        self.hanging.set()
        try:
            while not self._closing.wait(0.02):
                send(": still thinking")
        except ConnectionError:
            self.left.set()
            raise

"""The real thing for tests: a Jupyter server process, its kernels, and a socket with no cleverness.

Nothing here knows how sparky_nb is built: only HTTP, WebSocket and Jupyter's own protocol.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

import websocket
from jupyter_client import BlockingKernelClient

TERMINAL = {"completed", "failed", "cancelled", "lost"}
PATIENCE = 60.0  # seconds; a bound for a loaded machine, not an expectation


def wait_for(what: Callable[[], Any], why: str, timeout: float = PATIENCE) -> Any:
    """What ``what`` returns once it is true; a failure that says ``why`` after ``timeout`` s."""
    end, pause = time.monotonic() + timeout, threading.Event()
    while not (value := what()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout:g} s: {why}")
        pause.wait(0.05)
    return value


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class JupyterProcess:
    """A Jupyter server in a process of its own; it can be killed and started again.

    Subclasses say how it is started, and when it is ready.
    """

    token = "secret-of-the-test"
    patience = PATIENCE

    def __init__(self, root: Path, *options: str) -> None:
        self.root, self.options = root, options
        self.port = free_port()
        self.log_url = f"sqlite:///{root / 'log' / 'log.db'}"
        self.output = root / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        """What is run, less what is true for every server."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """Where the log is."""
        return {**os.environ, "SPARKY_LOG_URL": self.log_url}

    def ready(self) -> bool:
        """Whether it answers."""
        raise NotImplementedError

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def pid(self) -> int:
        """The process that runs now."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> Self:
        """Start and wait until it answers."""
        command = [
            *self.command(), "--allow-root", "--no-browser",
            f"--ServerApp.port={self.port}", "--ServerApp.port_retries=0",
            f"--IdentityProvider.token={self.token}", *self.options,
        ]  # fmt: skip
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(
                command, env=self.environment(), stdout=output, stderr=output, cwd=self.root
            )
        try:
            wait_for(self._answers, "the server answers", self.patience)
        except AssertionError as error:
            raise AssertionError(f"{error}; it said {self.said()[-3000:]}") from None
        return self

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError("the server ended")
        with contextlib.suppress(OSError):
            return self.ready()
        return False

    def said(self) -> str:
        """What the server logged so far."""
        return self.output.read_text("utf-8", "replace") if self.output.exists() else ""

    def kill(self) -> None:
        """``kill -9``."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it as a service manager would; its kernels end with it."""
        self._end(signal.SIGTERM)

    def _end(self, signal_number: int) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal_number)
            try:
                self._process.wait(self.patience)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(self.patience)
                raise
        self._process = None


class LiveServer(JupyterProcess):
    """``jupyter server``, its kernels and its viewers."""

    def __init__(self, root: Path, *options: str) -> None:
        super().__init__(root, *options)
        self._kernels: list[LiveKernel] = []
        self._viewers: list[ChatSocket] = []

    def command(self) -> list[str]:
        return [sys.executable, "-m", "jupyter", "server", f"--ServerApp.root_dir={self.root}"]

    def ready(self) -> bool:
        return self.http("GET", "sparky/api/v1/health")[0] == 200

    def close(self) -> None:
        """End everything that was started."""
        self.close_viewers()
        for kernel in self._kernels:
            kernel.close()
        self.stop()

    def http(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, Any, dict[str, str]]:
        """(status, decoded JSON or text, headers) of a request with the token."""
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {self.token}", **headers},
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                status, text, found = answer.status, answer.read(), dict(answer.headers)
        except urllib.error.HTTPError as error:
            status, text, found = error.code, error.read(), dict(error.headers)
        try:
            return status, json.loads(text), found
        except ValueError:
            return status, text.decode("utf-8", "replace"), found

    def api(self, path: str) -> Any:
        """The answer to ``GET`` of a path below ``sparky/api/v1/``; it must be 200."""
        status, answer, _ = self.http("GET", f"sparky/api/v1/{path}")
        assert status == 200, (status, answer)
        return answer

    def log_of(self, chat: str) -> list[dict[str, Any]]:
        """All events of a chat, as the log has them."""
        events: list[dict[str, Any]] = []
        while True:
            after = events[-1]["offset"] if events else 0
            page = self.api(f"chats/{chat}/events?after={after}&limit=10000")
            events += page["events"]
            if (events and events[-1]["offset"] == page["head"]) or not page["events"]:
                return events

    def kernel(self, notebook: str = "work.ipynb") -> LiveKernel:
        """A kernel of this server with ``%load_ext sparky_nb`` done, as a notebook has one."""
        status, session, _ = self.http(
            "POST",
            "api/sessions",
            {"path": notebook, "type": "notebook", "name": "", "kernel": {"name": "python3"}},
        )
        assert status == 201, session
        kernel = LiveKernel(self, session["kernel"]["id"])
        self._kernels.append(kernel)
        kernel.run("%load_ext sparky_nb")
        return kernel

    def socket(self, chat: str, **query: Any) -> ChatSocket:
        """A viewer of ``chat``."""
        viewer = ChatSocket(self, chat, query)
        self._viewers.append(viewer)
        return viewer

    def close_viewers(self) -> None:
        """Whoever still watches leaves."""
        for viewer in self._viewers:
            viewer.close()
        self._viewers.clear()


class LiveKernel:
    """A kernel that a server runs."""

    def __init__(self, server: LiveServer, kernel_id: str) -> None:
        self.server, self.kernel_id = server, kernel_id
        runtime = Path(os.environ["JUPYTER_RUNTIME_DIR"])
        file = runtime / f"kernel-{kernel_id}.json"
        wait_for(file.exists, f"{file.name} exists")
        self._client = BlockingKernelClient(connection_file=str(file))
        self._client.load_connection_file()
        self._client.start_channels()
        wait_for(self._is_ready, f"kernel {kernel_id} is ready")
        self.pid = int(self.run("import os; print(os.getpid())"))

    def _is_ready(self) -> bool:
        try:
            self._client.wait_for_ready(timeout=PATIENCE)
        except RuntimeError:  # on a busy machine its first heartbeat may take longer than a second
            return False
        return True

    def run(self, code: str) -> str:
        """What the cell prints and returns, as text; a failure of the cell is one of the test."""
        said: list[str] = []

        def hear(message: dict[str, Any]) -> None:
            content = message["content"]
            if message["msg_type"] == "stream":
                said.append(content["text"])
            elif message["msg_type"] in ("execute_result", "display_data"):
                said.append(content["data"].get("text/plain", ""))

        reply = self._client.execute_interactive(code, timeout=PATIENCE, output_hook=hear)
        assert reply["content"]["status"] == "ok", reply["content"]
        return "".join(said)

    def kill(self) -> None:
        """``kill -9``, and wait until the process is gone."""
        os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        self._client.stop_channels()


class ChatSocket:
    """A raw viewer: no resuming, no checking; the test does that."""

    def __init__(self, server: LiveServer, chat: str, query: dict[str, Any]) -> None:
        query = {"from" if k == "from_" else k: v for k, v in query.items()}
        url = f"{server.url.replace('http', 'ws', 1)}sparky/api/v1/chats/{chat}/socket"
        self._socket = websocket.create_connection(
            f"{url}?{urlencode(query)}" if query else url,
            header={"Authorization": f"token {server.token}"},
            timeout=PATIENCE,
        )
        self.events: list[dict[str, Any]] = []
        self.hello = self.receive()
        assert self.hello["t"] == "hello", self.hello

    @property
    def offset(self) -> int:
        return int(self.events[-1]["offset"]) if self.events else int(self.hello["next"]) - 1

    @property
    def cursor(self) -> dict[str, Any]:
        """The query that goes on from here."""
        return {"epoch": self.hello["epoch"], "offset": self.offset}

    def receive(self) -> dict[str, Any]:
        """The next frame; events are collected on the way."""
        text = self._socket.recv()
        assert text, "the server closed the socket"
        frame: dict[str, Any] = json.loads(text)
        if frame["t"] == "events":
            assert frame["offset"] == frame["events"][0]["offset"]
            self.events += frame["events"]
        return frame

    def until(self, done: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Receive until an event for which ``done`` is true, and return that."""
        seen = 0
        while True:
            for event in self.events[seen:]:
                if done(event):
                    return event
            seen = len(self.events)
            self.receive()

    def until_type(self, kind: str, count: int = 1) -> dict[str, Any]:
        """Receive until there are ``count`` events of a type, and return the last of them."""
        while len(found := [e for e in self.events if e["type"] == kind]) < count:
            self.receive()
        return found[count - 1]

    def until_end(self) -> str:
        """Receive until a task ends, and return its last state."""
        last = self.until(lambda e: e["type"] == "status" and e["data"]["state"] in TERMINAL)
        return str(last["data"]["state"])

    def send(self, frame: dict[str, Any]) -> None:
        self._socket.send(json.dumps(frame))

    def close(self) -> None:
        """Leave as a page does that is reloaded. Leaving twice is fine."""
        with contextlib.suppress(OSError, websocket.WebSocketException):
            self._socket.close(timeout=1)

    def cut(self) -> None:
        """The network goes: no goodbye."""
        self._socket.shutdown()


def whole(*parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What one person saw over several connections: contiguous, without repetition."""
    seen = [event for part in parts for event in part]
    offsets = [event["offset"] for event in seen]
    assert offsets == list(range(offsets[0], offsets[0] + len(offsets))), offsets
    return seen


@contextlib.contextmanager
def live_server(root: Path, *options: str) -> Iterator[LiveServer]:
    """A server that is started now and ended at the end, whatever happens."""
    server = LiveServer(root, *options)
    try:
        yield server.start()
    finally:
        server.close()

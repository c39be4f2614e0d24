"""The magics in a real kernel: the prompt, interrupts, restarts, the end."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from sparky_nb.events.codec import decode_event
from sparky_nb.ids import notebook_chat_id
from sparky_nb.log import Log, open_log
from tests.tasks.running import wait_for

pytestmark = [
    pytest.mark.timeout(120),
    # jupyter_client's own: sockets that it leaves to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


class Kernel:
    """A kernel of a notebook, and the log that it writes to."""

    def __init__(self, folder: Path) -> None:
        self.notebook = folder / "a.ipynb"
        url = f"sqlite://{folder}/log/log.db"
        self.environment = {
            **os.environ,
            "SPARKY_LOG_URL": url,
            "JPY_SESSION_NAME": str(self.notebook),
        }
        self.manager = KernelManager()
        self.manager.start_kernel(env=self.environment)
        self.log: Log = open_log(url)
        self.chat = notebook_chat_id(self.notebook)
        self.client = self._connect()

    def _connect(self) -> BlockingKernelClient:
        client: BlockingKernelClient = self.manager.client()
        client.start_channels()
        client.wait_for_ready(timeout=60)
        self.client = client
        self.run("%load_ext sparky_nb")
        return client

    def run(self, code: str, cell_id: str | None = None) -> str:
        """Run ``code`` and wait for its end; what it printed or showed as text."""
        return self.finish(self.send(code, cell_id))

    def send(self, code: str, cell_id: str | None = None) -> str:
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
        metadata = {} if cell_id is None else {"cellId": cell_id}
        message = self.client.session.msg("execute_request", content, metadata=metadata)
        self.client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def interrupt(self, message_id: str) -> str:
        """Interrupt the cell once it has said that it is there; what it said then."""
        self.finish(message_id, until="here")
        for _ in range(60):
            # The first may come while the print is on its way out, and be swallowed there.
            self.manager.interrupt_kernel()
            with contextlib.suppress(queue.Empty):
                return self.finish(message_id, patience=1)
        raise AssertionError("the cell can't be interrupted")

    def finish(self, message_id: str, until: str | None = None, patience: float = 60) -> str:
        said: list[str] = []
        while True:
            message = self.client.get_iopub_msg(timeout=patience)
            if message["parent_header"].get("msg_id") != message_id:
                continue
            content = message["content"]
            text = content.get("text") or content.get("data", {}).get("text/plain") or ""
            said.append(text.strip())
            said.append("\n".join(content.get("traceback", ())))
            idle = content.get("execution_state") == "idle"
            assert not (idle and until), f"the cell has ended before: {said}"
            if idle or until in said:
                return "".join(said)

    def restart(self, *, kill: bool = False) -> None:
        self.client.stop_channels()
        if kill:
            pid = self.manager.provisioner.pid  # type: ignore[union-attr]
            os.kill(pid, signal.SIGKILL)
        self.manager.restart_kernel(now=kill)
        self._connect()

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel()
        self.log.close()

    def events(self) -> list[Any]:
        return [decode_event(wire) for wire in self.log.read(self.chat, limit=10_000).events]

    def endings(self) -> list[tuple[str, str | None]]:
        rows = self.log.tasks()
        last = [e for e in self.events() if e.type == "status"]
        found = {e.task_id: (e.data["state"], e.data.get("reason")) for e in last}
        return [found[row.task_id] for row in rows]


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    kernel = Kernel(tmp_path)
    yield kernel
    kernel.close()


FOREVER = "%%sparky task --name forever\nprint('on', flush=True)\ntask.receive(timeout=None)"


def test_a_task_in_a_notebook_from_prompt_to_shutdown(kernel: Kernel) -> None:
    run = kernel.send(FOREVER, cell_id="cell-1")
    kernel.finish(run)
    first = kernel.events()[0] if kernel.events()[0].type == "status" else kernel.events()[1]
    assert first.data["state"] == "running", "the prompt is back, the task runs"
    assert first.data["origin"] == {
        "path": str(kernel.notebook),
        "cell_id": "cell-1",
        "run": run,
    }
    assert kernel.log.chat(kernel.chat).title == str(kernel.notebook)

    # A busy cell and its interruption do not touch it.
    busy = kernel.send("import time\nprint('here', flush=True)\nwhile True: time.sleep(0.01)")
    wait_for(lambda: any(e.data.get("text") == "on\n" for e in kernel.events()), "its print")
    assert "KeyboardInterrupt" in kernel.interrupt(busy)
    assert [row.state for row in kernel.log.tasks()] == ["running"]

    # Nor do reloads.
    kernel.run("%reload_ext sparky_nb\n%load_ext sparky_nb\n%reload_ext sparky_nb")
    assert [row.state for row in kernel.log.tasks()] == ["running"]

    # Waiting for it, interrupted, is no end either.
    code = "import sparky_nb\nh = sparky_nb.task(sparky_nb.find_tasks()[0].task_id)\n"
    waiting = kernel.send(code + "print('here', flush=True)\nh.result()")
    assert "KeyboardInterrupt" in kernel.interrupt(waiting)
    assert [row.state for row in kernel.log.tasks()] == ["running"]

    # A clean restart ends it, says why, and the next kernel goes on in the same chat.
    kernel.restart()
    assert kernel.endings() == [("cancelled", "kernel shut down")]
    assert "2" in kernel.run("h = %sparky run 1 + 1\nh.result(30)")
    assert {row.chat_id for row in kernel.log.tasks()} == {kernel.chat}


@pytest.mark.promise("P6")
def test_a_killed_kernels_task_is_lost_as_soon_as_the_next_one_looks(kernel: Kernel) -> None:
    kernel.run(FOREVER)
    kernel.restart(kill=True)
    kernel.run("%sparky run 1 + 1")
    wait_for(lambda: kernel.endings()[-1][0] == "lost", "the sweep")
    states = [e.data["state"] for e in kernel.events() if e.type == "status"]
    assert sorted(states) == ["completed", "lost", "running", "running"]


def test_a_chat_that_only_a_schedule_has_made_bears_its_notebooks_name(kernel: Kernel) -> None:
    kernel.run("%sparky schedule --at 23:59 Run smart maintenance")
    kernel.run("%sparky schedule --at 23:59 --chat other Run smart maintenance")
    named = {chat.chat_id: chat.title for chat in kernel.log.chats()}
    assert named == {kernel.chat: str(kernel.notebook)}  # the other comes into being when it fires


def test_a_figure_that_a_task_draws_is_shown_by_the_task(kernel: Kernel) -> None:
    pytest.importorskip("matplotlib")
    kernel.run("%%sparky task\nimport matplotlib.pyplot as plt\nplt.plot([1, 2]);")
    wait_for(lambda: kernel.endings() == [("completed", None)], "the end")
    shown = [e.data["mime"] for e in kernel.events() if e.data.get("stream") == "display"]
    assert any("image/png" in mime for mime in shown)
    assert "Figure" not in kernel.run("1 + 1")

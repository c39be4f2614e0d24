"""The tests of the page that the project began with ("WebSocket Reconnection Feature"), by name, as
a person does them: the instruction is given on the command line, a worker's agent carries it out,
and somebody watches in the browser, or does not.

tests/faults/test_seed_scenarios.py has the rest of that page, over sockets.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.agents.openai_server import OpenAIServer, Reply
from tests.live import wait_for
from tests.ui.lab import PATIENCE, Lab, running_lab
from tests.ui.panel.test_panel import open_panel
from tests.ui.panel.views import MS, ChatView, events_of
from tests.ui.screens import Screens

pytestmark = [pytest.mark.timeout(400), pytest.mark.promise("P1", "P3", "P4")]
TOOLS = 4

# Each call of the tool ends when the test lets it: nothing here depends on speed.
STARTUP = """
import pathlib, threading, sparky_nb

@sparky_nb.tool(policy="allow")
def maintain(job: str, number: int) -> int:
    "Maintain one part."
    while not (pathlib.Path({folder!r}) / f"{{job}}-{{number}}").exists():
        threading.Event().wait(0.02)
    return 10 * number
"""


def plays(request: dict[str, Any]) -> Reply:
    """The model calls the tool four times, says something each time, and then that all is well."""
    messages = request["messages"]
    job = re.findall(r"Run smart maintenance of (\S+)", str(messages))[-1].strip("'\"}],")
    done = sum(message["role"] == "tool" for message in messages)
    if done == TOOLS:
        return Reply(text=["All is ", "well."])
    call = ("maintain", {"job": job, "number": done + 1})
    return Reply(text=[f"Now part {done + 1}."], tools=[call])


@pytest.fixture(scope="module")
def agent_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A server that keeps a worker, whose agent has a model and a tool."""
    folder = tmp_path_factory.mktemp("seed")
    startup = folder / "ipython" / "profile_default" / "startup" / "tools.py"
    startup.parent.mkdir(parents=True)
    startup.write_text(STARTUP.format(folder=str(folder)), encoding="utf-8")
    with OpenAIServer(plays) as model:
        variables = {
            "IPYTHONDIR": str(folder / "ipython"),
            "OPENAI_BASE_URL": model.base_url,
            "SPARKY_ENABLE_AGENT_LOOP": "true",
            "SPARKY_MODEL": "openai:scripted",
            "STEPS": str(folder),
        }
        with running_lab(variables=variables) as lab:
            yield lab


class Job:
    """One task of the seed's, in a chat of its own."""

    def __init__(self, lab: Lab, chat_id: str) -> None:
        self.lab, self.chat_id = lab, chat_id
        said = subprocess.run(
            [
                sys.executable, "-m", "sparky_nb.cli", "agent", "tasks", "add",
                "--log", lab.log_url, "--chat", chat_id,
                f"Run smart maintenance of {chat_id}",
            ],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        self.task_id = said.stdout.split()[-1]

    def go(self, *numbers: int) -> None:
        """Let calls of the tool end."""
        for number in numbers:
            (Path(self.lab.variables["STEPS"]) / f"{self.chat_id}-{number}").touch()

    def until_call(self, number: int) -> None:
        """Wait until the agent has come to its call ``number``, whoever watches."""

        def calls() -> int:
            return sum(event.type == "tool_use" for event in events_of(self.lab, self.chat_id))

        wait_for(lambda: calls() >= number, f"call {number} begins", PATIENCE)

    def visit(self, page: Page) -> ChatView:
        """Follow a link to the chat."""
        page.goto(
            f"{self.lab.url}lab/workspaces/{self.chat_id}?token={self.lab.token}"
            f"#sparky?chat={self.chat_id}"
        )
        return ChatView(page, self.chat_id)

    def shows(self, chat: ChatView, calls: int) -> None:
        """So many calls of the tool are there, and the last one is under way."""
        tools = chat.node.locator(".sparky-tool")
        expect(tools).to_have_count(calls, timeout=MS)
        expect(tools.last).to_have_attribute("data-status", "running")

    def ends(self, chat: ChatView) -> None:
        """The rest is seen live, and what was seen is the log: nothing was missed."""
        self.go(*range(1, TOOLS + 1))
        chat.sees("All is well.")
        tools = chat.node.locator(".sparky-tool[data-status=success]")
        expect(tools).to_have_count(TOOLS, timeout=MS)
        expect(chat.node.locator(".sparky-active-task")).to_have_count(0, timeout=MS)
        chat.reads_as_the_log(self.lab)
        results = [e for e in events_of(self.lab, self.chat_id) if e.type == "tool_result"]
        assert [event.data["result"] for event in results] == [10, 20, 30, 40]


def test_test_1_basic_reconnection(agent_lab: Lab, page: Page, screens: Screens) -> None:
    job = Job(agent_lab, "test-1")
    chat = job.visit(page)
    job.shows(chat, calls=1)
    job.go(1)
    job.shows(chat, calls=2)
    page.reload()
    job.go(2)
    job.shows(chat, calls=3)  # the next tool call appears
    chat.is_live()
    expect(chat.node.locator(".sparky-usage")).to_have_text("54 tokens")  # of three answers
    screens.both(page, "after-the-refresh")
    job.ends(chat)  # and all that remains
    wait_for(lambda: "reconnected chat=test-1" in agent_lab.said(), "the log says so", PATIENCE)


def test_test_2_rapid_refresh(agent_lab: Lab, page: Page) -> None:
    job = Job(agent_lab, "test-2")
    chat = job.visit(page)
    job.shows(chat, calls=1)
    for number in (1, 2, 3):  # far within ten seconds, and with something happening each time
        # Not at "commit": a browser that is just changing documents refuses to be told to reload.
        page.reload(wait_until="domcontentloaded")
        job.go(number)
    job.until_call(4)
    job.shows(chat, calls=4)
    chat.is_live()
    job.ends(chat)


def test_test_3_disconnect_and_come_back_later(
    agent_lab: Lab, new_page: Callable[[], Page], screens: Screens
) -> None:
    job = Job(agent_lab, "test-3")
    first = new_page()
    job.shows(job.visit(first), calls=1)
    first.close()  # the tab is gone, and with it whatever a page could remember
    job.go(1, 2)
    job.until_call(3)

    later = new_page()
    later.goto(f"{agent_lab.url}lab/workspaces/later?token={agent_lab.token}")
    later.wait_for_function("() => window.jupyterapp?.restored.then(() => true)")
    open_panel(later)
    row = later.locator(f".sparky-side [data-sparky-task={job.task_id}]")
    expect(row).to_have_attribute("data-state", "running", timeout=MS)  # still
    later.locator(".sparky-side [data-sparky-chat=test-3] .sparky-row-main").click()
    chat = ChatView(later, "test-3")
    job.shows(chat, calls=3)
    screens.both(later, "come-back")
    job.ends(chat)

"""What the views cost the page: one socket for a chat, nothing at all while nobody looks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from sparky_nb.clock import SystemClock
from sparky_nb.events.codec import decode_event
from sparky_nb.events.model import NewEvent
from sparky_nb.ids import new_event_id, new_task_id
from sparky_nb.log import Log, open_log
from sparky_nb.log.base import Append, Fence
from tests.live import wait_for
from tests.ui.lab import PATIENCE, Lab
from tests.ui.panel.spy import HIDE, OPEN, SPY
from tests.ui.panel.test_panel import open_panel
from tests.ui.panel.views import MS
from tests.ui.screens import Screens

pytestmark = pytest.mark.timeout(400)

_AT_REST = """async chat => {
  const node = chat.querySelector('.sparky-scroll');
  for (let same = 0, at = -1; same < 20; same = node.scrollTop === at ? same + 1 : 0) {
    at = node.scrollTop;
    await new Promise(resolve => requestAnimationFrame(resolve));
  } }"""
_FIRST_SEEN = """chat => {
  const {top} = chat.querySelector('.sparky-scroll').getBoundingClientRect();
  return [...chat.querySelectorAll('[data-sparky-event]')]
    .find(each => each.getBoundingClientRect().bottom > top).dataset.sparkyEvent; }"""


class Work:
    """A task in a chat of its own, written into the log as its runner would."""

    def __init__(self, log: Log, name: str, *, ago_ms: int = 0) -> None:
        self._log, self._clock, self.chat = log, SystemClock(), f"chat-{name}"
        self._ago = ago_ms
        self.task = new_task_id()
        runner = "elsewhere:elsewhere:1:1:00000000"
        self._fence = Fence(task_id=self.task, attempt=1, runner=runner)
        self.head = 0
        self._put([("status", {"state": "running", "attempt": 1, "name": name, "runner": runner})])

    def says(self, count: int) -> None:
        """So many messages."""
        first = self.head + 1
        self._put(
            [
                ("message_sent", {"message_id": f"m{n}", "text": f"message {n}", "final": True})
                for n in range(first, first + count)
            ]
        )

    def prints(self, count: int) -> None:
        """So many lines of output."""
        first = self.head + 1
        lines = [f"line {n}".ljust(60, ".") + "\n" for n in range(first, first + count)]
        self._put([("output", {"stream": "stdout", "text": line}) for line in lines])

    def is_lost(self, reason: str) -> None:
        """Its runner died while it waited for a tool."""
        error = {"type": "TaskLost", "message": reason}
        ending = {"state": "lost", "attempt": 1, "reason": reason, "error": error}
        self._put([("tool_use", {"tool_call_id": "c", "name": "look", "args": {}})])
        self._put([("status", ending)])

    def _put(self, events: list[tuple[str, dict[str, Any]]]) -> None:
        now = self._clock.now_ms() - self._ago
        made = tuple(
            NewEvent(
                id=new_event_id(now), type=kind, time=now,
                task_id=self.task, actor="task", data=data,
            )
            for kind, data in events
        )  # fmt: skip
        self._log.commit(Append(chat=self.chat, events=made, fence=self._fence))
        self.head += len(events)


@pytest.fixture
def log(panel_lab: Lab) -> Iterator[Log]:
    with open_log(panel_lab.log_url) as log:
        yield log


def _show(lab: Lab, page: Page, name: str, works: list[Work]) -> None:
    """A saved notebook whose cells show these tasks."""
    cells = [
        {
            "cell_type": "code", "id": f"cell-{n}", "metadata": {}, "source": "",
            "execution_count": 1,
            "outputs": [
                {
                    "output_type": "display_data", "metadata": {},
                    "data": {
                        "application/vnd.sparky-nb.task.v1+json": {
                            "v": 1, "task_id": work.task, "chat_id": work.chat,
                        },
                        "text/plain": "a task",
                    },
                }
            ],
        }
        for n, work in enumerate(works)
    ]  # fmt: skip
    metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    notebook = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    (lab.work / f"{name}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    page.goto(f"{lab.url}lab/workspaces/{name}/tree/{name}.ipynb?token={lab.token}")


def _open_chat(page: Page, work: Work) -> None:
    page.evaluate(
        "chatId => window.jupyterapp.commands.execute('sparky:open-chat', {chatId})", work.chat
    )
    expect(page.locator(f".sparky-main [data-sparky-chat={work.chat}]")).to_have_attribute(
        "data-connection", "live", timeout=MS
    )


@pytest.mark.promise("P7")
def test_ten_open_chats_cost_a_socket_each_and_nothing_while_the_page_is_hidden(
    panel_lab: Lab, page: Page, log: Log
) -> None:
    page.add_init_script(SPY)
    works = [Work(log, f"open-{n}") for n in range(10)]
    _show(panel_lab, page, "ten", [works[0], works[0], works[1]])
    views = page.locator(f".jp-Notebook [data-sparky-task={works[0].task}]")
    expect(views).to_have_count(2, timeout=MS)
    open_panel(page)
    for work in works:
        row = page.locator(f".sparky-side [data-sparky-task={work.task}]")
        expect(row).to_have_count(1, timeout=MS)
        _open_chat(page, work)
    once = sorted(["_index", *(work.chat for work in works)])
    wait_for(
        lambda: (
            sorted(chat for chat, _ in page.evaluate(OPEN) if chat in once) == once
            or page.wait_for_timeout(50)
        ),
        "each chat has one socket, whoever shows it",
        PATIENCE,
    )

    assert page.evaluate(HIDE) == []
    wait_for(
        lambda: page.evaluate("spied.waiting.size === 0") or page.wait_for_timeout(50),
        "what was to come in a moment has come, and nothing waits for a time or a frame",
        PATIENCE,
    )
    page.evaluate("() => { spied.asked.length = 0; }")
    for work in works:
        work.says(3)
    wanted = {work.chat: work.head for work in works}
    wait_for(
        lambda: wanted.items() <= dict(page.evaluate(OPEN)).items() or page.wait_for_timeout(50),
        "all was heard",
        PATIENCE,
    )
    assert page.evaluate("spied.asked") == []
    drawn = page.locator(f".sparky-main [data-sparky-chat={works[0].chat}]")
    assert drawn.get_attribute("data-offset") == "1"

    page.evaluate("beSeen(true)")
    for work in works:
        chat = page.locator(f".sparky-main [data-sparky-chat={work.chat}]")
        expect(chat).to_have_attribute("data-offset", str(work.head), timeout=MS)
    assert sorted(chat for chat, _ in page.evaluate(OPEN) if chat in once) == once


@pytest.mark.promise("P1")
def test_who_reads_back_keeps_what_is_before_his_eyes_however_much_comes(
    panel_lab: Lab, page: Page, log: Log
) -> None:
    work = Work(log, "reading")
    work.says(1_000)
    page.goto(f"{panel_lab.url}lab/workspaces/reading?token={panel_lab.token}")
    page.wait_for_selector("#sparky-panel", state="attached", timeout=MS)
    page.evaluate("() => window.jupyterapp.restored.then(() => null)")
    _open_chat(page, work)
    chat = page.locator(f".sparky-main [data-sparky-chat={work.chat}]")
    expect(chat.locator(f"[data-sparky-event='{work.head}']")).to_be_visible(timeout=MS)
    chat.locator(".sparky-scroll").hover()
    page.mouse.wheel(0, -1500)
    jump = chat.get_by_role("button", name="Jump to live")
    expect(jump).to_be_visible(timeout=MS)
    chat.evaluate(_AT_REST)  # a turn of the wheel scrolls on for some frames
    before = chat.evaluate(_FIRST_SEEN)
    for _ in range(12):
        work.says(500)
    expect(chat).to_have_attribute("data-offset", str(work.head), timeout=MS)
    assert chat.evaluate(_FIRST_SEEN) == before
    jump.click()
    expect(chat.locator(f"[data-sparky-event='{work.head}']")).to_be_visible(timeout=MS)
    expect(jump).to_have_count(0)
    work.says(1)
    expect(chat.locator(f"[data-sparky-event='{work.head}']")).to_be_visible(timeout=MS)


def test_what_is_past_stands_still_and_says_once_what_became_of_it_and_when(
    panel_lab: Lab, page: Page, log: Log
) -> None:
    work = Work(log, "past", ago_ms=7 * 86_400_000)
    work.is_lost("the kernel has died")
    page.goto(f"{panel_lab.url}lab/workspaces/past?token={panel_lab.token}")
    page.wait_for_function("() => window.jupyterapp?.commands.hasCommand('sparky:open-chat')")
    page.evaluate("() => window.jupyterapp.restored.then(() => null)")
    page.evaluate(
        "chatId => { window.jupyterapp.commands.execute('sparky:open-chat', {chatId}); }", work.chat
    )
    chat = page.locator(f".sparky-main [data-sparky-chat={work.chat}]")
    expect(chat.get_by_role("separator")).to_have_count(1, timeout=MS)  # the day, once
    expect(chat.locator(".sparky-tool")).to_have_attribute("data-status", "open")
    expect(chat.locator(".sparky-tool")).to_contain_text("no result")
    expect(chat.locator(".sparky-state-running")).to_have_count(0)
    expect(chat.get_by_text("the kernel has died")).to_have_count(1)


def test_what_a_long_output_has_lost_at_its_beginning_is_one_step_away(
    panel_lab: Lab, page: Page, log: Log, screens: Screens
) -> None:
    work = Work(log, "prints")
    work.prints(2_000)
    page.goto(f"{panel_lab.url}lab/workspaces/prints?token={panel_lab.token}")
    page.wait_for_selector("#sparky-panel", state="attached", timeout=MS)
    page.evaluate("() => window.jupyterapp.restored.then(() => null)")
    _open_chat(page, work)
    chat = page.locator(f".sparky-main [data-sparky-chat={work.chat}]")
    expect(chat.locator(".sparky-run")).to_contain_text("line 2001.", timeout=MS)
    expect(chat.locator(".sparky-run")).not_to_contain_text("line 1500.")
    screens.both(page, "cut")
    kept = chat.locator(".sparky-run [data-sparky-event]").first
    before = int(kept.get_attribute("data-sparky-event") or 0) - 2  # the first is the entry's own
    chat.get_by_role("button", name="Go to the output before this").click()
    marked = chat.locator(".sparky-mod-marked")
    expect(marked).to_contain_text(f"line {before}.", timeout=MS)
    expect(marked).to_contain_text(f"line {before - 100}.")
    expect(chat).to_contain_text("An earlier part")


def test_the_record_of_a_task_is_deleted_however_long_it_is(
    panel_lab: Lab, page: Page, log: Log
) -> None:
    work = Work(log, "long-record")
    work.says(10_500)
    work.is_lost("the kernel has died")
    page.goto(f"{panel_lab.url}lab/workspaces/record?token={panel_lab.token}")
    page.wait_for_function("() => window.jupyterapp?.commands.hasCommand('sparky:open-panel')")
    page.evaluate("() => window.jupyterapp.restored.then(() => null)")
    open_panel(page)
    row = page.locator(f".sparky-side [data-sparky-task={work.task}]")
    expect(row).to_have_count(1, timeout=MS)
    row.locator(".sparky-menu > summary").click()
    row.get_by_role("button", name="Delete its record").click()
    page.locator(".jp-Dialog").get_by_role("button", name="Delete").click()

    def kept() -> list[str]:
        wires = [*log.read(work.chat, limit=10_000).events]
        wires += log.read(work.chat, after=10_000, limit=10_000).events
        kinds = [event.type for event in map(decode_event, wires) if event.task_id == work.task]
        return [kind for kind in kinds if kind != "redacted"]

    wait_for(lambda: kept() == ["status"] or page.wait_for_timeout(50), "it is gone", PATIENCE)


def test_lists_that_could_not_be_read_are_read_again_by_themselves(
    panel_lab: Lab, page: Page, log: Log
) -> None:
    work = Work(log, "listed-late")
    refusal = {"error": {"code": "log_unavailable", "message": "it is locked"}}
    page.route("**/sparky/api/v1/tasks?**", lambda route: route.fulfill(status=503, json=refusal))
    page.goto(f"{panel_lab.url}lab/workspaces/late?token={panel_lab.token}")
    page.wait_for_function("() => window.jupyterapp?.commands.hasCommand('sparky:open-panel')")
    page.evaluate("() => window.jupyterapp.restored.then(() => null)")
    open_panel(page)
    side = page.locator(".sparky-side")
    expect(side).to_contain_text("now (it is locked). Trying again", timeout=MS)
    page.unroute("**/sparky/api/v1/tasks?**")
    # And what has not ended is there, however many have begun since.
    page.route("**/sparky/api/v1/tasks?limit=*", lambda route: route.fulfill(json=[]))
    expect(side.locator(f"[data-sparky-task={work.task}]")).to_have_count(1, timeout=MS)

"""Schedules in the panel: what one person does, everybody sees."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from sparky_nb.log import open_log
from sparky_nb.log.base import Log
from tests.live import wait_for
from tests.ui.lab import Lab
from tests.ui.panel.test_panel import AXE, open_panel
from tests.ui.panel.views import MS

pytestmark = pytest.mark.timeout(400)

# A kernel takes what is queued in its own chat, which begins with its first task.
AGENT = """
import sparky_nb
%load_ext sparky_nb
async def scripted(assignment):
    assignment.port.emit("thought", {"message_id": "m", "text": "on it", "final": True})
    return "tidied up"
%sparky config model=agent:scripted
sparky_nb.start(lambda: 1, name="The first").result(60)
print(sparky_nb.runner().chat_id)
"""
FUNCTION = """
import sparky_nb
%load_ext sparky_nb
def refresh():
    return "fresh"
"""


@pytest.fixture
def other(browser: Browser, panel_lab: Lab) -> Iterator[Page]:
    """Another person's page, with the panel open and no notebook."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    context.set_default_timeout(MS)
    page = context.new_page()
    page.goto(f"{panel_lab.url}lab/workspaces/other?token={panel_lab.token}")
    page.wait_for_function("() => window.jupyterapp && window.jupyterapp.shell.isAttached")
    page.evaluate("() => window.jupyterapp.restored")
    open_panel(page)
    yield page
    context.close()


@pytest.fixture
def log(panel_lab: Lab) -> Iterator[Log]:
    with open_log(panel_lab.log_url) as opened:
        yield opened
        for row in opened.schedules():
            opened.remove_schedule(row.schedule_id, actor="system", now_ms=0)


def section(page: Page) -> Locator:
    return page.locator(".sparky-side .sparky-schedules")


def row_of(page: Page, schedule_id: str) -> Locator:
    return section(page).locator(f"[data-sparky-schedule={schedule_id}]")


def sparky(lab: Lab, *words: str) -> str:
    """What ``sparky agent schedule …`` prints, on the log, past the server."""
    ran = subprocess.run(
        [sys.executable, "-m", "sparky_nb.cli", "agent", "schedule", *words, "--log", lab.log_url],
        check=True, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    return ran.stdout


def menu(row: Locator, item: str) -> None:
    row.locator("summary").click()
    row.get_by_role("button", name=item).click()


def finds_nothing_serious(page: Page) -> None:
    page.add_script_tag(path=AXE)
    found = page.evaluate(
        """async () => (await axe.run('.sparky-schedules', {resultTypes: ['violations']}))
          .violations.filter(v => ['serious', 'critical'].includes(v.impact))
          .map(v => [v.id, v.nodes.map(n => n.html.slice(0, 200) + n.failureSummary)])"""
    )
    assert not found


def test_a_schedule_is_made_in_one_page_and_looked_after_in_another(
    panel_lab: Lab, page: Page, other: Page, log: Log
) -> None:
    notebook = panel_lab.open(page, "schedules.ipynb", [AGENT])
    notebook.run(0)
    open_panel(page)
    asked: list[str] = []
    sockets: list[str] = []
    other.on("websocket", lambda it: sockets.append(it.url))
    other.on("request", lambda it: asked.append(it.url) if "/v1/schedules" in it.url else None)

    # Made with the keyboard; what is wrong is said at its field, which has the focus then.
    quiet = section(page).get_by_role("button", name="New schedule")
    expect(section(page).get_by_role("heading")).to_have_count(0)
    quiet.press("Enter")
    form = section(page).get_by_role("form", name="New schedule")
    instruction = form.get_by_label("Instruction")
    expect(instruction).to_be_focused()
    form.get_by_role("button", name="Schedule").click()
    expect(instruction).to_have_attribute("aria-invalid", "true")
    expect(instruction).to_be_focused()
    expect(instruction).to_have_accessible_description(re.compile("Expected: 1 to .* characters"))
    instruction.fill("Tidy <b>up</b>")
    form.get_by_label("By the calendar").check()
    form.get_by_label("Cron rule").fill("61 * * * *")
    form.get_by_role("button", name="Schedule").click()
    expect(form.get_by_label("Cron rule")).to_be_focused()
    expect(form.get_by_role("alert")).to_contain_text("five fields")
    form.get_by_label("Every so often").check()
    form.get_by_label("Every", exact=True).fill("1")
    form.get_by_label("Unit").select_option("seconds")
    form.get_by_label("Chat").select_option(label="schedules.ipynb")
    finds_nothing_serious(page)
    form.get_by_label("Every", exact=True).press("Enter")
    expect(form).to_have_count(0)
    expect(quiet).to_be_focused()
    expect(section(page).get_by_role("status")).to_contain_text("every second")

    # Seen everywhere, and watched from run to run over one socket.
    (made,) = log.schedules()
    schedule_id, chat_id = made.schedule_id, made.chat_id
    there = row_of(other, schedule_id)
    for each in (row_of(page, schedule_id), there):
        expect(each).to_contain_text("Tidy <b>up</b>", timeout=MS)
        expect(each).to_contain_text("every second")
    there.get_by_role("button", name="Tidy").click()
    chat = other.locator(f".sparky-main [data-sparky-chat={chat_id}]")
    expect(chat).to_have_attribute("data-connection", "live", timeout=MS)
    opened = len(sockets)
    expect(chat.locator(".sparky-result", has_text="tidied up").nth(2)).to_be_visible(timeout=MS)
    expect(there).to_contain_text(re.compile("completed|running|queued"))
    assert len(sockets) == opened

    # Paused by one, run by another, both as the log has it.
    row_of(page, schedule_id).get_by_role("button", name="Pause").press("Enter")
    expect(row_of(page, schedule_id).get_by_role("button", name="Resume")).to_be_focused(timeout=MS)
    expect(there).to_have_attribute("data-state", "paused", timeout=MS)
    expect(there).to_contain_text("paused")
    expect(there.locator(".sparky-state-completed")).to_be_visible(timeout=MS)
    fired = log.schedule(schedule_id).fired
    assert log.schedule(schedule_id).state == "paused"
    menu(there, "Run now")
    wait_for(
        lambda: other.wait_for_timeout(50) or log.schedule(schedule_id).fired == fired + 1, "it ran"
    )
    last = log.schedule(schedule_id).last_task
    expect(chat.locator(".sparky-status", has_text="completed")).to_have_count(
        fired + 2, timeout=MS
    )
    assert log.task(str(last)).state == "completed"

    # What the command line does is seen as it happens; nothing was asked for again and again.
    sparky(panel_lab, "resume", schedule_id)
    for each in (row_of(page, schedule_id), there):
        expect(each).to_have_attribute("data-state", "active", timeout=MS)
    words = "add", "--cron", "0 8 * * 1-5", "--timezone", "America/New_York", "Report"
    second = sparky(panel_lab, *words).split()[-1]
    expect(row_of(other, second)).to_contain_text(
        "at 08:00 on Monday through Friday (America/New_York)", timeout=MS
    )
    expect(row_of(other, second)).to_contain_text("not run yet")
    sparky(panel_lab, "remove", second)
    expect(row_of(other, second)).to_have_count(0, timeout=MS)
    gets = [url for url in asked if not url.split("?")[0].endswith(schedule_id)]
    assert [url.split("?")[0].rsplit("/", 1)[1] for url in gets] == [second]

    # Removed, once that was confirmed.
    dark = "'apputils:change-theme', {theme: 'JupyterLab Dark'}"
    page.evaluate(f"() => window.jupyterapp.commands.execute({dark})")
    finds_nothing_serious(page)
    menu(row_of(page, schedule_id), "Remove")
    dialog = page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("Its tasks stay")
    dialog.get_by_role("button", name="Remove").click()
    expect(there).to_have_count(0, timeout=MS)
    expect(section(other).get_by_role("heading")).to_have_count(0)
    assert log.schedules() == []
    assert log.task(str(last)).state == "completed"


def test_a_function_whose_kernel_is_gone_waits_for_its_notebook_and_the_row_says_so(
    panel_lab: Lab, page: Page, log: Log
) -> None:
    add = "it = sparky_nb.schedule(refresh, every='1h')"
    notebook = panel_lab.open(page, "function.ipynb", [FUNCTION, add])
    notebook.run(0)
    notebook.run(1)
    open_panel(page)
    (made,) = log.schedules()
    row = row_of(page, made.schedule_id)
    expect(row).to_contain_text("needs its notebook, which has refresh()", timeout=MS)
    menu(row, "Run now")
    expect(row.locator(".sparky-state-completed")).to_be_visible(timeout=MS)
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    wait_for(
        lambda: (
            page.wait_for_timeout(50)
            or not [it for it in log.runners() if it.chat_id == made.chat_id]
        ),
        "the kernel is gone",
    )
    menu(row, "Run now")
    expect(row).to_contain_text("waits for its notebook, which has refresh()", timeout=MS)
    task_id = str(log.schedule(made.schedule_id).last_task)
    assert log.task(task_id).state == "queued"
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.startKernel()")
    notebook.ready()
    notebook.begin(0)  # a new kernel counts its cells from 1 again
    expect(row.locator(".sparky-state-completed")).to_be_visible(timeout=MS)
    assert log.task(task_id).result == "fresh"

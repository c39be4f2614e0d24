"""What people expect around a task: done in the page, and then found in the log."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from sparky_nb.events.codec import decode_event
from sparky_nb.events.model import Event
from sparky_nb.log import open_log
from tests.live import wait_for
from tests.ui.lab import PATIENCE, Lab
from tests.ui.panel.spy import NOTICES
from tests.ui.panel.test_inline import begin, finishes, step
from tests.ui.panel.views import MS, View

pytestmark = pytest.mark.timeout(400)


def panel(page: Page) -> Locator:
    """The panel, opened from its tab."""
    page.evaluate("() => { window.jupyterapp.commands.execute('sparky:open-panel'); }")
    side = page.locator(".sparky-side")
    expect(side).to_be_visible(timeout=MS)
    return side


def choose(row: Locator, name: str) -> None:
    """Something from a row's menu."""
    row.locator(".sparky-menu > summary").click()
    choice = row.get_by_role("button", name=name, exact=True)
    assert choice.evaluate("it => it.scrollWidth <= it.clientWidth"), "it can be read in full"
    choice.click()


def chat_of(lab: Lab, task_id: str) -> str:
    with open_log(lab.log_url) as log:
        return log.task(task_id).chat_id


def events_of(lab: Lab, task_id: str) -> list[Event]:
    with open_log(lab.log_url) as log:
        page = log.read(chat_of(lab, task_id), after=0, limit=10_000)
    return [event for event in map(decode_event, page.events) if event.task_id == task_id]


def test_a_chat_is_renamed_archived_and_deleted_in_the_panel(panel_lab: Lab, page: Page) -> None:
    _, view = begin(panel_lab, page, "chores.ipynb")
    task_id = view.task_id
    chat_id = chat_of(panel_lab, task_id)
    side = panel(page)
    page.set_viewport_size({"width": 1280, "height": 240})
    scrolled = "it => it.scrollHeight > it.clientHeight"
    assert side.locator(".sparky-lists").evaluate(scrolled)
    assert not side.evaluate(scrolled), "its lists scroll, the side bar's head stays"
    page.set_viewport_size({"width": 1280, "height": 720})
    row, task = (
        side.locator(f"[data-sparky-chat={chat_id}]"),
        side.locator(f"[data-sparky-task={task_id}]"),
    )
    choose(row, "Rename")
    dialog = page.locator(".jp-Dialog")
    expect(dialog.locator("input")).to_have_value("chores.ipynb")  # as it is shown
    dialog.locator("input").fill("Chores of <b>today</b>")
    dialog.get_by_role("button", name="Rename").click()
    expect(row.locator(".sparky-title")).to_have_text("Chores of <b>today</b>", timeout=MS)
    with open_log(panel_lab.log_url) as log:
        assert log.chat(chat_id).title == "Chores of <b>today</b>"

    choose(row, "Archive")
    expect(row).to_have_count(0)
    expect(task).to_have_count(0)
    wait_for(lambda: page.evaluate(_ARCHIVED) == [chat_id], "the setting is saved", PATIENCE)
    page.reload()
    page.wait_for_function("() => window.jupyterapp?.restored.then(() => true)")
    panel(page)  # the layout may not have been saved yet
    expect(side.get_by_role("button", name="Show archived")).to_be_visible(timeout=MS)
    expect(row).to_have_count(0)
    side.get_by_role("button", name="Show archived").click()
    choose(row, "Take out of the archive")
    expect(side.get_by_role("button", name=re.compile("archived"))).to_have_count(0)
    expect(task).to_have_attribute("data-state", "running")

    choose(row, "Delete")
    dialog.get_by_role("button", name="Delete").click()
    expect(dialog).to_contain_text("still running")
    dialog.get_by_role("button", name="Cancel them and delete").click()
    expect(row).to_have_count(0, timeout=MS)
    expect(task).to_have_count(0)
    with open_log(panel_lab.log_url) as log:
        assert chat_id not in {chat.chat_id for chat in log.chats()}


_ARCHIVED = """async () => {
  const answer = await fetch('/lab/api/settings/@sparky-nb/labextension:plugin');
  const {raw} = await answer.json();
  return JSON.parse(raw.replace(/^\\s*\\/\\/.*$/gm, '') || '{}').archivedChats;
}"""


def test_the_history_of_a_task_is_exported_and_its_record_deleted(
    panel_lab: Lab, page: Page, browser: Browser, tmp_path: Path
) -> None:
    notebook, view = begin(panel_lab, page, "record.ipynb")
    finishes(panel_lab, notebook, view)
    task_id = view.task_id
    row = panel(page).locator(f"[data-sparky-task={task_id}]")
    with page.expect_download() as download:
        choose(row, "Export as HTML")
    assert download.value.suggested_filename == f"{task_id}.html"
    download.value.save_as(tmp_path / "task.html")
    context = browser.new_context(offline=True, timezone_id="Asia/Tokyo")
    with context.new_page() as alone:
        asked: list[str] = []
        alone.on("request", lambda request: asked.append(request.url))
        alone.goto((tmp_path / "task.html").as_uri())
        expect(alone.get_by_role("heading", name="Work")).to_be_visible()
        body = alone.locator("body")
        for text in ("completed", "printed 1", "fetch", '"files": 300', "all done"):
            expect(body).to_contain_text(text)
        assert [url for url in asked if not url.startswith("file:")] == []
        assert alone.locator("script").count() == 0
    context.close()

    told = len(events_of(panel_lab, task_id))
    choose(row, "Delete its record")
    expect(page.locator(".jp-Dialog")).to_contain_text("the record of “Work”")
    page.locator(".jp-Dialog").get_by_role("button", name="Delete").click()

    def gone() -> bool:
        events = events_of(panel_lab, task_id)
        return [e.type for e in events if e.type != "redacted"] == ["status"] and len(
            events
        ) == told

    wait_for(gone, "all but its last state is a tombstone", PATIENCE)
    expect(view.node).not_to_contain_text("printed", timeout=MS)
    expect(view.node).to_have_attribute("data-state", "completed")
    expect(row).to_have_attribute("data-state", "completed")
    expect(row).to_contain_text("No record", timeout=MS)


def test_what_failed_runs_again_and_what_can_not_says_why(panel_lab: Lab, page: Page) -> None:
    flaky = """
import pathlib, sparky_nb
def flaky():
    assert pathlib.Path("flaky-is-mended").exists(), "not mended yet"
    return "mended"
sparky_nb.start(flaky, name="Flaky")
"""
    notebook = panel_lab.open(page, "again.ipynb", [flaky])
    notebook.run(0)
    view = View.under(notebook, 0)
    view.is_in("failed")
    view.sees("AssertionError: not mended yet")
    view.node.get_by_text("Traceback", exact=True).click()
    view.sees("in flaky")
    first = view.task_id
    (panel_lab.work / "flaky-is-mended").touch()
    view.press("Run again")
    expect(view.node).to_have_count(2, timeout=MS)  # the second below the first
    second = view.node.nth(1)
    expect(second).to_have_attribute("data-state", "completed", timeout=MS)
    expect(second).to_contain_text("mended")
    begun = events_of(panel_lab, second.get_attribute("data-sparky-task") or "")[0]
    assert begun.data["retry_of"] == first

    page.evaluate("() => { window.jupyterapp.shell.currentWidget.sessionContext.restartKernel(); }")
    notebook.ready()
    view.node.first.get_by_role("button", name="Run again").click()
    toast = page.locator(".Toastify__toast").filter(has_text="run its cell again")
    expect(toast).to_be_visible(timeout=MS)
    toast.get_by_role("button", name="Dismiss").or_(toast.locator("button")).first.click()


def test_the_desktop_is_told_of_what_ends_or_asks_while_the_page_is_hidden(
    panel_lab: Lab, page: Page
) -> None:
    page.add_init_script(NOTICES)
    works = """
import pathlib, threading, sparky_nb
def goes_on(name):
    while not pathlib.Path(f"notices-{name}").exists():
        threading.Event().wait(0.05)
def works(task, name):
    goes_on(name)
    if name == "asks":
        task.ask("Well?")
    if name == "fails":
        raise ValueError(name)
hostile = "<img src=x onerror=alert(1)>\\x1b]0;title\\x07\\u202e" + "a" * 150
names = {"seen": "seen", "works": hostile, "asks": "asks", "fails": "fails"}
tasks = [sparky_nb.start(works, name, name=shown) for name, shown in names.items()]
"""
    notebook = panel_lab.open(page, "notices.ipynb", [works])
    notebook.run(0)
    side = panel(page)

    def row(name: str) -> Locator:
        return side.locator("[data-sparky-task]").filter(
            has=page.get_by_text(name, exact=True), has_text="notices.ipynb"
        )

    step(panel_lab, notebook, "seen")
    expect(row("seen")).to_have_attribute("data-state", "completed", timeout=MS)
    page.evaluate("hide(true)")
    for n, name in enumerate(("works", "asks")):
        step(panel_lab, notebook, name)
        page.wait_for_function("n => notices.length > n", arg=n)
    # Nor is it missed what happened while the page was cut off, though the stream tells it no more.
    dialog = page.locator(".jp-Dialog")  # JupyterLab's own, if it asked for something just then
    page.add_locator_handler(dialog, lambda it: it.locator("button.jp-mod-accept").click())
    page.context.set_offline(True)
    step(panel_lab, notebook, "fails")
    with open_log(panel_lab.log_url) as log:
        wait_for(lambda: log.tasks(limit=1)[0].state == "failed", "it has failed", PATIENCE)
        log.trim("_index", log.position("_index").head + 1)
    page.context.set_offline(False)
    page.wait_for_function("() => notices.length > 2")
    titles = page.evaluate("notices.map(each => each.title)")
    # A notice is plain text: of a hostile name what can be read, and not too much of it.
    works = "<img src=x onerror=alert(1)>" + "a" * 92
    assert titles == [f"{works} completed", "asks asks something", "fails failed"]
    page.evaluate("() => { hide(false); notices[2].onclick(); }")
    chat = page.locator(".sparky-main")
    expect(chat.locator("[data-sparky-task]")).to_have_attribute("data-state", "failed", timeout=MS)
    expect(chat).to_contain_text("ValueError: fails")
    row("asks").get_by_role("button", name="Cancel").click()
    expect(row("asks")).to_have_attribute("data-state", "cancelled", timeout=MS)
    assert len(page.evaluate("notices")) == 3, "nothing is told to who is looking"

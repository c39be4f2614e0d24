"""The panel: what runs, what happened, and what can be done about it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import APIResponse, Browser, Page, Route, expect

from tests.live import wait_for
from tests.ui.lab import PATIENCE, Lab
from tests.ui.panel.test_inline import SETUP, begin, finishes, step
from tests.ui.panel.views import MS, View
from tests.ui.screens import wear

pytestmark = pytest.mark.timeout(400)
AXE = Path(__file__).parents[3] / "labextension" / "node_modules" / "axe-core" / "axe.min.js"


# Of what changes colour by and by, axe would see something in between.
_COLOURS_ARE_THERE = """() => document.getAnimations()
  .every(each => !(each instanceof CSSTransition) || each.playState === 'finished')"""


def open_panel(page: Page) -> None:
    page.evaluate("window.jupyterapp.commands.execute('sparky:open-panel')")


def test_the_panel_lists_tasks_live_and_opens_their_chats(panel_lab: Lab, page: Page) -> None:
    notebook, view = begin(panel_lab, page, "listed.ipynb")
    task_id = view.task_id
    expect(page.locator(".jp-SideBar [title*='Sparky']")).to_have_count(1)
    open_panel(page)
    row = page.locator(f".sparky-side [data-sparky-task={task_id}]")
    expect(row).to_have_attribute("data-state", "running")
    step(panel_lab, notebook, 1)
    expect(row.get_by_role("progressbar")).to_be_visible(timeout=MS)
    row.get_by_role("button", name="Work").first.click()
    chat = page.locator(".sparky-main")
    expect(chat.locator(".sparky-tool").first).to_be_visible(timeout=MS)
    chat.get_by_role("button", name="Tool calls").click()
    expect(chat.locator(".sparky-tool")).to_have_count(0)
    chat.get_by_role("button", name="Tool calls").click()
    for n in (2, 3):
        step(panel_lab, notebook, n)
    expect(row).to_have_attribute("data-state", "completed", timeout=MS)
    expect(chat).to_contain_text("all done", timeout=MS)
    offsets = chat.locator("[data-sparky-event]").evaluate_all(
        "nodes => nodes.filter(n => n.dataset.type).map(n => Number(n.dataset.sparkyEvent))"
    )
    assert offsets == sorted(set(offsets))


def test_an_answer_that_comes_late_does_not_take_a_state_back(panel_lab: Lab, page: Page) -> None:
    late: list[tuple[Route, APIResponse]] = []
    page.route(re.compile("/api/v1/tasks/task-"), lambda route: late.append((route, route.fetch())))
    asks = """
def asks(task):
    wait_for(1)
    task.ask("Now?")
sparky_nb.start(asks, name="Asks late")
"""
    first = 'sparky_nb.start(print, "x", name="Early")'  # from then on there is an overview
    notebook = panel_lab.open(page, "late.ipynb", [SETUP, first, asks])
    open_panel(page)
    notebook.run(0)
    notebook.run(1)
    early = page.locator(".sparky-side [data-sparky-task]").filter(has_text="late.ipynb")
    expect(early).to_contain_text("Early", timeout=MS)
    late.clear()
    notebook.run(2)
    view = View.under(notebook, 2)
    view.is_in("running")
    wait_for(lambda: late or page.wait_for_timeout(50), "the panel asks about the task", PATIENCE)
    step(panel_lab, notebook, 1)
    row = page.locator(f".sparky-side [data-sparky-task={view.task_id}]")
    expect(row).to_have_attribute("data-state", "waiting", timeout=MS)
    for route, answer in late:
        assert answer.json()["state"] == "running"  # it was, when it was asked
        route.fulfill(response=answer)
    cell = row.get_by_role("button", name="Go to its cell", include_hidden=True)
    expect(cell).to_have_count(1, timeout=MS)  # the answer has come
    expect(row).to_have_attribute("data-state", "waiting")
    view.press("Cancel")
    view.is_in("cancelled")


def test_a_question_is_answered_and_a_task_cancelled_from_the_page(
    panel_lab: Lab, page: Page
) -> None:
    ask = """
import sparky_nb
def asks(task):
    word = task.ask("Which **word**?")
    task.message(f"you said {word}")
    choice = task.ask("Go on?", choices=["yes", "no"])
    task.message(f"and {choice}")
    task.ask("Never answered")
sparky_nb.start(asks, name="Asks")
"""
    notebook = panel_lab.open(page, "asks.ipynb", ["import sparky_nb", ask])
    notebook.run(1)
    view = View.under(notebook, 1)
    view.is_in("waiting")
    view.node.get_by_label("Your answer").fill("hello")
    view.node.get_by_label("Your answer").press("Enter")
    view.sees("you said hello")
    view.press("yes")
    view.sees("and yes")
    view.press("Cancel")
    view.is_in("cancelled")
    # An answer is told once, at its question, and so is that there was none.
    asked = view.node.locator(".sparky-asked")
    expect(asked).to_contain_text([": hello", ": yes", "not answered"])
    expect(view.node.locator(".sparky-received")).to_have_count(0)
    expect(view.node.get_by_text("sent an answer")).to_have_count(0)
    view.equals_the_log(panel_lab)


def test_who_else_is_watching_is_shown(panel_lab: Lab, page: Page, browser: Browser) -> None:
    _, view = begin(panel_lab, page, "together.ipynb")
    context = browser.new_context()
    with context.new_page() as second:
        second.goto(
            f"{panel_lab.url}lab/workspaces/friend/tree/together.ipynb?token={panel_lab.token}"
        )
        other = View(second, second.locator(".jp-Notebook .jp-Cell").nth(1))
        other.is_live()
        expect(view.node.locator(".sparky-viewer")).to_have_count(1, timeout=MS)
        other.press("Cancel")  # a command by one is seen by all
        view.is_in("cancelled")
        view.sees("asked to cancel")
    context.close()


def test_a_link_leads_to_a_task_in_its_chat(panel_lab: Lab, page: Page) -> None:
    notebook, view = begin(panel_lab, page, "linked.ipynb")
    finishes(panel_lab, notebook, view)
    task_id = view.task_id
    chat_id = page.evaluate(
        "async id => (await (await fetch(`/sparky/api/v1/tasks/${id}`)).json()).chat_id", task_id
    )
    page.goto(f"{panel_lab.url}lab/workspaces/link#sparky?chat={chat_id}&task={task_id}")
    chat = page.locator(f".sparky-main [data-sparky-chat={chat_id}]")
    expect(chat).to_contain_text("all done", timeout=MS)
    expect(chat.locator(f"[data-sparky-task={task_id}]")).to_have_attribute(
        "data-state", "completed"
    )


def test_axe_finds_nothing_serious_in_any_theme(panel_lab: Lab, page: Page) -> None:
    notebook, view = begin(panel_lab, page, "axe.ipynb", SETUP)
    step(panel_lab, notebook, 1)
    view.sees("printed 1")
    open_panel(page)
    page.locator(f".sparky-side [data-sparky-task={view.task_id}] .sparky-row-main").click()
    expect(page.locator(".sparky-main .sparky-tool").first).to_be_visible(timeout=MS)
    page.locator(".sparky-main").get_by_role("searchbox", name="Search").fill("fetch")
    expect(page.locator(".sparky-main .sparky-reach")).to_be_visible()
    page.add_script_tag(path=AXE)
    for theme in ("JupyterLab Light", "JupyterLab Dark", "JupyterLab Dark High Contrast"):
        wear(page, theme)
        page.wait_for_function(_COLOURS_ARE_THERE)
        found = page.evaluate(
            """async () => (await axe.run({include: [['.sparky-side'], ['.sparky-main'],
              ['.sparky-statusitem']]}, {resultTypes: ['violations']})).violations
              .filter(v => ['serious', 'critical'].includes(v.impact))
              .map(v => [v.id, v.nodes.map(n => n.html.slice(0, 200) + n.failureSummary)])"""
        )
        assert not found, (theme, found)
    assert re.match("running", view.node.get_attribute("data-state") or "")


def test_a_kernel_with_running_tasks_is_not_ended_without_a_question(
    panel_lab: Lab, page: Page
) -> None:
    apart = """
def apart(task):
    task.ask("How long?")
sparky_nb.start(apart, name="Apart", on="process")
"""
    notebook, view = begin(panel_lab, page, "guard.ipynb", apart)
    notebook.run(2)
    outlives = View.under(notebook, 2)
    outlives.is_in("waiting")
    page.evaluate("() => { window.jupyterapp.shell.currentWidget.sessionContext.restartKernel(); }")
    dialog = page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("1 task is running in this kernel")  # the other one outlives it
    expect(dialog).to_contain_text("Work")
    dialog.get_by_role("button", name="Keep it running").click()
    expect(dialog).to_have_count(0)
    view.is_in("running")

    # Who keeps it does not want all cells to be run once more either.
    counts = "() => [...document.querySelectorAll('.jp-InputPrompt')].map(it => it.textContent)"
    before = page.evaluate(counts)
    page.evaluate(
        "() => { window.done = window.jupyterapp.commands.execute('notebook:restart-run-all'); }"
    )
    expect(dialog).to_contain_text("1 task is running in this kernel")
    dialog.get_by_role("button", name="Keep it running").click()
    page.evaluate("() => window.done.then(() => null)")
    expect(dialog).to_have_count(0)
    assert page.evaluate(counts) == before

    # Nor is it ended from a console that is on the same kernel.
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:create-console'); }")
    expect(page.locator(".jp-CodeConsole-input").last).to_be_visible(timeout=MS)
    page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.console?.sessionContext.session?.kernel"
    )
    for end in (
        "commands.execute('console:restart-kernel')",
        "shell.currentWidget.console.sessionContext.restartKernel()",
    ):
        page.evaluate(f"() => {{ window.done = window.jupyterapp.{end}; }}")
        expect(dialog).to_contain_text("1 task is running in this kernel", timeout=MS)
        dialog.get_by_role("button", name="Keep it running").click()
        page.evaluate("() => window.done.then(() => null)")
        expect(dialog).to_have_count(0)
    page.evaluate("() => window.jupyterapp.shell.currentWidget.close()")
    view.is_in("running")

    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:restart-kernel'); }")
    dialog.get_by_role("button", name="End it").click()
    expect(dialog).to_contain_text("Restart Kernel?")
    dialog.locator(".jp-mod-accept").click()
    ended = re.compile("cancelled|lost")
    expect(view.node).to_have_attribute("data-state", ended, timeout=MS)
    expect(dialog).to_have_count(0)  # asked once
    outlives.is_in("waiting")
    outlives.press("Cancel")
    outlives.is_in("cancelled")

"""The view under the cell lives through all that people do to a page."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.ui.lab import Lab, Notebook
from tests.ui.panel.views import MS, View

pytestmark = pytest.mark.timeout(400)

# The task goes on when the test touches a file: nothing here depends on speed.
SETUP = """
import pathlib, threading, sparky_nb
name = pathlib.Path(__import__("os").environ["JPY_SESSION_NAME"]).stem

def wait_for(step):
    while not pathlib.Path(f"{name}-{step}").exists():
        threading.Event().wait(0.05)

def work(task):
    for n in range(1, 4):
        with task.tool("fetch", part=n) as call:
            wait_for(n)
            call.result = {"files": 100 * n}
        task.progress(n, 3, f"part {n}")
        print(f"printed {n}")
    task.message("**all done**")
    return n
"""
START = 'sparky_nb.start(work, name="Work")'


def step(lab: Lab, notebook: Notebook, n: int | str) -> None:
    """Let the task (or the cell) go on."""
    (lab.work / f"{notebook.path.stem}-{n}").touch()


def begin(lab: Lab, page: Page, name: str, *more: str) -> tuple[Notebook, View]:
    notebook = lab.open(page, name, [SETUP, START, *more])
    notebook.run(0)
    notebook.run(1)
    view = View.under(notebook, 1)
    view.is_in("running")
    view.is_live()
    return notebook, view


def finishes(lab: Lab, notebook: Notebook, view: View, first: int = 1) -> None:
    """The rest of the task is seen live, whole and in order."""
    for n in range(first, 4):
        step(lab, notebook, n)
        view.sees(f"printed {n}")
    view.is_in("completed")
    view.sees("all done")
    view.equals_the_log(lab)
    expect(view.node).to_have_count(1)


@pytest.mark.promise("P1", "P2")
def test_a_task_is_live_under_its_cell(panel_lab: Lab, page: Page) -> None:
    notebook, view = begin(panel_lab, page, "live.ipynb")
    finishes(panel_lab, notebook, view)


@pytest.mark.promise("P1", "P4")
def test_it_is_live_again_after_a_reload_of_a_saved_notebook(panel_lab: Lab, page: Page) -> None:
    notebook, view = begin(panel_lab, page, "saved.ipynb")
    task_id = view.task_id
    notebook.save()
    step(panel_lab, notebook, 1)
    notebook.reload()
    view.is_live()
    assert view.task_id == task_id
    finishes(panel_lab, notebook, view)


@pytest.mark.promise("P1", "P4")
def test_it_is_put_back_after_a_reload_without_saving(panel_lab: Lab, page: Page) -> None:
    notebook, view = begin(panel_lab, page, "unsaved.ipynb")
    task_id = view.task_id
    step(panel_lab, notebook, 1)
    notebook.reload()
    view.is_live()
    assert view.task_id == task_id
    finishes(panel_lab, notebook, view)
    cells = "window.jupyterapp.shell.currentWidget.content.model.cells"
    count = page.evaluate(f"() => {cells}.get(1).outputs.length")
    assert count == 0, "putting a view back does not change the notebook"


def test_far_down_the_page_it_is_put_back_below_its_cell(panel_lab: Lab, page: Page) -> None:
    tall = "# a long cell" + "\n#" * 200
    cells = ["%load_ext sparky_nb", tall, "%%sparky task --name Far\n1 + 1"]
    notebook = panel_lab.open(page, "far.ipynb", cells)
    notebook.run(0)
    notebook.run(2)
    view = page.locator(".jp-Notebook [data-sparky-task]")
    view.wait_for(state="attached")
    notebook.reload()
    view.wait_for(state="attached")
    view.scroll_into_view_if_needed()
    page.wait_for_function(
        """() => {
          const view = document.querySelector('.jp-Notebook [data-sparky-task]');
          const outputs = view && view.closest('.jp-Cell').querySelector('.jp-Cell-outputWrapper');
          const after = Node.DOCUMENT_POSITION_FOLLOWING;
          return outputs && (outputs.compareDocumentPosition(view) & after) !== 0;
        }"""
    )


@pytest.mark.promise("P1", "P4")
def test_three_reloads_in_a_row_miss_nothing(panel_lab: Lab, page: Page) -> None:
    notebook, view = begin(panel_lab, page, "thrice.ipynb")
    for n in (1, 2):
        step(panel_lab, notebook, n)
        page.reload()
    notebook.reload()
    view.is_live()
    finishes(panel_lab, notebook, view, first=3)


@pytest.mark.promise("P1", "P7")
def test_it_is_live_again_while_the_kernel_is_busy_with_another_cell(
    panel_lab: Lab, page: Page
) -> None:
    notebook, view = begin(panel_lab, page, "busy.ipynb", 'wait_for("free")')
    notebook.begin(2)
    page.reload()
    view.is_live()  # while the kernel can't answer anybody
    for n in (1, 2, 3):
        step(panel_lab, notebook, n)
        view.sees(f"printed {n}")
    view.is_in("completed")
    view.equals_the_log(panel_lab)
    step(panel_lab, notebook, "free")


@pytest.mark.promise("P1", "P7")
def test_a_second_page_on_the_same_notebook_shows_it_too(panel_lab: Lab, page: Page) -> None:
    notebook = panel_lab.open(page, "two.ipynb", [SETUP, START])
    with page.context.new_page() as second:
        second.goto(page.url.replace("/tree/", "-second/tree/"))
        other = Notebook(second, notebook.path)
        other.ready()
        notebook.run(0)
        notebook.run(1)
        view, copy = View.under(notebook, 1), View.under(other, 1)
        view.is_live()
        copy.is_live()
        assert copy.task_id == view.task_id
        step(panel_lab, notebook, 1)
        copy.sees("printed 1")
        finishes(panel_lab, notebook, view, first=2)
        copy.is_in("completed")
        copy.equals_the_log(panel_lab)


@pytest.mark.promise("P4", "P10")
def test_a_notebook_that_was_closed_shows_it_when_it_is_opened_again(
    panel_lab: Lab, page: Page, browser: Browser
) -> None:
    notebook, view = begin(panel_lab, page, "later.ipynb")
    notebook.save()
    page.close()
    for n in (1, 2, 3):
        step(panel_lab, notebook, n)
    context = browser.new_context()
    with context.new_page() as another:
        another.goto(
            f"{panel_lab.url}lab/workspaces/later/tree/later.ipynb?token={panel_lab.token}"
        )
        view = View.under(Notebook(another, notebook.path), 1)
        view.is_in("completed")
        view.sees("all done")
        view.equals_the_log(panel_lab)
    context.close()


@pytest.mark.promise("P6")
def test_after_a_restart_of_the_kernel_it_tells_an_honest_ending(
    panel_lab: Lab, page: Page
) -> None:
    notebook, view = begin(panel_lab, page, "restart.ipynb")
    step(panel_lab, notebook, 1)
    view.sees("printed 1")
    restart = "() => { window.jupyterapp.shell.currentWidget.sessionContext.restartKernel(); }"
    page.evaluate(restart)
    page.get_by_role("button", name="End it").click()
    expect(view.node).to_have_attribute("data-state", re.compile("cancelled|lost"), timeout=MS)
    expect(view.node.get_by_role("button", name="Run again")).to_be_visible()


@pytest.mark.promise("P1", "P2", "P3")
def test_it_is_live_again_after_the_server_was_restarted(own_lab: Lab, page: Page) -> None:
    notebook, view = begin(own_lab, page, "server.ipynb")
    step(own_lab, notebook, 1)
    view.sees("printed 1")
    own_lab.kill()  # its kernels die with it
    view.is_connected("reconnecting")
    own_lab.start()
    view.is_live()
    view.is_in("lost")
    view.equals_the_log(own_lab)

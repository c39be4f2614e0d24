"""Where something that a view needs is not there: it shows what was saved, and says so."""

from __future__ import annotations

import json
import os
import shutil
import signal

import pytest
from playwright.sync_api import Page, expect

from sparky_nb.log import open_log
from sparky_nb.log.liveness import RunnerIdentity
from tests.ui.lab import Lab, running_lab
from tests.ui.panel.test_inline import begin, finishes, step
from tests.ui.panel.views import View, chat_of, events_of
from tests.ui.screens import Screens

pytestmark = pytest.mark.timeout(400)
MIME = "application/vnd.sparky-nb.task.v1+json"
WIDGET_MIME = "application/vnd.jupyter.widget-view+json"


def test_a_notebook_copied_to_where_its_log_is_not_shows_what_was_saved_and_says_so(
    panel_lab: Lab, page: Page, screens: Screens
) -> None:
    notebook, view = begin(panel_lab, page, "copied.ipynb")
    finishes(panel_lab, notebook, view)
    notebook.save()
    task_id = view.task_id
    (output,) = json.loads(notebook.path.read_text("utf-8"))["cells"][1]["outputs"]
    # What VS Code, Colab, nbviewer and a terminal draw; none of them knows the first.
    assert set(output["data"]) == {MIME, WIDGET_MIME, "text/html", "text/plain"}
    assert output["data"][MIME]["task_id"] == task_id
    assert len(json.dumps(output["data"])) < 20_000

    with running_lab() as elsewhere:
        elsewhere.work.mkdir(exist_ok=True)
        shutil.copy(notebook.path, elsewhere.work / "copied.ipynb")
        page.context.clear_cookies()
        copy = elsewhere.visit(page, "copied.ipynb")
        cell = page.locator(".jp-Notebook .jp-Cell").nth(1)
        expect(cell).to_contain_text("recorded in another log than the one this server reads")
        expect(cell).to_contain_text("Work")  # the saved html
        expect(cell.locator(".sparky-task script")).to_have_count(0)
        screens.both(page, "another-log")
        assert not copy.path.with_suffix(".db").exists()


@pytest.mark.promise("P3", "P6")
def test_when_its_kernel_was_killed_a_view_tells_how_it_ended_and_is_whole(
    panel_lab: Lab, page: Page, screens: Screens
) -> None:
    notebook, view = begin(panel_lab, page, "dead.ipynb")
    step(panel_lab, notebook, 1)
    view.sees("printed 1")
    with open_log(panel_lab.log_url) as log:
        kernel = RunnerIdentity.parse(log.task(view.task_id).runner or "")
    os.kill(kernel.pid, signal.SIGKILL)
    view.is_in("lost")
    view.is_live()  # it needs no kernel
    page.reload()
    view = View(page, page.locator(".jp-Notebook .jp-Cell").nth(1))
    view.is_in("lost")
    view.sees("printed 1")
    view.reads_as_the_log(panel_lab)
    screens.keep(page, "lost")
    endings = [
        event.data["state"]
        for event in events_of(panel_lab, chat_of(panel_lab, view.task_id))
        if event.type == "status" and event.data["state"] not in ("running", "queued", "waiting")
    ]
    assert endings == ["lost"]

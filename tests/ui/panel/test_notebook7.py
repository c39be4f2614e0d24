"""Notebook 7 has the same views: under the cell, and the panel at its side."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, expect

from tests.live import wait_for
from tests.ui.lab import PATIENCE, Lab, _notebook
from tests.ui.panel.test_inline import SETUP, START
from tests.ui.panel.views import MS, View

pytest.importorskip("notebook")
pytestmark = pytest.mark.timeout(400)

_IDLE = """() => {
  const kernel = window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel;
  return kernel?.connectionStatus === 'connected' && kernel.status === 'idle';
}"""


def test_a_task_is_live_in_notebook_7_and_again_after_an_unsaved_reload(
    panel_lab: Lab, page: Page
) -> None:
    path = panel_lab.work / "seven.ipynb"
    path.write_text(json.dumps(_notebook([SETUP, START])), encoding="utf-8")
    page.goto(f"{panel_lab.url}notebooks/seven.ipynb?token={panel_lab.token}")
    wait_for(lambda: page.evaluate(_IDLE) or page.wait_for_timeout(50), "idle", PATIENCE)
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
    view = View(page, page.locator(".jp-Notebook .jp-Cell").nth(1))
    view.is_in("running")
    task_id = view.task_id
    (panel_lab.work / "seven-1").touch()
    view.sees("printed 1")
    page.reload()
    view.is_live()
    assert view.task_id == task_id
    for n in (2, 3):
        (panel_lab.work / f"seven-{n}").touch()
    view.is_in("completed")
    view.equals_the_log(panel_lab)
    view.press("Open in Sparky")
    expect(page.locator(".sparky-side")).to_contain_text("all done", timeout=MS)

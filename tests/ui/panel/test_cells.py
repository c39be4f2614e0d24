"""Views and their cells: which come back, what a file keeps, what a kernel's end asks."""

from __future__ import annotations

import json
import os
import re
import time
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from sparky_nb.log import open_log
from tests.live import wait_for
from tests.ui.lab import PATIENCE, Lab, Notebook
from tests.ui.panel.test_inline import begin, finishes
from tests.ui.panel.views import MS, View

pytestmark = pytest.mark.timeout(400)

SEVERAL = """
import sparky_nb
from IPython.display import display
for n in range(3):
    display(sparky_nb.start(lambda: 1, name=f"{WORD} {n}"))
get_ipython().run_line_magic("sparky", f"run --name '{WORD} 3' print(1)")
"""
BESIDE = "import sparky_nb\nbeside = sparky_nb.start(print, name='Beside')"
NAMES = """() => [...document.querySelectorAll('.jp-Notebook .jp-Cell')].map(cell =>
  [...cell.querySelectorAll('[data-sparky-task]')].map(
    view => view.querySelector('.sparky-title').textContent))"""


def test_all_tasks_of_a_cells_latest_run_come_back_in_order_and_no_others(
    panel_lab: Lab, page: Page
) -> None:
    cells = [
        "%load_ext sparky_nb\nWORD = 'first'",
        SEVERAL + "None",
        "%%sparky task --name Cell\n1 + 1",
        "sparky_nb.start(print, name='Gone')",
        "%sparky run --name Line print(1)",
    ]
    notebook = panel_lab.open(page, "several.ipynb", cells)
    for n in range(5):
        notebook.run(n)
    page.evaluate(
        "() => { const cells = window.jupyterapp.shell.currentWidget.content.model.cells;"
        " cells.get(0).sharedModel.setSource(\"WORD = 'second'\");"
        " cells.get(3).sharedModel.setSource('pass'); }"
    )
    for n in (0, 1, 3):
        notebook.run(n)
    shown = [[], [f"second {n}" for n in range(4)], ["Cell"], [], ["Line"]]

    def shows() -> bool:
        return bool(page.evaluate(NAMES) == shown or page.wait_for_timeout(100))

    wait_for(shows, "each task once under its cell", PATIENCE)
    notebook.reload()  # never saved
    shown[3] = ["Gone"]  # the page that ran the cell without it is no more
    wait_for(shows, "the same views in the same order", PATIENCE)
    outputs = page.evaluate(
        "() => { const {cells} = window.jupyterapp.shell.currentWidget.content.model;"
        " return [1, 2, 3, 4].map(n => cells.get(n).outputs.length); }"
    )
    assert outputs == [0, 0, 0, 0], "the notebook is as it was"
    save(page)  # what was put back is in no file: saving does not lose it
    later = time.time() + 60
    os.utime(notebook.path, (later, later))  # younger than the tasks by all clocks
    notebook.reload()
    wait_for(shows, "the same views after a save", PATIENCE)

    # Outside: the hooks that are promised for each of them.
    for view in page.locator(".jp-Notebook [data-sparky-task]").all():
        expect(view).to_have_attribute("data-connection", "live", timeout=MS)
        expect(view).to_have_attribute("data-state", "completed")
        assert int(view.get_attribute("data-offset") or 0) > 0
        assert view.locator("[data-sparky-event]").count() >= 2

    beside = panel_lab.open(page.context.new_page(), "beside.ipynb", [BESIDE])
    notebook.run(1)  # what it shows now takes the place of what was put back
    wait_for(shows, "each task once under its cell", PATIENCE)

    for clear, cleared in (("clear-cell-output", [4]), ("clear-all-cell-outputs", range(5))):
        page.evaluate(
            "async clear => { const {commands, shell} = window.jupyterapp;"
            " shell.currentWidget.content.activeCellIndex = 4;"
            " await commands.execute('notebook:' + clear); }",
            clear,
        )
        for n in cleared:
            shown[n] = []
        wait_for(shows, "what is cleared is gone", PATIENCE)
    beside.run(0)  # what is put back in another notebook brings nothing back in this one
    View.under(beside, 0).is_in("completed")
    save(page)
    notebook.reload()
    wait_for(shows, "and stays so", PATIENCE)


def test_saving_again_changes_nothing_in_the_file(panel_lab: Lab, page: Page) -> None:
    notebook, view = begin(panel_lab, page, "diff.ipynb")
    notebook.save()
    first = notebook.path.read_bytes()
    (output,) = json.loads(first)["cells"][1]["outputs"]
    ids = output["data"]["application/vnd.sparky-nb.task.v1+json"]
    assert set(ids) <= {"v", "task_id", "chat_id", "log_id", "epoch"}
    assert len(json.dumps(output)) < 20_000
    finishes(panel_lab, notebook, view)
    dirty = "() => window.jupyterapp.shell.currentWidget.context.model.dirty"
    assert page.evaluate(dirty) is False, "a task that goes on does not change the notebook"
    save(page)
    assert notebook.path.read_bytes() == first
    notebook.reload()
    view.is_in("completed")
    save(page)
    assert notebook.path.read_bytes() == first


def save(page: Page) -> None:
    """Write the file, whether JupyterLab finds that needed or not."""
    page.evaluate("async () => { await window.jupyterapp.shell.currentWidget.context.save(); }")


def test_times_are_in_the_zone_of_whoever_looks(
    panel_lab: Lab, page: Page, browser: Browser
) -> None:
    notebook, view = begin(panel_lab, page, "zones.ipynb")
    with open_log(panel_lab.log_url) as log:
        created = log.task(view.task_id).created
    told = {}
    for zone in ("Asia/Kathmandu", "America/St_Johns"):
        context = browser.new_context(timezone_id=zone, locale="en-GB")
        with context.new_page() as there:
            there.goto(
                f"{panel_lab.url}lab/workspaces/{zone[:4]}/tree/zones.ipynb?token={panel_lab.token}"
            )
            seen = View.under(Notebook(there, notebook.path), 1)
            seen.is_live()
            time = seen.node.locator("[data-type=status] time").first
            told[zone] = time.text_content()
            wanted = "([ms, zone]) => new Date(ms).toLocaleTimeString('en-GB', {timeZone: zone})"
            assert told[zone] == there.evaluate(wanted, [created, zone])
            assert re.search(r"\d{4}", time.get_attribute("title") or "")
        context.close()
    assert len(set(told.values())) == 2
    view.press("Cancel")
    view.is_in("cancelled")


_DO = """async how => {
  const app = window.jupyterapp, {sessionContext} = app.shell.currentWidget;
  if (how === 'shut down') { sessionContext.shutdown().catch(() => null); }
  if (how === 'manager') { app.serviceManager.sessions.shutdown(sessionContext.session.id); }
}"""


@pytest.mark.parametrize("how", ["shut down", "manager"])
def test_whoever_would_end_a_running_task_is_asked_first(
    panel_lab: Lab, page: Page, how: str
) -> None:
    _, view = begin(panel_lab, page, f"asked-{how.replace(' ', '')}.ipynb")
    page.evaluate(_DO, how)
    dialog = page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("1 task is running in this kernel", timeout=MS)
    dialog.get_by_role("button", name="Keep it running").click()
    expect(dialog).to_have_count(0)
    view.is_in("running")
    page.evaluate(_DO, how)
    dialog.get_by_role("button", name="End it").click()
    ended = re.compile("cancelled|lost")
    expect(view.node).to_have_attribute("data-state", ended, timeout=MS)


def bundle(**ids: Any) -> dict[str, Any]:
    data = {"application/vnd.sparky-nb.task.v1+json": {"v": 1, **ids}}
    html = "<p><b>saved</b> form</p><script>window.sparkyHacked = 1</script>"
    return {
        "output_type": "execute_result", "execution_count": 1, "metadata": {},
        "data": {**data, "text/html": html, "text/plain": "saved form"},
    }  # fmt: skip


def test_a_view_whose_record_is_elsewhere_shows_what_was_saved_and_says_so(
    panel_lab: Lab, page: Page
) -> None:
    notebook = panel_lab.open(page, "elsewhere.ipynb", ["1", "2"])
    content = json.loads(notebook.path.read_text())
    ids = {"task_id": "task-000000000000", "chat_id": "nowhere"}
    content["cells"][0]["outputs"] = [bundle(**ids)]
    content["cells"][1]["outputs"] = [bundle(**ids, log_id="another")]
    copy = notebook.path.with_name("elsewhere-copy.ipynb")
    copy.write_text(json.dumps(content))
    page.goto(f"{panel_lab.url}lab/workspaces/elsewhere/tree/{copy.name}?token={panel_lab.token}")
    first, second = notebook.output(0), notebook.output(1)
    expect(first).to_contain_text("not in the log that this server reads", timeout=MS)
    expect(second).to_contain_text("recorded in another log", timeout=MS)
    for output in (first, second):
        expect(output.locator("b")).to_have_text("saved")
    assert page.evaluate("window.sparkyHacked") is None

"""The view under the cell in a real JupyterLab: live, and live again after a reload."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from sparky_nb.events.codec import decode_event
from sparky_nb.log import open_log
from tests.ui.lab import PATIENCE, Lab, Notebook

pytestmark = pytest.mark.timeout(400)

# The task goes on when the test touches a file: nothing here depends on speed.
SETUP = """
import pathlib, threading, sparky_nb
here = pathlib.Path.cwd()

def wait_for(name):
    while not (here / name).exists():
        threading.Event().wait(0.05)

def audit(task):
    for n in range(1, 5):
        with task.tool("hash_files", part=n) as call:
            wait_for(f"{here.name}-step-{n}")
            call.result = {"files": 100 * n}
        task.progress(n, 4, f"part {n}", key="parts")
        print(f"printed {n}")
    answer = task.ask("Keep the report?", choices=["keep it", "drop it"])
    task.message(f"you said {answer}")
    return {"parts": n, "answer": answer}
"""


def step(lab: Lab, n: int) -> None:
    (lab.work / f"{lab.work.name}-step-{n}").touch()


def events_of(lab: Lab, task_id: str) -> list[tuple[str, dict[str, object]]]:
    with open_log(lab.log_url) as log:
        row = log.task(task_id)
        page = log.read(row.chat_id, after=row.first - 1, limit=10_000)
    events = [decode_event(wire) for wire in page.events]
    return [(event.type, event.data) for event in events if event.task_id == task_id]


def task_id_on(notebook: Notebook, index: int) -> str:
    foot = notebook.output(index).locator(".sparky-task .foot").inner_text()
    return foot.split(" ")[0]


@pytest.mark.promise("P1", "P3", "P4")
def test_a_view_is_live_again_after_a_reload_with_all_that_happened_meanwhile(
    lab: Lab, page: Page
) -> None:
    notebook = lab.open(page, "reload.ipynb", [SETUP, 'sparky_nb.start(audit, name="Audit")'])
    notebook.run(0)
    notebook.run(1)
    notebook.sees("Running", 1)
    step(lab, 1)
    notebook.sees("part 1", 1)
    notebook.sees("25 % · 1 / 4", 1)
    task_id = task_id_on(notebook, 1)
    notebook.save()

    page.goto("about:blank")  # nobody is watching
    for n in (2, 3):
        step(lab, n)
    page.go_back()
    notebook.ready()

    notebook.sees("Running", 1)
    notebook.sees("part 3", 1)
    notebook.sees("printed 2", 1)  # what happened in between
    step(lab, 4)
    notebook.sees("printed 4", 1)  # and live again
    notebook.sees("Waiting for an answer", 1)
    notebook.output(1).get_by_role("button", name="keep it").click()
    notebook.sees("Completed", 1)
    notebook.sees("you said keep it", 1)

    view = notebook.output(1).locator(".sparky-task")
    expect(view).to_have_attribute("data-state", "completed")
    bar = view.get_by_role("progressbar")
    expect(bar).to_have_attribute("aria-valuenow", "100")
    expect(view.get_by_role("button", name="Cancel")).to_be_hidden()

    told = events_of(lab, task_id)
    assert told[0][1]["state"] == "running"
    assert [data["state"] for kind, data in told if kind == "status"][-1] == "completed"
    results = [data["result"] for kind, data in told if kind == "tool_result"]
    assert results == [{"files": 100 * n} for n in (1, 2, 3, 4)]
    printed = "".join(str(data["text"]) for kind, data in told if kind == "output")
    assert printed == "".join(f"printed {n}\n" for n in (1, 2, 3, 4))
    outcomes = [data["outcome"] for kind, data in told if kind == "command"]
    assert outcomes == ["accepted", "applied"]


@pytest.mark.promise("P11")
def test_a_task_is_cancelled_by_its_button_and_what_it_printed_is_only_text(
    lab: Lab, page: Page
) -> None:
    hostile = """
import threading, sparky_nb
evil = "<img src=x onerror='window.evil=1'><script>window.evil=1</script>"

def stay(task):
    print(evil)
    task.message(evil)
    task.display(sparky_nb)
    with task.tool(evil, x=evil) as call:
        call.result = evil
    task.progress(1, 2, evil)
    while True:
        task.progress(1, 2, evil)
        threading.Event().wait(0.05)

sparky_nb.start(stay, name=evil)
"""
    notebook = lab.open(page, "cancel.ipynb", [hostile])
    notebook.run(0)
    view = notebook.output(0).locator(".sparky-task")
    notebook.sees("Running", 0)
    expect(view.locator(".entries")).to_contain_text("onerror", timeout=PATIENCE * 1000)
    expect(view.locator(".output")).to_contain_text("<script>window.evil=1</script>")
    assert view.locator("img, script").count() == 0
    view.get_by_role("button", name="Cancel").press("Enter")
    notebook.sees("Cancelled", 0)
    assert page.evaluate("window.evil") is None
    told = events_of(lab, task_id_on(notebook, 0))
    assert [data["state"] for kind, data in told if kind == "status"][-1] == "cancelled"


def test_a_view_is_live_and_its_buttons_work_while_a_cell_keeps_the_kernel_busy(
    lab: Lab, page: Page
) -> None:
    asking = """
import pathlib, threading, sparky_nb

def ask(task):
    return task.ask("Who is there?")

sparky_nb.start(ask, name="Door")
"""
    busy = """
while not pathlib.Path("busy-is-over").exists():
    threading.Event().wait(0.05)
print("the cell has ended")
"""
    notebook = lab.open(page, "busy.ipynb", [asking, busy])
    notebook.run(0)
    notebook.sees("Waiting for an answer", 0)
    notebook.begin(1)
    view = notebook.output(0).locator(".sparky-task")
    view.get_by_role("textbox", name="Answer").fill("a friend")
    view.get_by_role("textbox", name="Answer").press("Enter")
    notebook.sees("Completed", 0)
    expect(view.locator(".result")).to_have_text("a friend")
    assert "the cell has ended" not in notebook.output(1).inner_text()
    (lab.work / "busy-is-over").touch()
    notebook.sees("the cell has ended", 1)

"""A notebook that was executed and saved: small, and readable without a kernel."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter

from sparky_nb.view.bundle import MIME, WIDGET_MIME

STATE = "application/vnd.jupyter.widget-state+json"  # data in a script element, never run
CELL = """
import sparky_nb

def work(task):
    for n in task.track(range(200), "counting"):
        with task.tool("square", n=n) as call:
            call.result = n * n
        print(f"<script>window.evil={n}</script>")
        task.thought(f"so much for {n}")
    return list(range(100))

handle = sparky_nb.start(work, name="Squares")
handle.result()
handle
"""


@pytest.mark.promise("P11")
@pytest.mark.timeout(180)
def test_an_executed_notebook_is_small_and_shows_the_task_without_a_kernel(tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()
    (output,) = notebook.cells[0].outputs
    assert set(output.data) == {MIME, WIDGET_MIME, "text/html", "text/plain"}

    saved = json.dumps(output.data) + json.dumps(_of_the_task(notebook))
    assert len(saved.encode()) < 20_000

    html, _ = HTMLExporter().from_notebook_node(notebook)
    assert "Completed" in html
    assert "Squares" in html
    scripts = Scripts()
    scripts.feed(html)
    assert not [kind for kind, text in scripts.found if "window.evil" in text and kind != STATE]


class Scripts(HTMLParser):
    """The scripts of a page: type and text."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self._kind: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._kind = (dict(attrs).get("type") or "") if tag == "script" else None

    def handle_data(self, data: str) -> None:
        if self._kind is not None:
            self.found.append((self._kind, data))

    def handle_endtag(self, tag: str) -> None:
        self._kind = None


def _of_the_task(notebook: nbformat.NotebookNode) -> dict[str, object]:
    """The saved state of the task's own widgets; the drawing code is there once for all tasks."""
    states = notebook.metadata.widgets[STATE]["state"]
    return {key: it for key, it in states.items() if "js" not in it["state"]}

"""A real JupyterLab in a real Chromium, for tests of what people see.

    lab = Lab(folder).start()
    notebook = lab.open(page, "work.ipynb", ["1 + 1"])
    notebook.run(0)
    notebook.sees("2")

Nothing here knows how sparky_nb draws: only notebooks, cells and the text on the page.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Error, Locator, Page, expect

from tests.live import JupyterProcess, wait_for

PATIENCE: Final = 90.0  # seconds; a bound for a loaded machine, not an expectation
FRONT_END: Final = "@sparky-nb/labextension"
BUILT: Final = Path(__file__).parents[2] / "sparky_nb" / "labextension"
_workspaces = count()

_PANEL: Final = "window.jupyterapp.shell.currentWidget"
_READY: Final = f"""() => {{
  const panel = window.jupyterapp && {_PANEL};
  const session = panel && panel.sessionContext;
  const kernel = session && session.session && session.session.kernel;
  return Boolean(panel && panel.content && panel.content.model && session.isReady && kernel
    && kernel.connectionStatus === 'connected' && kernel.status === 'idle');
}}"""
_RUN: Final = f"""async (index) => {{
  const panel = {_PANEL};
  panel.content.activeCellIndex = index;
  panel.content.deselectAll();
  window.jupyterapp.commands.execute('notebook:run-cell');
}}"""
_COUNTS: Final = f"""() => Array.from({{length: {_PANEL}.content.model.cells.length}},
  (_, n) => {_PANEL}.content.model.cells.get(n).executionCount ?? null)"""


class Lab(JupyterProcess):
    """``jupyter lab`` with its notebooks in ``work``.

    Args:
        front_end: with our own; without it the ipywidgets form is what people see.
        python: of an environment that has all of it installed.
        config: what its ``jupyter_server_config.py`` says.
        variables: of its environment.
    """

    patience = PATIENCE

    def __init__(
        self,
        root: Path,
        *options: str,
        front_end: bool = False,
        python: str | None = None,
        config: str = "",
        variables: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(root, *options)
        self.front_end, self.python = front_end, python or sys.executable
        self.config, self.variables = config, variables or {}
        self.work = root / "work"
        self.seen_at: int | None = None
        """Where browsers find it, if something stands between."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.seen_at or self.port}/"

    def command(self) -> list[str]:
        self.work.mkdir(parents=True, exist_ok=True)
        return [
            self.python, "-m", "jupyter", "lab", f"--ServerApp.root_dir={self.work}",
            f"--LabApp.workspaces_dir={self.root / 'workspaces'}",
            f"--LabApp.user_settings_dir={self._settings()}",
            "--LabApp.expose_app_in_browser=True",
            "--JupyterNotebookApp.expose_app_in_browser=True",
        ]  # fmt: skip

    def ready(self) -> bool:
        request = urllib.request.Request(
            f"{self.url}api/status", headers={"Authorization": f"token {self.token}"}
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            return bool(answer.status == 200)

    def open(self, page: Page, name: str, cells: list[str]) -> Notebook:
        """Make the notebook ``name`` of ``cells`` and open it in a workspace of its own."""
        (self.work / name).write_text(json.dumps(_notebook(cells)), encoding="utf-8")
        return self.visit(page, name)

    def visit(self, page: Page, name: str) -> Notebook:
        """Open the notebook ``name`` in a workspace of its own, as another person would."""
        workspace = f"test-{next(_workspaces)}"
        page.goto(f"{self.url}lab/workspaces/{workspace}/tree/{name}?token={self.token}")
        notebook = Notebook(page, self.work / name)
        notebook.ready()
        return notebook

    def environment(self) -> dict[str, str]:
        """Where the log is, and whether our front end is used: the one that was built last."""
        page_config = self.root / "config" / "labconfig" / "page_config.json"
        page_config.parent.mkdir(parents=True, exist_ok=True)
        disabled = {"disabledExtensions": {FRONT_END: not self.front_end}}
        page_config.write_text(json.dumps(disabled), encoding="utf-8")
        config = self.root / "config" / "jupyter_server_config.py"
        config.write_text(self.config, encoding="utf-8")
        environment = {
            **super().environment(),
            **self.variables,
            "JUPYTER_CONFIG_PATH": str(self.root / "config"),
        }
        if self.front_end and self.python == sys.executable:
            link = self.root / "share" / "labextensions" / FRONT_END
            link.parent.mkdir(parents=True, exist_ok=True)
            if not link.is_symlink():
                link.symlink_to(BUILT, target_is_directory=True)
            environment["JUPYTER_PATH"] = str(self.root / "share")
        return environment

    def _settings(self) -> Path:
        """User settings: no news, nothing saved behind the test's back."""
        folder = self.root / "settings" / "@jupyterlab"
        for name, value in {
            "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
            "docmanager-extension/plugin": {"autosave": False},
        }.items():
            path = folder / f"{name}.jupyterlab-settings"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(value), encoding="utf-8")
        return folder.parent


@contextmanager
def running_lab(*options: str, **more: Any) -> Iterator[Lab]:
    """A JupyterLab with our front end, in a folder of its own; see ``Lab``."""
    root = Path(tempfile.mkdtemp(prefix="sparky-panel-"))
    lab = Lab(root, *options, front_end=True, **more)
    try:
        yield lab.start()
    finally:
        lab.stop()
        shutil.rmtree(root, ignore_errors=True)


class Notebook:
    """A notebook that is open in the page."""

    def __init__(self, page: Page, path: Path) -> None:
        self.page, self.path = page, path

    def ready(self) -> None:
        """Wait until its kernel is connected and idle."""
        self._until(lambda: self.page.evaluate(_READY), "the notebook's kernel is idle")

    def run(self, index: int) -> None:
        """Run the cell at ``index`` and wait until it has been executed."""
        before = self.page.evaluate(_COUNTS)[index]
        self.page.evaluate(_RUN, index)
        self._until(
            lambda: self.page.evaluate(_COUNTS)[index] not in (None, before), f"cell {index} ran"
        )
        self.ready()

    def begin(self, index: int) -> None:
        """Run the cell at ``index`` and do not wait for it."""
        self.page.evaluate(_RUN, index)

    def save(self) -> None:
        """Save, and wait until the file has it."""
        # Not awaited: a dialog of JupyterLab's would hang it.
        self.page.evaluate("() => { window.jupyterapp.commands.execute('docmanager:save'); }")
        self._until(
            lambda: not self.page.evaluate(f"() => {_PANEL}.context.model.dirty"), "it is saved"
        )

    def reload(self) -> None:
        """Load the page again, as F5 does."""
        self.page.reload()
        self.ready()

    def output(self, index: int) -> Locator:
        """Where the cell at ``index`` shows its output."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index).locator(".jp-Cell-outputArea")

    def sees(self, text: str, index: int) -> None:
        """Wait until the output of the cell at ``index`` shows ``text``."""
        expect(self.output(index)).to_contain_text(text, timeout=PATIENCE * 1000)

    def _until(self, what: Callable[[], Any], why: str) -> None:
        def tried() -> Any:
            try:
                return what()
            except Error:  # the page is on its way to the next one
                return False

        # The page's own events are handled only while Playwright waits.
        wait_for(lambda: tried() or self.page.wait_for_timeout(50), why, PATIENCE)


def _notebook(cells: list[str]) -> dict[str, Any]:
    return {
        "cells": [
            {
                "cell_type": "code",
                "id": f"cell-{n}",
                "metadata": {},
                "execution_count": None,
                "outputs": [],
                "source": source,
            }
            for n, source in enumerate(cells)
        ],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }

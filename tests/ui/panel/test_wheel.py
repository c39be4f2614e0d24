"""A wheel, installed where nothing else is, brings the panel; no Node is needed for that. The same
wheel serves the newest JupyterLab and the oldest that is supported, with the oldest of all that
pyproject.toml allows beside it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.ui.lab import Lab
from tests.ui.panel.test_panel import open_panel
from tests.ui.panel.views import MS, ChatView, View, chat_of
from tests.ui.screens import Screens

pytestmark = pytest.mark.timeout(600)
ROOT = Path(__file__).parents[3]
TASK = """%%sparky task --name Clean
with task.tool("fetch", part=1) as call:
    call.result = {"files": 100}
if task.ask("Go **on**?", ["yes", "no"]) == "yes":
    print("it works")
"""


def oldest() -> list[str]:
    """The lowest versions of what the package needs, with the newest mends of each."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    needs = [need for need in project["dependencies"] if ";" not in need]
    found = [re.match(r"([\w-]+)(?:\[\w+\])?>=([\d.]+)", need) for need in needs]
    assert all(found), needs
    return ["jupyterlab==4.4.0", *(f"{m[1]}~={_patched(m[2])}" for m in found if m)]


def _patched(version: str) -> str:
    """``8.1`` → ``8.1.0``: of ``~=`` the last part is free."""
    return ".".join([*version.split("."), "0", "0"][:3])


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built without npm: the folder that was built last goes in as it is."""
    folder = tmp_path_factory.mktemp("wheel")
    build = {**os.environ, "HATCH_JUPYTER_BUILDER_SKIP_NPM": "1"}
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(folder)]
    subprocess.run([*pip, str(ROOT)], check=True, env=build)
    (built,) = folder.glob("sparky_nb-*.whl")
    return built


@pytest.mark.parametrize("lab", ["newest", "oldest"])
def test_a_wheel_in_a_clean_environment_has_a_working_panel(
    lab: str, wheel: Path, tmp_path: Path, page: Page, screens: Screens
) -> None:
    clean = tmp_path / "clean"
    subprocess.run([sys.executable, "-m", "venv", str(clean)], check=True)
    python = str(clean / "bin" / "python")
    wanted = ["jupyterlab>=4.4,<5"] if lab == "newest" else oldest()
    subprocess.run([python, "-m", "pip", "install", "--quiet", str(wheel), *wanted], check=True)
    share = clean / "share" / "jupyter" / "labextensions" / "@sparky-nb" / "labextension"
    assert (share / "package.json").exists()
    assert (share / "install.json").exists()

    server = Lab(tmp_path / "lab", front_end=True, python=python)
    try:
        server.start()
        notebook = server.open(page, "clean.ipynb", ["%load_ext sparky_nb", TASK])
        notebook.run(0)
        notebook.run(1)
        view = View.under(notebook, 1)
        view.is_in("waiting")
        task_id = view.task_id
        notebook.reload()  # nothing was saved
        view.is_live()
        assert view.task_id == task_id
        view.press("yes")
        view.is_in("completed")
        view.sees("it works")
        view.reads_as_the_log(server)

        open_panel(page)
        expect(page.locator(".jp-SideBar [title*='Sparky']")).to_have_count(1)
        row = page.locator(f".sparky-side [data-sparky-task={task_id}]")
        expect(row).to_have_attribute("data-state", "completed", timeout=MS)
        row.locator(".sparky-row-main").click()
        chat = ChatView(page, chat_of(server, task_id))
        chat.press("Show the whole chat")
        chat.reads_as_the_log(server)
        screens.both(page, "panel")
    finally:
        server.stop()

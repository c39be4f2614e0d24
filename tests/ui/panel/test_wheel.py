"""A wheel, installed where nothing else is, brings the panel; no Node is needed for that."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.ui.lab import PATIENCE, Lab

pytestmark = pytest.mark.timeout(600)
ROOT = Path(__file__).parents[3]


def test_a_wheel_in_a_clean_environment_has_a_working_panel(tmp_path: Path, page: Page) -> None:
    # Built without npm: the folder that was built last goes in as it is.
    build = {**os.environ, "HATCH_JUPYTER_BUILDER_SKIP_NPM": "1"}
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(tmp_path)]
    subprocess.run([*pip, str(ROOT)], check=True, env=build)
    (wheel,) = tmp_path.glob("sparky_nb-*.whl")
    clean = tmp_path / "clean"
    subprocess.run([sys.executable, "-m", "venv", str(clean)], check=True)
    python = str(clean / "bin" / "python")
    install = [python, "-m", "pip", "install", "--quiet", f"{wheel}", "jupyterlab>=4.4,<5"]
    subprocess.run(install, check=True)
    share = clean / "share" / "jupyter" / "labextensions" / "@sparky-nb" / "labextension"
    assert (share / "package.json").exists()
    assert (share / "install.json").exists()

    lab = Lab(tmp_path / "lab", front_end=True, python=python)
    try:
        lab.start()
        notebook = lab.open(
            page,
            "clean.ipynb",
            ["%load_ext sparky_nb", "%%sparky task --name Clean\nprint('it works')"],
        )
        notebook.run(0)
        notebook.run(1)
        view = notebook.output(1).locator("[data-sparky-task]")
        expect(view).to_have_attribute("data-state", "completed", timeout=PATIENCE * 1000)
        expect(view).to_contain_text("it works")
        expect(page.locator(".jp-SideBar [title*='Sparky']")).to_have_count(1)
    finally:
        lab.stop()

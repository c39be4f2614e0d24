"""JupyterLab with our front end, and what the tests know of a view: the hooks it promises."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import ConsoleMessage, Error, Page

from tests.ui.lab import BUILT, Lab


@pytest.fixture(scope="session", autouse=True)
def built() -> None:
    """Without the front end there is nothing to test here."""
    assert (BUILT / "package.json").exists(), "build it: cd labextension && npm ci && npm run build"


def _lab(*options: str) -> Iterator[Lab]:
    root = Path(tempfile.mkdtemp(prefix="sparky-panel-"))
    lab = Lab(root, *options, front_end=True)
    try:
        yield lab.start()
    finally:
        lab.stop()
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="session")
def panel_lab() -> Iterator[Lab]:
    """One for all tests that do not end it."""
    yield from _lab()


@pytest.fixture
def own_lab() -> Iterator[Lab]:
    """One that a test may kill."""
    yield from _lab()


@pytest.fixture(autouse=True)
def complaints(page: Page) -> Iterator[list[str]]:
    """Errors of the page; a test fails when one is ours."""
    said: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and "sparky" in message.text.lower():
            said.append(message.text)

    page.on("console", hear)

    def fail(error: Error) -> None:
        if "sparky" in (error.stack or ""):
            said.append(f"{error.message}\n{error.stack}")

    page.on("pageerror", fail)
    yield said
    # A socket or request that fails is the browser's own line, and what these tests do on purpose.
    ours = [line for line in said if "WebSocket connection" not in line and "ERR_" not in line]
    ours = [line for line in ours if "Failed to load resource" not in line]
    assert not ours

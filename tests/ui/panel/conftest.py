"""JupyterLab with our front end, and what the tests know of a view: the hooks it promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import pytest
from playwright.sync_api import ConsoleMessage, Page, WebError

from tests.ui.lab import BUILT, Lab, running_lab

TIMING: Final = "ms to activate"
"""JupyterLab's own word on how busy the machine is."""


@pytest.fixture(scope="session", autouse=True)
def built() -> None:
    """Without the front end there is nothing to test here."""
    assert (BUILT / "package.json").exists(), "build it: cd labextension && npm ci && npm run build"


@pytest.fixture(scope="session")
def panel_lab() -> Iterator[Lab]:
    """One for all tests that do not end it."""
    with running_lab() as lab:
        yield lab


@pytest.fixture
def own_lab() -> Iterator[Lab]:
    """One that a test may kill; its viewers hear from it every second."""
    with running_lab("--SparkyApp.heartbeat_seconds=1") as lab:
        yield lab


@pytest.fixture(autouse=True)
def complaints() -> Iterator[list[str]]:
    """Errors of the pages; a test fails when one is ours."""
    said: list[str] = []
    yield said
    # A socket or request that fails is the browser's own line, and what these tests do on purpose.
    ours = [line for line in said if "WebSocket connection" not in line and "ERR_" not in line]
    ours = [line for line in ours if "Failed to load resource" not in line]
    assert not ours


@pytest.fixture
def new_page(new_page: Callable[[], Page], complaints: list[str]) -> Callable[[], Page]:
    """Makes pages whose errors are heard."""

    def hear(message: ConsoleMessage) -> None:
        text = message.text
        if TIMING not in text and message.type in ("error", "warning") and "sparky" in text.lower():
            complaints.append(text)

    def fail(error: WebError) -> None:
        if "sparky" in (error.error.stack or ""):
            complaints.append(f"{error.error.message}\n{error.error.stack}")

    def make() -> Page:
        page = new_page()
        page.context.on("console", hear)
        page.context.on("weberror", fail)
        return page

    return make

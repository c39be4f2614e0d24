"""JupyterLab and Chromium: started once, with a clean page for each test."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.ui.lab import PATIENCE, Lab
from tests.ui.screens import Screens

FAILED = pytest.StashKey[bool]()
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(autouse=True)
def jp_asyncio_loop() -> None:
    """Not pytest-jupyter's: a second loop can't run beside Playwright's."""


@pytest.fixture(autouse=True)
def jp_server_cleanup() -> None:
    """Not pytest-jupyter's: it needs that loop, and there is no server in this process."""


# For this folder only: other tests can't run a loop while Playwright's does.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The Chromium of the system, without a window."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    assert chromium, "Chromium is needed: make system"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def lab() -> Iterator[Lab]:
    """A JupyterLab with folders of its own; tests use notebooks of different names."""
    root = Path(tempfile.mkdtemp(prefix="sparky-lab-"))
    lab = Lab(root)
    try:
        yield lab.start()
    finally:
        lab.stop()
        shutil.rmtree(root, ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let fixtures know, before they end, whether the test has failed."""
    report = yield
    if call.when == "call":
        item.stash[FAILED] = report.failed
    return report


@pytest.fixture
def screens(request: pytest.FixtureRequest) -> Screens:
    """Keeps pictures of what the test has proved."""
    return Screens(request.node.name)


@pytest.fixture
def new_page(
    browser: Browser, request: pytest.FixtureRequest, screens: Screens
) -> Iterator[Callable[[], Page]]:
    """Makes pages of as many people: each without cookies or storage of anybody else."""
    contexts: list[BrowserContext] = []

    def make() -> Page:
        context = browser.new_context(viewport={"width": 1200, "height": 900})
        context.set_default_timeout(PATIENCE * 1000)
        contexts.append(context)
        return context.new_page()

    yield make
    for number, context in enumerate(contexts, 1):
        if request.node.stash.get(FAILED, True):
            for page in context.pages:
                screens.keep(page, f"failed-{number}")
        context.close()


@pytest.fixture
def page(new_page: Callable[[], Page]) -> Page:
    """A page without cookies or storage of other tests."""
    return new_page()

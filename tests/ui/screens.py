"""Pictures of what the browser tests have proved, in ``test-results/screens`` (git-ignored).

A test says what it shows: ``screens.keep(page, "live")``, or ``screens.both`` for light and dark.
Of a test that failed the last sight of each page is kept. They are there to be looked at.
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Final

from playwright.sync_api import Error, Page

FOLDER: Final = Path(__file__).parents[2] / "test-results" / "screens"
LIGHT: Final = "JupyterLab Light"
DARK: Final = "JupyterLab Dark"


class Screens:
    """Of one test."""

    def __init__(self, test: str) -> None:
        self._test = re.sub(r"\W+", "-", test.removeprefix("test_")).strip("-")

    def keep(self, page: Page, state: str) -> None:
        """What the page looks like now."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        with suppress(Error):  # a page that has crashed or is closed shows nothing
            file = FOLDER / f"{self._test}.{state}.png"
            page.screenshot(path=file, timeout=10_000, animations="disabled")

    def both(self, page: Page, state: str) -> None:
        """What it looks like, in the dark too."""
        self.keep(page, state)
        wear(page, DARK)
        self.keep(page, f"{state}.dark")
        wear(page, LIGHT)


def wear(page: Page, theme: str) -> None:
    """Change the theme and wait until it is there."""
    page.evaluate(
        "theme => { window.jupyterapp.commands.execute('apputils:change-theme', {theme}); }", theme
    )
    page.wait_for_function(
        """theme => document.body.dataset.jpThemeName === theme
          && !document.getElementById('jupyterlab-splash')""",
        arg=theme,
    )

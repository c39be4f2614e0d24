"""A task's view in the page, by its hooks; and what the log says should be there."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Locator, Page, expect

from sparky_nb.events import Fold, decode_event
from sparky_nb.log import open_log
from tests.live import wait_for
from tests.ui.lab import PATIENCE, Lab, Notebook

MS = PATIENCE * 1000


class View:
    """The view of the only task under a cell (or wherever ``within`` is)."""

    def __init__(self, page: Page, within: Locator) -> None:
        self.page, self.within = page, within
        self.node = within.locator("[data-sparky-task]")

    @classmethod
    def under(cls, notebook: Notebook, index: int) -> View:
        return cls(notebook.page, notebook.page.locator(".jp-Notebook .jp-Cell").nth(index))

    @property
    def task_id(self) -> str:
        expect(self.node).to_have_count(1, timeout=MS)
        return self.node.get_attribute("data-sparky-task") or ""

    def is_in(self, state: str) -> None:
        expect(self.node).to_have_attribute("data-state", state, timeout=MS)

    def is_live(self) -> None:
        self.is_connected("live")

    def is_connected(self, state: str) -> None:
        expect(self.node).to_have_attribute("data-connection", state, timeout=MS)

    def sees(self, text: str) -> None:
        expect(self.node).to_contain_text(text, timeout=MS)

    def press(self, name: str) -> None:
        self.node.get_by_role("button", name=name, exact=True).first.click()

    def shown(self) -> list[int]:
        """The offsets of the events that the timeline shows, in its order."""
        script = """node => [...node.querySelectorAll('.sparky-timeline [data-sparky-event]')]
          .map(event => Number(event.dataset.sparkyEvent))"""
        return list(self.node.evaluate(script))

    def equals_the_log(self, lab: Lab) -> None:
        """What is shown is, without gap, repetition or swap, the end of what the log has."""
        task_id = self.task_id

        def agrees() -> bool:
            head, wanted = expected(lab, task_id)
            shown = self.shown()
            at = int(self.node.get_attribute("data-offset") or 0)
            if at != head or not shown or shown != wanted[-len(shown) :]:
                self.page.wait_for_timeout(50)
                return False
            return True

        try:
            wait_for(agrees, "the view shows what the log has", PATIENCE)
        except AssertionError:
            offset = self.node.get_attribute("data-offset")
            raise AssertionError((expected(lab, task_id), self.shown(), offset)) from None


def expected(lab: Lab, task_id: str) -> tuple[int, list[int]]:
    """The chat's head, and the offsets that a timeline of the task shows in its order."""
    with open_log(lab.log_url) as log:
        row = log.task(task_id)
        fold = Fold()
        after = 0
        while (page := log.read(row.chat_id, after=after, limit=10_000)).events:
            for wire in page.events:
                fold.apply(decode_event(wire))
            after = page.first + len(page.events) - 1
    entries = [e for e in fold.state["timeline"] if e["task_id"] == task_id]
    return after, [offset for entry in entries for offset in offsets_of(entry)]


def offsets_of(entry: dict[str, Any]) -> list[int]:
    """The events that stand in the page for one entry."""
    found = [entry["offset"]]
    found += [piece[0] for piece in entry.get("pieces", [])[1:]]
    if "result" in entry:
        found.append(entry["result"]["offset"])
    return found

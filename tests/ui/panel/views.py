"""A task's view and a chat in the page, by their hooks; and what the log says should be there."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Locator, Page, expect

from sparky_nb.events import Event, Fold, decode_event
from sparky_nb.log import open_log
from tests.live import wait_for
from tests.ui.lab import PATIENCE, Lab, Notebook

MS = PATIENCE * 1000

_SHOWN = """node => [...node.querySelectorAll('.sparky-timeline [data-sparky-event]')]
  .map(event => Number(event.dataset.sparkyEvent))"""
# As a reader does it: up to the beginning, and down again by half a page.
_READ = """async node => {
  const page = node.querySelector('.sparky-scroll');
  const drawn = () => new Promise(done => setTimeout(() => requestAnimationFrame(done), 30));
  const go = async top => {
    page.dispatchEvent(new WheelEvent('wheel', {bubbles: true}));
    page.scrollTop = top;
    await drawn();
  };
  await go(0);
  while (node.querySelector('.sparky-older')) {
    node.querySelector('.sparky-older').click();
    await go(0);
  }
  const read = new Set();
  for (;;) {
    for (const event of page.querySelectorAll('[data-sparky-event]')) {
      read.add(Number(event.dataset.sparkyEvent));
    }
    if (page.scrollTop + page.clientHeight >= page.scrollHeight - 1) {
      return [...read];
    }
    await go(page.scrollTop + page.clientHeight / 2);
  }
}"""


class Shown:
    """What has a connection and a timeline."""

    def __init__(self, page: Page, node: Locator) -> None:
        self.page, self.node = page, node

    def wanted(self, lab: Lab) -> tuple[int, list[int]]:
        """The head of the chat, and what the timeline should show."""
        raise NotImplementedError

    def is_live(self) -> None:
        self.is_connected("live")

    def is_connected(self, state: str) -> None:
        expect(self.node).to_have_attribute("data-connection", state, timeout=MS)

    def sees(self, text: str) -> None:
        expect(self.node).to_contain_text(text, timeout=MS)

    def press(self, name: str) -> None:
        self.node.get_by_role("button", name=name, exact=True).first.click()

    @property
    def quality(self) -> Locator:
        """The indicator of the connection."""
        return self.node.locator("header .sparky-connection")

    def shown(self) -> list[int]:
        """The offsets of the events that the timeline shows, in its order."""
        return list(self.node.evaluate(_SHOWN))

    def equals_the_log(self, lab: Lab) -> None:
        """What is shown is, without gap, repetition or swap, the end of what the log has."""

        def agrees() -> bool:
            head, wanted = self.wanted(lab)
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
            raise AssertionError((self.wanted(lab), self.shown(), offset)) from None

    def reads_as_the_log(self, lab: Lab) -> None:
        """Read from its beginning to its end it is the log: whole, without repetition or swap."""
        self.equals_the_log(lab)
        read, wanted = list(self.node.evaluate(_READ)), self.wanted(lab)[1]
        assert read == wanted


class View(Shown):
    """The view of the only task under a cell (or wherever ``within`` is)."""

    def __init__(self, page: Page, within: Locator) -> None:
        super().__init__(page, within.locator("[data-sparky-task]"))
        self.within = within

    @classmethod
    def under(cls, notebook: Notebook, index: int) -> View:
        return cls(notebook.page, notebook.page.locator(".jp-Notebook .jp-Cell").nth(index))

    @property
    def task_id(self) -> str:
        expect(self.node).to_have_count(1, timeout=MS)
        return self.node.get_attribute("data-sparky-task") or ""

    def is_in(self, state: str) -> None:
        expect(self.node).to_have_attribute("data-state", state, timeout=MS)

    def wanted(self, lab: Lab) -> tuple[int, list[int]]:
        return expected(lab, chat_of(lab, self.task_id), self.task_id)


class ChatView(Shown):
    """A chat in the main area."""

    def __init__(self, page: Page, chat_id: str) -> None:
        super().__init__(page, page.locator(f".sparky-main [data-sparky-chat='{chat_id}']"))
        self.chat_id = chat_id

    def wanted(self, lab: Lab) -> tuple[int, list[int]]:
        return expected(lab, self.chat_id)


def chat_of(lab: Lab, task_id: str) -> str:
    """The chat of a task."""
    with open_log(lab.log_url) as log:
        return log.task(task_id).chat_id


def events_of(lab: Lab, chat_id: str) -> list[Event]:
    """All that the log has of a chat."""
    events: list[Event] = []
    with open_log(lab.log_url) as log:
        while wires := log.read(chat_id, after=len(events), limit=10_000).events:
            events += [decode_event(wire) for wire in wires]
    return events


def expected(lab: Lab, chat_id: str, task_id: str | None = None) -> tuple[int, list[int]]:
    """The chat's head, and the offsets that a timeline shows in its order: of all, or of a task."""
    fold, events = Fold(), events_of(lab, chat_id)
    for event in events:
        fold.apply(event)
    entries = [e for e in fold.state["timeline"] if task_id in (None, e["task_id"])]
    return len(events), [offset for entry in entries for offset in offsets_of(entry)]


def offsets_of(entry: dict[str, Any]) -> list[int]:
    """The events that stand in the page for one entry."""
    found = [entry["offset"]]
    found += [piece[0] for piece in entry.get("pieces", [])[1:]]
    if "result" in entry:
        found.append(entry["result"]["offset"])
    return found

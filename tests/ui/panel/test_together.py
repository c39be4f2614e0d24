"""Several people with names of their own: each sees who is there and what the others do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.ui.lab import Lab, Notebook, running_lab
from tests.ui.panel.test_inline import begin, finishes
from tests.ui.panel.test_panel import open_panel
from tests.ui.panel.views import MS, ChatView, View, chat_of, events_of
from tests.ui.screens import Screens

pytestmark = pytest.mark.timeout(400)

# Whoever has the cookie is that person: an identity provider as a hub brings one.
IDENTITIES = """
from jupyter_server.auth import Authorizer, IdentityProvider, User

PEOPLE = {
    "ada": User("ada", "Ada A", color="rgb(181, 23, 158)"),
    "ben": User("ben", "Ben B", color="rgb(0, 121, 140)"),
    "eve": User("eve", "Eve <b>E</b>", color="url(https://evil.invalid/)"),
}

class ByCookie(IdentityProvider):
    def get_user(self, handler):
        return PEOPLE.get(handler.get_cookie("who", "")) or super().get_user(handler)

class EveOnlyReads(Authorizer):
    def is_authorized(self, handler, user, action, resource):
        ours = resource.startswith("sparky_nb:")
        return action == "read" or user.username != "eve" or not ours

c.ServerApp.identity_provider_class = ByCookie
c.ServerApp.authorizer_class = EveOnlyReads
c.SparkyApp.trust_identities = True
"""
TALKS = """
import sparky_nb

def talks(task):
    task.message(f"heard {task.receive(timeout=None)}")
    choice = task.ask("Go on?", choices=["yes", "no"])
    task.message(f"so {choice}")
    task.receive(timeout=None)

sparky_nb.start(talks, name="Talks", chat="together")
"""

Enter = Callable[[str], Page]


@pytest.fixture(scope="module")
def shared_lab() -> Iterator[Lab]:
    """A server that knows people apart."""
    with running_lab(config=IDENTITIES) as lab:
        yield lab


@pytest.fixture
def enter(shared_lab: Lab, new_page: Callable[[], Page]) -> Enter:
    """The page of somebody who has signed in."""

    def as_(name: str) -> Page:
        page = new_page()
        page.context.add_cookies([{"name": "who", "value": name, "url": shared_lab.url}])
        return page

    return as_


def faces(view: View) -> Locator:
    return view.node.locator(".sparky-viewer")


def sees_only(view: View, name: str, initials: str, color: str) -> None:
    """Exactly one other person is shown, with the name and the colour of the identity."""
    expect(faces(view)).to_have_text([initials], timeout=MS)
    expect(faces(view)).to_have_css("border-top-color", color)
    shown = view.node.get_by_role("img", name=f"1 other viewer, {name}")
    expect(shown).to_be_visible()


@pytest.mark.promise("P1", "P11")
def test_two_people_see_each_other_and_what_either_of_them_does(
    shared_lab: Lab, enter: Enter, screens: Screens
) -> None:
    first, second = enter("ada"), enter("ben")
    told: list[str] = []  # who is there, as often as Ada's page hears of it
    since = time.monotonic()

    def hear(frame: str | bytes) -> None:
        if '"t":"viewers"' in str(frame):
            told.append(str(frame))

    first.on("websocket", lambda socket: socket.on("framereceived", hear))
    notebook = shared_lab.open(first, "together.ipynb", ["import sparky_nb", TALKS])
    notebook.run(1)
    ada = View.under(notebook, 1)
    ada.is_in("running")
    ada.is_live()

    ben = View(second, second.locator(".jp-Notebook .jp-Cell").nth(1))
    shared_lab.visit(second, "together.ipynb")
    ben.is_live()
    assert ben.task_id == ada.task_id
    sees_only(ada, "Ben B", "BB", "rgb(0, 121, 140)")
    sees_only(ben, "Ada A", "AA", "rgb(181, 23, 158)")

    open_panel(second)
    second.locator(f".sparky-side [data-sparky-task={ada.task_id}] .sparky-row-main").click()
    chat = ChatView(second, "together")
    chat.is_live()
    chat.press("Show the whole chat")
    sees_only(chat, "Ada A", "AA", "rgb(181, 23, 158)")
    chat.node.get_by_role("textbox", name="Message to the task").fill("good morning")
    chat.press("Send")
    for view in (ada, chat):
        view.sees("heard good morning")
        view.sees("good morning")
        # Once: what was applied is there as what was received.
        expect(view.node.get_by_text("sent a message")).to_have_count(0)
    expect(ada.node.locator(".sparky-received .sparky-who")).to_have_text("ben")

    ada.press("yes")
    for view in (ada, chat):
        view.sees("ada: yes")
        view.sees("so yes")
        expect(view.node.locator(".sparky-received")).to_have_count(1)  # the message
    chat.equals_the_log(shared_lab)
    screens.both(first, "notebook")
    screens.both(second, "chat")

    second.evaluate(
        """async () => {
          const path = '/sparky/api/v1/chats/together/socket';
          const url = location.origin.replace('http', 'ws') + path;
          for (let n = 0; n < 30; n++) {
            const socket = new WebSocket(url);
            await new Promise(done => { socket.onmessage = done; });
            socket.close();
          }
        }"""
    )
    expect(faces(ada)).to_have_text(["BB"], timeout=MS)
    # Two sockets hear it, the chat's and the overview's, each at most once a second.
    assert len(told) <= 2 * (time.monotonic() - since + 1)

    chat.node.locator(".sparky-active").get_by_role("button", name="Cancel").click()
    ada.is_in("cancelled")
    ada.sees("ben asked to cancel")
    ada.equals_the_log(shared_lab)
    chat.equals_the_log(shared_lab)
    commands = [event for event in events_of(shared_lab, "together") if event.type == "command"]
    accepted = [event for event in commands if event.data["outcome"] == "accepted"]
    assert [(event.data["name"], event.data["from"], event.actor) for event in accepted] == [
        ("message", "ben", "user:ben"),
        ("answer", "ada", "user:ada"),
        ("cancel", "ben", "user:ben"),
    ]
    second.close()
    expect(faces(ada)).to_have_count(0, timeout=MS)


@pytest.mark.promise("P11")
def test_whoever_may_only_read_watches_live_and_changes_nothing(
    shared_lab: Lab, enter: Enter, screens: Screens
) -> None:
    first, third = enter("ada"), enter("eve")
    notebook, ada = begin(shared_lab, first, "watched.ipynb")
    eve = View.under(Notebook(third, notebook.path), 1)
    shared_lab.visit(third, "watched.ipynb")
    eve.is_live()
    expect(ada.node.get_by_role("img", name="1 other viewer, Eve <b>E</b>")).to_be_visible()
    eve.press("Cancel")
    notice = third.locator(".Toastify__toast, .jp-Notification-Toast").filter(has_text="Sparky")
    expect(notice.first).to_contain_text("you have no right to execute sparky_nb:tasks")
    screens.keep(third, "refused")
    finishes(shared_lab, notebook, ada)
    eve.is_in("completed")
    eve.equals_the_log(shared_lab)
    events = events_of(shared_lab, chat_of(shared_lab, eve.task_id))
    assert not [event for event in events if event.type == "command"]

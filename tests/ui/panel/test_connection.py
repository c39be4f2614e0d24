"""The connection is shown truthfully, and nothing is lost whatever becomes of it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, WebSocketRoute

from tests.ui.lab import Lab
from tests.ui.panel.test_inline import begin, finishes, step

pytestmark = pytest.mark.timeout(400)
SOCKETS = "**/sparky/api/v1/chats/*/socket*"


class Wire:
    """All our sockets of a page, led through something that can swallow what they say."""

    def __init__(self, page: Page) -> None:
        self.swallow = False
        self.sockets: list[WebSocketRoute] = []
        page.route_web_socket(SOCKETS, self._route)

    def _route(self, socket: WebSocketRoute) -> None:
        self.sockets.append(socket)
        holed = self.swallow  # one that is opened meanwhile hears nothing either
        if holed:
            return
        server = socket.connect_to_server()
        generation = len(self.sockets)
        self._lead(socket, server, generation)

    def _lead(self, socket: WebSocketRoute, server: WebSocketRoute, generation: int) -> None:
        hole = _Hole()
        self._holes = [*getattr(self, "_holes", []), hole]
        socket.on_message(lambda message: None if hole.open else server.send(message))
        server.on_message(lambda message: None if hole.open else socket.send(message))

    def black_hole(self) -> None:
        """What is open stays open and says nothing more."""
        self.swallow = True
        for hole in self._holes:
            hole.open = True

    def restore(self) -> None:
        """New sockets work again; the old ones stay mute."""
        self.swallow = False


class _Hole:
    open = False


@pytest.mark.promise("P1", "P4")
def test_offline_is_shown_at_once_and_nothing_is_missed_afterwards(
    panel_lab: Lab, page: Page
) -> None:
    notebook, view = begin(panel_lab, page, "offline.ipynb")
    page.context.set_offline(True)
    view.is_connected("offline")
    step(panel_lab, notebook, 1)
    page.context.set_offline(False)
    view.is_live()
    finishes(panel_lab, notebook, view)


@pytest.mark.promise("P1", "P4")
def test_a_mute_socket_is_abandoned_once_the_page_is_looked_at_again(
    panel_lab: Lab, page: Page
) -> None:
    wire = Wire(page)
    notebook, view = begin(panel_lab, page, "mute.ipynb")
    wire.black_hole()
    step(panel_lab, notebook, 1)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    view.is_connected("lagging")  # a ping has no answer
    view.is_connected("reconnecting")  # and three seconds later it is given up
    wire.restore()
    view.is_live()
    finishes(panel_lab, notebook, view)


@pytest.mark.promise("P1", "P4")
def test_a_connection_that_is_cut_comes_back_by_itself(panel_lab: Lab, page: Page) -> None:
    wire = Wire(page)
    notebook, view = begin(panel_lab, page, "cut.ipynb")
    for n in (1, 2, 3):
        for socket in wire.sockets:
            socket.close(code=1011)
        step(panel_lab, notebook, n)
        view.sees(f"printed {n}")
    view.is_in("completed")
    view.equals_the_log(panel_lab)

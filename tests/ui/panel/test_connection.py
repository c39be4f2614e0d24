"""The connection is shown truthfully, and nothing is lost whatever becomes of it.

Where a bound is promised in seconds, the page's clock is held: its seconds pass when the test says
so, and however slow the machine is, the indicator has no more of them than it may take.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from sparky_nb.testing.network import BadNetwork
from tests.live import wait_for
from tests.ui.lab import PATIENCE, Lab
from tests.ui.panel.spy import NOTICES
from tests.ui.panel.test_inline import SETUP, begin, finishes, step
from tests.ui.panel.views import MS, View, chat_of, events_of
from tests.ui.screens import Screens

pytestmark = pytest.mark.timeout(400)
SOCKETS = "**/sparky/api/v1/chats/*/socket*"
HEARTBEAT_MS = 1_000  # of own_lab


class Wire:
    """All our sockets of a page, led through something that can swallow what they say."""

    def __init__(self, page: Page) -> None:
        self.swallow = False
        self.sockets: list[WebSocketRoute] = []
        self._holes: list[_Hole] = []
        page.route_web_socket(SOCKETS, self._route)

    def _route(self, socket: WebSocketRoute) -> None:
        self.sockets.append(socket)
        if self.swallow:  # one that is opened meanwhile hears nothing either
            return
        server, hole = socket.connect_to_server(), _Hole()
        self._holes.append(hole)
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


class Network:
    """A ``BadNetwork`` between browsers and ``lab``: pages and kernels pass it, as well as ours."""

    def __init__(self, lab: Lab) -> None:
        self._lab, self._loop = lab, asyncio.new_event_loop()
        self._network = BadNetwork("127.0.0.1", lab.port)
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> Network:
        self._thread.start()
        self._run(self._network.__aenter__())
        self._lab.seen_at = self._network.port
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._lab.seen_at = None
        self._run(self._network.__aexit__())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    def black_hole(self) -> AbstractContextManager[None]:
        """Connections stay open, and nothing arrives any more."""
        return self._while(self._network.black_hole())

    def down(self) -> AbstractContextManager[None]:
        """Old connections are cut, new ones are refused."""
        return self._while(self._network.down())

    @contextmanager
    def _while(self, fault: AbstractContextManager[None]) -> Iterator[None]:
        async def begin() -> None:
            fault.__enter__()

        async def end() -> None:
            fault.__exit__(None, None, None)

        self._run(begin())
        try:
            yield
        finally:
            self._run(end())

    def _run(self, what: Coroutine[Any, Any, Any]) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result(PATIENCE)


class Clock:
    """The page's seconds, held: they pass when the test says so."""

    def __init__(self, page: Page) -> None:
        self._page = page
        page.clock.pause_at(page.evaluate("Date.now() / 1000") + 0.05)  # seconds

    def within(self, ms: int, view: View, states: str) -> None:
        """At the latest after so many milliseconds of the page one of ``states`` is shown."""
        steps = 20
        for _ in range(steps):
            if re.fullmatch(states, view.node.get_attribute("data-connection") or ""):
                return
            self._page.clock.run_for(ms / steps)
            self._page.wait_for_timeout(50)  # the world's: sockets answer in it
        expect(view.node).to_have_attribute("data-connection", re.compile(f"^({states})$"))

    def go_on(self) -> None:
        """Let it run by itself again."""
        self._page.clock.resume()


def reaches(lab: Lab, chat_id: str, part: int) -> None:
    """Wait until the task waits in ``part``: until it is let go on, nothing more happens."""

    def waits() -> bool:
        return any(
            event.type == "tool_use" and event.data["args"] == {"part": part}
            for event in events_of(lab, chat_id)
        )

    wait_for(waits, f"the task waits in part {part}", PATIENCE)


@pytest.mark.promise("P1", "P4")
def test_offline_and_online_are_shown_within_three_seconds_and_nothing_is_missed(
    panel_lab: Lab, page: Page, screens: Screens
) -> None:
    page.clock.install()
    notebook, view = begin(panel_lab, page, "offline.ipynb")
    expect(view.quality).to_have_accessible_name(re.compile("^Connection: live, round trip"))
    clock = Clock(page)
    page.context.set_offline(True)
    clock.within(3_000, view, "offline")
    expect(view.quality).to_have_text(re.compile("^offline"))
    screens.keep(page, "offline")
    step(panel_lab, notebook, 1)
    chat_id = chat_of(panel_lab, view.task_id)
    before = int(view.node.get_attribute("data-offset") or 0)
    reaches(panel_lab, chat_id, 2)
    page.context.set_offline(False)
    clock.within(3_000, view, "live")
    clock.go_on()
    missed = len(events_of(panel_lab, chat_id)) - before
    expect(view.quality).to_have_text(f"{missed} replayed")
    expect(view.quality).to_have_accessible_name(re.compile(f"live, .*{missed} missed and replay"))
    finishes(panel_lab, notebook, view)
    view.reads_as_the_log(panel_lab)


@pytest.mark.promise("P1", "P4")
def test_a_mute_socket_is_abandoned_within_three_seconds_once_the_page_is_looked_at_again(
    panel_lab: Lab, page: Page, screens: Screens
) -> None:
    wire = Wire(page)
    page.clock.install()
    page.add_init_script(NOTICES)
    notebook, view = begin(panel_lab, page, "mute.ipynb")
    page.evaluate("hide(true)")
    wire.black_hole()
    reaches(panel_lab, chat_of(panel_lab, view.task_id), 1)
    for part in (1, 2, 3):
        step(panel_lab, notebook, part)
    clock = Clock(page)
    page.evaluate("hide(false)")
    clock.within(1_500, view, "lagging")  # a ping has no answer
    screens.keep(page, "lagging")
    clock.within(2_200, view, "reconnecting")  # and then the socket is given up
    clock.go_on()
    expect(view.quality).to_have_accessible_name(re.compile("^Connection: reconnecting, .*attempt"))
    screens.keep(page, "reconnecting")
    wire.restore()
    page.clock.fast_forward(16_000)  # the attempt that was swallowed gives up
    view.is_live()
    view.is_in("completed")
    view.reads_as_the_log(panel_lab)
    expect(page.locator(".sparky-statusitem .sparky-connection")).to_have_count(0, timeout=MS)
    assert page.evaluate("notices") == [], "whoever looks sees it, however late it came"


@pytest.mark.promise("P1", "P4")
def test_a_black_hole_is_told_within_two_and_a_half_heartbeats_with_no_signal_at_all(
    own_lab: Lab, page: Page
) -> None:
    page.clock.install()
    with Network(own_lab) as network:
        notebook, view = begin(own_lab, page, "hole.ipynb")
        with network.black_hole():
            step(own_lab, notebook, 1)
            clock = Clock(page)
            clock.within(HEARTBEAT_MS * 5 // 2 + 100, view, "reconnecting")
            clock.go_on()
        view.is_live()
        view.sees("printed 1")
        with network.down():
            view.is_connected("reconnecting")
            step(own_lab, notebook, 2)
        view.is_live()
        finishes(own_lab, notebook, view, first=3)
        view.reads_as_the_log(own_lab)


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


@pytest.mark.promise("P1", "P2", "P3", "P6")
def test_a_task_in_its_own_process_goes_on_while_the_server_is_killed_and_started_again(
    own_lab: Lab, page: Page, screens: Screens
) -> None:
    start = 'sparky_nb.start(work, name="Outlives", on="process")'
    notebook = own_lab.open(page, "outlives.ipynb", [SETUP, start])
    notebook.run(0)
    notebook.run(1)
    view = View.under(notebook, 1)
    view.is_live()
    step(own_lab, notebook, 1)
    view.sees("printed 1")
    task_id, chat_id = view.task_id, chat_of(own_lab, view.task_id)
    own_lab.kill()  # and its kernels with it
    view.is_connected("reconnecting")
    before = int(view.node.get_attribute("data-offset") or 0)
    step(own_lab, notebook, 2)
    reaches(own_lab, chat_id, 3)  # without a server
    expect(view.node).not_to_contain_text("printed 2")
    own_lab.start()
    view.is_live()
    view.sees("printed 2")
    missed = len(events_of(own_lab, chat_id)) - before
    expect(view.quality).to_have_text(f"{missed} replayed", timeout=MS)
    page.keyboard.press("Escape")  # JupyterLab's own dialog about the server
    screens.both(page, "replayed")
    step(own_lab, notebook, 3)
    view.is_in("completed")
    assert view.task_id == task_id
    view.reads_as_the_log(own_lab)

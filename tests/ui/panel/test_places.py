"""Ways through the panel: from a link to an event, to a cell, from words to a task."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from sparky_nb.events.model import JsonObject, NewEvent
from sparky_nb.log import Append, open_log
from tests.live import wait_for
from tests.ui.lab import PATIENCE, Lab
from tests.ui.panel.test_features import chat_of, events_of
from tests.ui.panel.test_inline import begin, step
from tests.ui.panel.views import MS, View
from tests.ui.screens import Screens

pytestmark = pytest.mark.timeout(400)
LONG = 100_000
BROKEN = 30_001  # a result that is an error, far back


def event(n: int) -> NewEvent:
    """The event at offset ``n``: calls with their results, messages, output."""
    status = "error" if n == BROKEN else "success"
    call: JsonObject = {"tool_call_id": f"call-{n - n % 4}", "name": "look"}
    kinds: list[tuple[str, JsonObject]] = [
        ("tool_use", {**call, "args": {"n": n}}),
        ("tool_result", {**call, "status": status, "result": f"result {n}", "duration_ms": 1}),
        ("message_sent", {"message_id": f"m{n}", "text": f"word {n}", "final": True}),
        ("output", {"stream": "stdout", "text": f"line {n}\n"}),
    ]
    type_, data = kinds[n % 4]
    return NewEvent(
        id=f"01990000-0000-7000-8000-{n:012d}", type=type_, time=1_795_381_234_567 + n,
        task_id=None, actor="task", data=data,
    )  # fmt: skip


@pytest.fixture(scope="module")
def long_chat(panel_lab: Lab) -> str:
    """A chat of ``LONG`` events."""
    with open_log(panel_lab.log_url) as log:
        for n in range(0, LONG, 5_000):
            log.commit(Append(chat="long", events=tuple(map(event, range(n + 1, n + 5_001)))))
    return "long"


def in_view(chat: Locator, offset: int) -> Locator:
    """The marked event, where the reader can see it."""
    marked = chat.locator(".sparky-mod-marked")
    expect(marked).to_have_count(1, timeout=MS)
    expect(marked).to_have_attribute("data-sparky-event", str(offset), timeout=MS)
    expect(marked).to_be_in_viewport(timeout=MS)
    return marked


def test_a_link_leads_to_its_event_however_far_back_it_is(
    panel_lab: Lab, page: Page, long_chat: str
) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{panel_lab.url}lab/workspaces/far?token={panel_lab.token}")
    chat = page.locator(".sparky-main")
    to = """([chatId, offset]) => {
      window.jupyterapp.commands.execute('sparky:open-chat', {chatId, offset});
    }"""
    page.wait_for_function("() => window.jupyterapp?.commands.hasCommand('sparky:open-chat')")
    page.evaluate("() => window.jupyterapp.restored.then(() => null)")
    page.evaluate(to, [long_chat, None])
    expect(chat).to_contain_text("line 99999", timeout=MS)
    expect(chat.get_by_role("button", name="Jump to live")).to_have_count(0)

    # Filtered out, and a hundred thousand events away: shown all the same.
    chat.get_by_role("button", name="Messages").click()
    chat.get_by_role("searchbox", name="Search").fill("nothing has this")
    expect(chat).to_contain_text("Nothing found in the newest")
    page.evaluate(to, [long_chat, 1_002])
    message = in_view(chat, 1_002)
    expect(message).to_contain_text("word 1002")
    expect(chat).to_contain_text(re.compile(r"An earlier part: events [\d,]+ to [\d,]+ of 100,000"))

    message.hover()
    message.get_by_role("button", name="Copy a link to this event").click()
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == f"{panel_lab.url}lab#sparky?chat=long&offset=1002"

    # On towards what is live, page by page, or at once.
    chat.locator(".sparky-scroll").hover()
    further = chat.get_by_text(re.compile("events 902 to 1,701 of"))

    def wheels() -> bool:
        page.mouse.wheel(0, 4_000)
        page.wait_for_timeout(50)
        return further.count() == 1

    wait_for(wheels, "the next page is there", PATIENCE)
    chat.get_by_role("button", name="Jump to live").click()
    expect(chat).to_contain_text("line 99999", timeout=MS)
    expect(chat.locator(".sparky-mod-marked")).to_have_count(0)

    # The result of a call is marked in its call; the link works from the address bar.
    page.goto(link.replace("1002", "50001").replace("/lab#", "/lab/workspaces/link#"))
    expect(in_view(chat, 50_001)).to_have_text(re.compile("result 50001"))
    call = chat.locator("[data-sparky-event='50000']")
    expect(call).to_contain_text("look")


def test_a_search_says_how_far_back_it_has_looked_and_goes_on_to_the_beginning(
    panel_lab: Lab, page: Page, long_chat: str, screens: Screens
) -> None:
    start = f"lab/workspaces/search?token={panel_lab.token}#sparky?chat={long_chat}"
    page.goto(panel_lab.url + start)
    chat = page.locator(".sparky-main")
    expect(chat).to_contain_text("line 99999", timeout=MS)
    search = chat.get_by_role("searchbox", name="Search")
    said = chat.get_by_role("status").filter(has_text=re.compile("found|Searching"))
    further = chat.get_by_role("button", name="Search earlier events")

    # One word of a hundred thousand events: by the keys alone, and nothing else is kept.
    search.fill("word 60002")
    expect(said).to_have_text(re.compile(r"^Nothing found in the newest [\d,]+ events\.$"))
    expect(further).to_be_visible()
    search.press("Enter")
    expect(said).to_have_text("1 found in the whole chat.", timeout=MS)
    expect(chat.locator(".sparky-timeline [data-sparky-event]")).to_have_count(1)
    expect(chat.locator(".sparky-message")).to_have_text("word 60002")
    expect(further).to_have_count(0)

    # It can be stopped where it is, and goes on from there; the focus stays where it was.
    search.fill("no event has this")
    further.focus()
    page.keyboard.press("Enter")
    stop = chat.get_by_role("button", name="Stop")
    expect(stop).to_be_focused()
    page.keyboard.press("Enter")
    expect(further).to_be_focused()
    expect(said).to_have_text(re.compile("^Nothing found in the newest"))
    search.fill("")
    expect(chat).to_contain_text("line 99999", timeout=MS)

    # A call is found by its result. More often than one can look at: a part at a time.
    chat.get_by_role("button", name="Errors only").click()
    further.click()
    call = chat.locator(f"[data-sparky-event='{BROKEN - 1}']")
    expect(call).to_contain_text(f"result {BROKEN}", timeout=MS)
    expect(said).to_have_text("1 found in the whole chat.", timeout=MS)
    chat.get_by_role("button", name="Errors only").click()
    search.fill("result 10")
    further.click()
    part = re.compile(r"^([\d,]+) found in the newest ([\d,]+) events\.$")
    expect(said).to_have_text(part, timeout=MS)
    found = part.match(said.inner_text())
    assert found
    assert 20 <= int(found[1]) < 300
    assert int(found[2].replace(",", "")) < LONG
    expect(further).to_be_visible()
    screens.both(page, "found")


def test_a_reader_of_a_chat_filters_searches_and_is_not_carried_away(
    panel_lab: Lab, page: Page
) -> None:
    speaks = """
import pathlib, threading, sparky_nb
def speaks(task):
    for n in range(80):  # less than a snapshot holds, whenever the chat was opened
        with task.tool("count", n=n) as call:
            call.result = n
        task.message(f"number {n}")
    try:
        with task.tool("breaks"):
            raise OSError("broken pipe")
    except OSError:
        pass
    for part in ("one", "two"):
        while not pathlib.Path(f"filters-{part}").exists():
            threading.Event().wait(0.05)
        task.message(f"part {part}")
sparky_nb.start(speaks, name="Speaks")
"""
    notebook = panel_lab.open(page, "filters.ipynb", [speaks])
    notebook.run(0)
    View.under(notebook, 0).press("Open in Sparky")
    chat = page.locator(".sparky-main")
    expect(chat).to_contain_text("number 79", timeout=MS)  # it follows
    chat.get_by_role("button", name="Tool calls").click()
    expect(chat.locator(".sparky-tool")).to_have_count(0)
    search = chat.get_by_role("searchbox", name="Search")
    search.fill("number 7")
    expect(chat.locator(".sparky-message")).to_have_text(
        [f"number {n}" for n in (7, *range(70, 80))]
    )
    search.fill("")
    chat.get_by_role("button", name="Errors only").click()
    expect(chat.locator(".sparky-tool-head")).to_have_text(re.compile("breaks"))
    expect(chat.locator(".sparky-scroll")).to_contain_text("broken pipe")
    chat.get_by_role("button", name="Errors only").click()
    chat.get_by_role("button", name="Tool calls").click()

    chat.locator(".sparky-scroll").hover()
    page.mouse.wheel(0, -2_000)
    jump = chat.get_by_role("button", name="Jump to live")
    expect(jump).to_be_visible()
    top = chat.locator(".sparky-scroll").evaluate("node => node.scrollTop")
    step(panel_lab, notebook, "one")
    head = len(events_of(panel_lab, View.under(notebook, 0).task_id))
    body = chat.locator(".sparky-chat")
    wait_for(
        lambda: int(body.get_attribute("data-offset") or 0) >= head or page.wait_for_timeout(50),
        "it has arrived",
        PATIENCE,
    )
    expect(chat.get_by_text("part one")).not_to_be_in_viewport()
    assert abs(chat.locator(".sparky-scroll").evaluate("node => node.scrollTop") - top) < 50
    chat.locator(".sparky-scroll").focus()
    page.keyboard.press("Alt+End")
    expect(chat.get_by_text("part one")).to_be_in_viewport(timeout=MS)
    expect(jump).to_have_count(0)
    step(panel_lab, notebook, "two")
    expect(chat.get_by_text("part two")).to_be_in_viewport(timeout=MS)  # it follows again


def test_what_is_written_reaches_the_task_or_says_who_is_missing(
    panel_lab: Lab, page: Page
) -> None:
    listens = """
import sparky_nb
def listens(task):
    while (word := task.receive(timeout=None)) != "stop":
        task.message(f"heard **{word}**")
sparky_nb.start(listens, name="Listens")
"""
    notebook = panel_lab.open(page, "composer.ipynb", ["%load_ext sparky_nb", listens])
    notebook.run(0)
    notebook.run(1)
    view = View.under(notebook, 1)
    view.press("Open in Sparky")
    chat = page.locator(".sparky-main")
    box = chat.get_by_role("textbox", name="Message to the task")
    box.fill("hello")
    box.press("Enter")
    expect(chat).to_contain_text("heard hello", timeout=MS)
    expect(box).to_have_value("")
    box.fill("stop")
    chat.get_by_role("button", name="Send").click()
    view.is_in("completed")
    said = [e.data for e in events_of(panel_lab, view.task_id) if e.type == "message_received"]
    assert [data["text"] for data in said] == ["hello", "stop"]
    commands = [e.data for e in events_of(panel_lab, view.task_id) if e.type == "command"]
    assert [data["outcome"] for data in commands][-1] == "applied"

    # No task listens any more: the same box gives the agent an instruction, and there is no model.
    box = chat.get_by_role("textbox", name="Instruction")
    box.fill("Count the files")
    box.press("Enter")
    failed = chat.locator(".sparky-error").last
    expect(failed).to_contain_text("SPARKY_MODEL", timeout=MS)

    # In a chat that no kernel and no worker looks after, it says so.
    page.evaluate("() => { window.jupyterapp.commands.execute('sparky:instruct'); }")
    dialog = page.locator(".jp-Dialog")
    dialog.locator("input").fill("Do something")
    dialog.get_by_role("button", name="Ok").click()
    default = page.locator(".sparky-main [data-sparky-chat=default]")
    expect(default.locator("[data-sparky-task]")).to_have_attribute(
        "data-state", "queued", timeout=MS
    )
    expect(default).to_contain_text("no worker", timeout=MS)
    expect(default).to_contain_text("sparky agent worker")
    default.get_by_role("button", name="Cancel").click()
    expect(default.locator("[data-sparky-task]")).to_have_attribute(
        "data-state", "cancelled", timeout=MS
    )


def test_one_finds_the_way_by_keys_status_bar_and_palette_and_after_a_reload(
    panel_lab: Lab, page: Page
) -> None:
    tall = ["# a long cell" + "\n#" * 80] * 2
    notebook, view = begin(panel_lab, page, "ways.ipynb", *tall)
    notebook.save()
    page.locator(".jp-Notebook").press("Control+Shift+Y")
    side = page.locator(".sparky-side")
    expect(side).to_be_visible()
    page.keyboard.press("Control+Shift+C")
    page.locator(".jp-ModalCommandPalette input, .lm-CommandPalette-input").first.fill("sparky")
    palette = page.locator(".lm-CommandPalette-content")
    for label in ("Show Tasks and Chats", "Open Chat", "Cancel All Running Tasks", "Reconnect Now"):
        expect(palette).to_contain_text(label)
    expect(palette).to_contain_text("Ctrl+Shift+Y")
    page.keyboard.press("Escape")

    page.evaluate("() => { window.jupyterapp.commands.execute('filebrowser:activate'); }")
    expect(side).to_be_hidden()
    item = page.locator(".sparky-statusitem")
    expect(item).to_contain_text(re.compile(r"\d tasks?"))
    item.get_by_role("button").first.click()
    expect(side).to_be_visible()

    # From the row to the chat, and from there to the cell.
    row = side.locator(f"[data-sparky-task={view.task_id}]")
    row.get_by_role("button", name="Work").first.click()
    chat = page.locator(f".sparky-main [data-sparky-chat={chat_of(panel_lab, view.task_id)}]")
    expect(chat).to_have_attribute("data-connection", "live", timeout=MS)
    page.evaluate("() => { window.scrollTo(0, 0); }")
    chat.get_by_role("button", name="Go to its cell").click()
    current = "() => window.jupyterapp.shell.currentWidget?.content?.activeCellIndex"
    page.wait_for_function(f"{current.replace('=>', '=> 1 ===', 1)}")
    expect(view.node).to_be_in_viewport(timeout=MS)

    # The tab of the chat is there again, follows, and its title is the chat's.
    name = page.url.split("/workspaces/")[1].split("/")[0]
    wait_for(
        lambda: page.evaluate(_SAVED, name) or page.wait_for_timeout(50),
        "the layout is saved",
        PATIENCE,
    )
    page.reload()
    notebook.ready()
    tab = page.locator(".lm-DockPanel-tabBar .lm-TabBar-tab", has_text="ways.ipynb")
    expect(tab).to_have_count(2, timeout=MS)
    tab.nth(1).click()
    expect(chat).to_have_attribute("data-connection", "live", timeout=MS)
    for n in (1, 2, 3):
        step(panel_lab, notebook, n)
    expect(chat).to_contain_text("all done", timeout=MS)
    expect(chat.get_by_role("button", name="Jump to live")).to_have_count(0)


_SAVED = """async name => {
  const {workspaces} = window.jupyterapp.serviceManager;
  const {data} = await workspaces.fetch(name);
  return JSON.stringify(data['layout-restorer:data'] ?? '').includes('sparky-chat:');
}"""

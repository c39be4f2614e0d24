"""Whatever a task or its chat is called, says, prints or returns: it is shown, never run."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.ui.lab import Lab
from tests.ui.panel.test_panel import open_panel
from tests.ui.panel.views import MS, ChatView, View
from tests.ui.screens import Screens

pytestmark = [pytest.mark.timeout(400), pytest.mark.promise("P11")]

BAD = "window.evil=(window.evil||0)+1"
HTML = (
    f"<b>kept</b><script>{BAD}</script><img src=x onerror='{BAD}'>"
    f"<a href='javascript:{BAD}'>a link</a><a href='JaVa\tScRiPt:{BAD}'>another</a>"
    f"<a href='data:text/html,<script>{BAD}</script>'>data</a>"
    f"<iframe srcdoc='<script>parent.{BAD}</script>'></iframe><form action='javascript:{BAD}'>"
    f"<input autofocus onfocus='{BAD}'><button formaction='javascript:{BAD}'>press</button></form>"
    f"<details open ontoggle='{BAD}'>d</details><style>body {{ display: none !important }}</style>"
    "<div style='position: fixed; inset: 0; z-index: 99999; background: red'>over it all</div>"
)
# An address `data:` that was printed is a link, as Jupyter makes one; no browser follows it.
RUNS = "a[href^='javascript' i], script, iframe, object, embed, foreignObject"
HANDLERS = "[onerror], [onload], [onfocus], [ontoggle]"
TAKES_OVER = "style, form[action], [formaction]"
TASK = r"""
import sparky_nb
from IPython.display import HTML, Javascript, Markdown, Math, display

def hostile(task):
    svg = f"<svg xmlns='http://www.w3.org/2000/svg' onload='{bad}' width='9'><script>{bad}</script>"
    svg += f"<foreignObject>{html}</foreignObject><a href='javascript:{bad}'>x</a></svg>"
    display(HTML(html), Javascript(bad), Markdown(html))
    display({"image/svg+xml": svg}, raw=True)
    display(Markdown(f"[md](javascript:{bad}) ![i](x){{onerror={bad}}}\n\n```html\n{html}\n```"))
    display(Math(r"\href{javascript:" + bad + r"}{x} \unicode{<img src=x onerror=" + bad + ">}"))
    display({"text/latex": html, "application/javascript": bad, "text/html": html}, raw=True)
    task.message(html)
    task.thought(html)
    print("\x1b]0;title\x07\x1b]8;;javascript:" + bad + "\x07link\x1b]8;;\x07\x1b[2J")
    print("\x1b[999A\x1b[31mred")
    print("\x1b[0m \u202eturned\x00\x08\x9b31m " + html)
    with task.tool(html, argument=html, **{"__proto__": html, html: [html]}) as call:
        call.result = {"html": html, "constructor": 1, html: {"__proto__": html}}
    with task.tool("display", mime=html) as call:
        call.result = {"data": {"text/html": html, "application/javascript": bad}}
    with task.tool("refers") as call:
        call.result = {"ref": {"sha256": "0" * 64, "size": html, "media_type": {}, "preview": [1]}}
    display({"image/svg+xml": {"not": "text"}, "text/plain": {"nor": "this"}}, raw=True)
    task.emit("from_the_future", {"text": html})
    task.progress(1, 2, html, key=html)
    task.progress(float("1e308"), 3, html)
    print("x" * 5_000_000)
    answer = task.ask(html, choices=[html, "__proto__"])
    task.message(f"still here, {answer}")
    raise type(html[:60], (Exception,), {})(html)

sparky_nb.start(hostile, name=html[:200], chat="hostile")
"""


@pytest.fixture
def page(page: Page) -> Iterator[Page]:
    """One that notices whatever runs, is blocked just before it, or asks for attention."""
    dialogs: list[str] = []
    page.add_init_script(
        """window.violations = [];
        document.addEventListener('securitypolicyviolation', event => {
          window.violations.push(`${event.violatedDirective} ${event.blockedURI}`);
        });"""
    )
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    yield page
    assert not dialogs


def nothing_ran(page: Page, *places: Locator) -> None:
    """No handler, no script, no address that runs is there; and none has been tried."""
    for place in places:
        found = place.locator(f"{RUNS}, {HANDLERS}, {TAKES_OVER}")
        assert found.evaluate_all("nodes => nodes.map(node => node.outerHTML)") == []
    assert page.evaluate("window.evil") is None
    assert page.evaluate("window.violations") == []


def ask(lab: Lab, method: str, path: str, body: object) -> None:
    """A request of somebody who means no good."""
    request = urllib.request.Request(
        f"{lab.url}sparky/api/v1/{path}",
        method=method,
        data=json.dumps(body).encode(),
        headers={"Authorization": f"token {lab.token}"},
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status in (200, 201)


def test_what_a_task_says_never_runs_and_breaks_nothing(
    panel_lab: Lab, page: Page, tmp_path: Path, screens: Screens
) -> None:
    names = f"bad, html = {BAD!r}, {HTML!r}"
    notebook = panel_lab.open(page, "hostile.ipynb", [names, TASK])
    notebook.run(0)
    notebook.run(1)
    view = View.under(notebook, 1)
    view.is_in("waiting")
    question = view.node.locator(".sparky-question")
    expect(question).to_contain_text("kept")
    question.get_by_role("button", name="press", exact=True).click()  # a form of the task's own
    expect(question).to_be_visible()
    nothing_ran(page, view.node)
    screens.both(page, "inline")

    ask(panel_lab, "PATCH", "chats/hostile", {"title": f"<img src=x onerror='{BAD}'>"})
    ask(panel_lab, "POST", "chats/hostile-too/tasks", {"instruction": HTML})  # nobody takes it
    open_panel(page)
    side = page.locator(".sparky-side")
    row = side.locator(f"[data-sparky-task={view.task_id}]")
    expect(side.locator("[data-sparky-chat=hostile]")).to_contain_text("<img src=x", timeout=MS)
    expect(side.locator("[data-state=queued]")).to_contain_text("<b>kept")
    row.locator(".sparky-row-main").click()
    chat = ChatView(page, "hostile")
    chat.is_live()
    chat.press("Show the whole chat")
    screens.both(page, "chat")
    chat.node.get_by_role("button", name=HTML).first.click()  # the choice
    chat.sees("still here, kept")
    expect(row).to_have_attribute("data-state", "failed", timeout=MS)
    chat.reads_as_the_log(panel_lab)
    nothing_ran(page, chat.node, side)

    row.get_by_role("button", name="Run again").click()  # and a notice tells its name
    notice = page.locator(".Toastify__toast").filter(has_text="Runs again as")
    expect(notice).to_contain_text("<b>kept")
    nothing_ran(page, notice)
    again = side.locator("[data-state=waiting]").first
    expect(again).to_be_visible(timeout=MS)
    again.get_by_role("button", name="Cancel").click()
    expect(side.locator("[data-state=waiting]")).to_have_count(0, timeout=MS)

    row.locator("summary").click()
    with page.expect_download() as download:
        row.get_by_role("button", name="Export as HTML").click()
    file = tmp_path / "exported.html"
    download.value.save_as(file)
    nothing_ran(page, page.locator("#main"))
    page.locator(".jp-NotebookPanel .jp-Cell").first.wait_for(state="attached")
    assert not page.title().startswith("title")

    exported = page.context.new_page()
    exported.goto(file.as_uri())
    body = exported.locator("body")
    expect(body).to_contain_text("still here")
    assert exported.evaluate("window.evil") is None
    assert body.locator("a, script, iframe, form, svg, pre *, b *").count() == 0
    images = body.locator("img").evaluate_all("nodes => nodes.map(node => node.src)")
    assert images
    assert all(src.startswith("data:image/svg+xml;") for src in images)
    screens.keep(exported, "exported")

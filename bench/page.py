"""The panel in a real Chromium, beside an empty JupyterLab in the same run.

There is no GPU where this usually runs, so the ratios count, not the frames; and a page that gets
no processor has long tasks whatever it does, so the empty one is measured while the log is as busy.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Final, NamedTuple

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from bench.flood import RATE, Producer, flood
from bench.table import Row, Table
from sparky_nb.log import Log, open_log
from tests.ui.conftest import FLAGS
from tests.ui.lab import Lab
from tests.ui.panel.spy import HIDE, OPEN, SPY

STORED: Final = 100_000
SECONDS: Final = 30
CHATS: Final = 10
HIDDEN_SECONDS: Final = 20

_OPEN = """async chatId => {
  const began = performance.now();
  window.jupyterapp.commands.execute('sparky:open-chat', {chatId});
  const shown = `[data-sparky-chat=${chatId}] [data-sparky-event]`;
  while (!document.querySelector(shown))
    await new Promise(resolve => requestAnimationFrame(resolve));
  return performance.now() - began; }"""
_FRAMES = """async ([seconds, selector]) => {
  const node = selector ? document.querySelector(selector) : null;
  let frames = 0; const began = performance.now();
  while (performance.now() - began < seconds * 1000) {
    node?.dispatchEvent(new WheelEvent('wheel', {bubbles: true}));
    if (node) node.scrollTop -= 60;
    await new Promise(resolve => requestAnimationFrame(resolve)); frames++;
  }
  return frames / seconds; }"""


class Meter:
    """What a page does with its main thread and its memory."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._cdp: CDPSession = page.context.new_cdp_session(page)
        self._cdp.send("Performance.enable")

    def frames(self, seconds: float, scroll: str = "") -> float:
        """Frames a second, while ``scroll`` is scrolled up."""
        return float(self.page.evaluate(_FRAMES, [seconds, scroll]))

    def memory(self) -> float:
        """MB of JavaScript that are in use."""
        self._cdp.send("HeapProfiler.collectGarbage")
        return float(self.page.evaluate("performance.memory.usedJSHeapSize / 1e6"))

    def under(self, producer: Producer) -> Flooded:
        """While the log takes ``RATE`` events a second."""
        memory, frames, busy, tasks = [self.memory()], 0.0, 0.0, Tasks(self._cdp)
        for _ in range(2):
            began = self._busy()
            with tasks, flood(producer):
                frames += self.frames(SECONDS / 2) / 2
            busy += (self._busy() - began) / SECONDS
            memory.append(self.memory())  # collects garbage, so not meanwhile
        grown = (memory[1] - memory[0], memory[2] - memory[1])
        return Flooded(frames, tasks, busy, grown)

    def _busy(self) -> float:
        """Seconds of the processor that the main thread took so far."""
        metrics: Any = self._cdp.send("Performance.getMetrics")["metrics"]
        return next(float(each["value"]) for each in metrics if each["name"] == "ThreadTime")


class Tasks:
    """The tasks of the main thread: how long each took, and how much of the processor."""

    def __init__(self, cdp: CDPSession) -> None:
        """One after the other may be measured with it."""
        self._cdp, self._ended = cdp, False
        self._seen: list[dict[str, Any]] = []
        self.over, self.worst = 0, 0.0
        cdp.on("Tracing.dataCollected", lambda data: self._seen.extend(data["value"]))
        cdp.on("Tracing.tracingComplete", lambda _: setattr(self, "_ended", True))

    def __enter__(self) -> Tasks:
        self._ended = False
        config = {"includedCategories": ["toplevel"], "excludedCategories": ["*"]}
        options = {"transferMode": "ReportEvents", "traceConfig": config}
        self._cdp.send("Tracing.start", options)
        return self

    def __exit__(self, *_: object) -> None:
        self._cdp.send("Tracing.end")
        while not self._ended:
            self._cdp.send("Performance.getMetrics")  # events come while something is waited for
        threads = {
            (each["pid"], each["tid"])
            for each in self._seen
            if each["name"] == "thread_name" and each["args"]["name"] == "CrRendererMain"
        }
        tasks = [
            each
            for each in self._seen
            if (each["pid"], each["tid"]) in threads and each["name"].endswith("RunTask")
        ]
        self.over += sum(each.get("dur", 0) > 100_000 for each in tasks)
        self.worst = max(self.worst, *(each.get("tdur", 0) / 1000 for each in tasks))
        self._seen.clear()

    def __str__(self) -> str:
        return f"{self.over} over 100 ms ({self.worst:.0f} ms of CPU)"


class Flooded(NamedTuple):
    """What was seen meanwhile. ``busy``: the part of a core; ``grown``: MB in either half."""

    frames: float
    tasks: Tasks
    busy: float
    grown: tuple[float, float]


def measure(table: Table, folder: Path) -> None:
    """All rows about the page."""
    lab = Lab(folder / "lab", front_end=True).start()
    try:
        with open_log(lab.log_url) as log, sync_playwright() as playwright:
            chromium = shutil.which("chromium") or shutil.which("chromium-browser")
            flags = [*FLAGS, "--enable-precise-memory-info"]
            browser = playwright.chromium.launch(executable_path=chromium, args=flags)
            _one_chat(table, lab, browser, log)
            _many_chats(table, lab, browser, log)
            browser.close()
    finally:
        lab.stop()


def _load(lab: Lab, browser: Browser, script: str = "") -> Page:
    page = browser.new_context(viewport={"width": 1300, "height": 900}).new_page()
    page.add_init_script(script)
    page.goto(f"{lab.url}lab?token={lab.token}")
    page.wait_for_selector("#sparky-panel", state="attached", timeout=60_000)
    page.wait_for_timeout(4_000)
    return page


def _one_chat(table: Table, lab: Lab, browser: Browser, log: Log) -> None:
    producer = Producer(log, "bench")
    for _ in range(STORED // 500):
        producer.make(500)
    page = _load(lab, browser)
    meter = Meter(page)
    still = meter.frames(3)
    empty = meter.under(Producer(log, "elsewhere"))
    opened = float(page.evaluate(_OPEN, "bench"))
    what = f"page: newest screen of a chat with {STORED:,} events"
    table.add(Row(what=what, figure=f"{opened:.0f} ms", aim="≤ 300 ms"))
    page.wait_for_timeout(1_000)
    scrolling = meter.frames(3, ".sparky-main .sparky-scroll")
    table.add(
        Row(
            what="page: scrolling",
            figure=f"{scrolling:.0f} frames/s",
            limit=f"{still:.0f} frames/s of an empty JupyterLab",
            ratio=scrolling / still,
            aim="≥ 50 frames/s",
        )
    )
    page.evaluate("document.querySelector('.sparky-jump')?.click()")
    _flood_rows(table, f"{RATE:,} events/s for {SECONDS} s", meter.under(producer), empty)
    printer = Producer(log, "printer", steps=False)
    printer.make(500)
    page.evaluate(_OPEN, "printer")
    _flood_rows(table, f"{RATE:,} prints/s for {SECONDS} s", meter.under(printer), empty)
    page.context.close()


def _flood_rows(table: Table, what: str, seen: Flooded, empty: Flooded) -> None:
    limit = f"{empty.frames:.0f} frames/s of an empty JupyterLab"
    figure = f"{seen.frames:.0f} frames/s"
    ratio = seen.frames / empty.frames
    table.add(Row(what=f"page: drawing {what}", figure=figure, limit=limit, ratio=ratio))
    aim = "none over 100 ms"
    figure, limit = str(seen.tasks), str(empty.tasks)
    table.add(Row(what="page: tasks; the longest", figure=figure, limit=limit, aim=aim))
    busy, idle = (f"{each.busy:.0%} of a core" for each in (seen, empty))
    table.add(Row(what="page: its main thread meanwhile", figure=busy, limit=idle))
    grown = f"{seen.grown[0]:+.0f} MB, then {seen.grown[1]:+.0f} MB"
    limit = f"{empty.grown[0]:+.0f} MB, then {empty.grown[1]:+.0f} MB"
    table.add(Row(what="page: memory meanwhile", figure=grown, limit=limit, aim="bounded"))


def _many_chats(table: Table, lab: Lab, browser: Browser, log: Log) -> None:
    page = _load(lab, browser, SPY)
    page.evaluate("window.jupyterapp.commands.execute('sparky:open-panel')")
    producers = [Producer(log, f"chat-{n}") for n in range(CHATS)]
    for producer in producers:
        producer.make(100)
        page.evaluate(_OPEN, producer.chat)
    page.wait_for_timeout(2_000)
    wanted = {"_index", *(producer.chat for producer in producers)}
    chats = [chat for chat, _ in page.evaluate(OPEN) if chat in wanted]
    left = len(page.evaluate(HIDE))
    page.wait_for_timeout(2_000)
    page.evaluate("() => { spied.asked.length = 0; }")
    for producer in producers:
        producer.make(100)
    page.wait_for_timeout(HIDDEN_SECONDS * 1000)
    timers = left + int(page.evaluate("spied.asked.length + spied.waiting.size"))
    table.add(
        Row(
            what=f"page: {CHATS} open chats, their rows in the panel, hidden {HIDDEN_SECONDS} s",
            figure=f"{len(chats)} sockets, {timers} timers",
            aim=f"{CHATS} + 1 sockets, no timer",
        )
    )
    page.context.close()

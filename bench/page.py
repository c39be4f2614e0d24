"""The panel in a real Chromium, beside an empty JupyterLab in the same run.

There is no GPU where this usually runs, so the ratios count, not the frames.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Page, sync_playwright

from bench.table import Row, Table
from sparky_nb.clock import SystemClock
from sparky_nb.events.model import NewEvent
from sparky_nb.ids import new_event_id
from sparky_nb.log import Log, open_log
from sparky_nb.log.base import Append, Fence
from tests.ui.conftest import FLAGS
from tests.ui.lab import Lab

STORED: Final = 100_000
RATE: Final = 2_000
SECONDS: Final = 30
TASK: Final = "task-000000000001"
RUNNER: Final = "bench:bench:1:1:00000000"
CHAT: Final = "bench"

_WATCH = """() => { window.__long = []; new PerformanceObserver(list => list.getEntries()
  .forEach(entry => window.__long.push(entry.duration))).observe({type: 'longtask'}); }"""
_OPEN = """async () => {
  const began = performance.now();
  window.jupyterapp.commands.execute('sparky:open-chat', {chatId: 'bench'});
  while (!document.querySelector('.sparky-main [data-sparky-event]'))
    await new Promise(resolve => requestAnimationFrame(resolve));
  return performance.now() - began; }"""
_FRAMES = """async scroll => {
  const node = scroll ? document.querySelector('.sparky-main .sparky-scroll') : null;
  let frames = 0; const began = performance.now();
  while (performance.now() - began < 3000) {
    node?.dispatchEvent(new WheelEvent('wheel', {bubbles: true}));
    if (node) node.scrollTop -= 60;
    await new Promise(resolve => requestAnimationFrame(resolve)); frames++;
  }
  return frames / 3; }"""


class Producer:
    """A task that says what tasks say, as fast as it is told to."""

    def __init__(self, log: Log) -> None:
        self._log, self._clock, self._made = log, SystemClock(), 0
        self._fence = Fence(task_id=TASK, attempt=1, runner=RUNNER)
        status = {"state": "running", "attempt": 1, "name": "bench", "runner": RUNNER}
        self._put([self._event("status", status)])

    def make(self, count: int) -> None:
        """Store ``count`` events in one transaction."""
        self._put([self._next() for _ in range(count)])

    def _put(self, events: list[NewEvent]) -> None:
        self._log.commit(Append(chat=CHAT, events=tuple(events), fence=self._fence))

    def _next(self) -> NewEvent:
        self._made += 1
        n, kind = self._made, self._made % 10
        if kind == 0:
            call = {"tool_call_id": f"c{n}", "name": "search", "args": {"q": n}}
            return self._event("tool_use", call)
        if kind == 1:
            done: dict[str, Any] = {"tool_call_id": f"c{n - 1}", "name": "search"}
            done |= {"status": "success", "result": {"n": n}, "duration_ms": 3}
            return self._event("tool_result", done)
        if kind == 2:
            text = {"message_id": f"m{n}", "text": f"message **{n}**", "final": True}
            return self._event("message_sent", text)
        if kind == 3:
            return self._event("progress", {"key": "main", "done": n, "total": 10**6})
        return self._event("output", {"stream": "stdout", "text": f"line {n} of a task's output\n"})

    def _event(self, kind: str, data: dict[str, Any]) -> NewEvent:
        now = self._clock.now_ms()
        return NewEvent(
            id=new_event_id(now), type=kind, time=now, task_id=TASK, actor="task", data=data
        )


@contextmanager
def flood(producer: Producer) -> Iterator[None]:
    """``RATE`` events a second while it lasts."""
    stop, clock = threading.Event(), SystemClock()

    def run() -> None:
        began, made = clock.monotonic(), 0
        while not stop.wait(max(0.0, began + made / RATE - clock.monotonic())):
            producer.make(20)
            made += 20

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def measure(table: Table, folder: Path) -> None:
    """All rows about the page."""
    lab = Lab(folder / "lab", front_end=True).start()
    try:
        with open_log(lab.log_url) as log, sync_playwright() as playwright:
            producer = Producer(log)
            for _ in range(STORED // 500):
                producer.make(500)
            chromium = shutil.which("chromium") or shutil.which("chromium-browser")
            flags = [*FLAGS, "--enable-precise-memory-info"]
            browser = playwright.chromium.launch(executable_path=chromium, args=flags)
            page = browser.new_context(viewport={"width": 1300, "height": 900}).new_page()
            _measure_page(table, lab, page, producer)
            browser.close()
    finally:
        lab.stop()


def _measure_page(table: Table, lab: Lab, page: Page, producer: Producer) -> None:
    page.goto(f"{lab.url}lab?token={lab.token}")
    page.wait_for_selector("#sparky-panel", state="attached", timeout=60_000)
    page.wait_for_timeout(4_000)
    page.evaluate(_WATCH)
    empty = float(page.evaluate(_FRAMES, False))
    limit = f"{empty:.0f} frames/s of an empty JupyterLab"
    opened = float(page.evaluate(_OPEN))
    what = f"page: newest screen of a chat with {STORED:,} events"
    table.add(Row(what=what, figure=f"{opened:.0f} ms", aim="≤ 300 ms"))
    page.wait_for_timeout(1_000)
    scrolling = float(page.evaluate(_FRAMES, True))
    table.add(
        Row(
            what="page: scrolling",
            figure=f"{scrolling:.0f} frames/s",
            limit=limit,
            ratio=scrolling / empty,
            aim="≥ 50 frames/s",
        )
    )
    page.evaluate("document.querySelector('.sparky-jump')?.click()")
    page.evaluate("() => { window.__long.length = 0; }")
    before = _memory(page)
    with flood(producer):
        page.wait_for_timeout(SECONDS * 1000 - 3000)
        flooded = float(page.evaluate(_FRAMES, False))
    long = page.evaluate("window.__long")
    over, worst = sum(each > 100 for each in long), max(long, default=0)
    table.add(
        Row(
            what=f"page: drawing {RATE:,} events/s for {SECONDS} s",
            figure=f"{flooded:.0f} frames/s",
            limit=limit,
            ratio=flooded / empty,
        )
    )
    figure = f"{over} over 100 ms, longest {worst:.0f} ms"
    table.add(Row(what="page: long tasks meanwhile", figure=figure, aim="none over 100 ms"))
    grown = f"{_memory(page) - before:+.0f} MB"
    table.add(Row(what="page: memory meanwhile", figure=grown, aim="bounded"))


def _memory(page: Page) -> float:
    return float(page.evaluate("performance.memory.usedJSHeapSize / 1e6"))

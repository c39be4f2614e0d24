"""Watching on a terminal where rich is installed: a bar for each progress key, below what is
said."""

from __future__ import annotations

from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import (
    BarColumn,
    Progress,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from sparky_nb.cli.render import Renderer, progress_text
from sparky_nb.cli.terminal import shorten

KEYS_MAX = 8
ROWS_MAX = 6
"""Of the line that is being written: what is redrawn must be lower than the terminal."""


class _Drawn(BarColumn):
    """A bar where something is on its way to somewhere: what is used up is only a number."""

    def render(self, task: Task) -> Any:
        return super().render(task) if task.fields["drawn"] else Text()


class BarRenderer(Renderer):
    """See ``Renderer``. Whole lines go above the bars, which rich keeps in place together with the
    line that is being written."""

    buffers = True

    def __init__(self) -> None:
        super().__init__(terminal=False)
        # What a task says is text, never rich's markup.
        self._console = Console(markup=False, highlight=False, emoji=False)
        self._bars = Progress(
            TextColumn("{task.fields[key]}", markup=False),
            _Drawn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[said]}", markup=False),
            console=self._console,
        )
        self._known_bars: dict[str, TaskID] = {}
        self._line_begun = ""
        self._live = Live(console=self._console, transient=True, get_renderable=self._picture)
        self._live.start()

    def close(self) -> None:
        super().close()
        if self._line_begun:
            self._echo()
        self._live.stop()

    def _picture(self) -> RenderableType:
        if not self._line_begun:
            return self._bars
        rows = Text.from_ansi(self._line_begun).wrap(self._console, self._console.width)
        return Group(*rows[-ROWS_MAX:], self._bars)

    def _progress(self, data: dict[str, Any]) -> None:
        key = str(data.get("key"))
        bar = self._known_bars.get(key)
        if bar is None:
            if len(self._known_bars) >= KEYS_MAX:
                return
            bar = self._bars.add_task("", key="", said="", drawn=True)
            self._known_bars[key] = bar
        self._bars.update(
            bar,
            completed=float(data.get("done") or 0),
            total=float(data["total"]) if data.get("total") else None,
            key="" if key == "main" else shorten(key, 20),
            said=shorten(progress_text(data), 60),
            drawn="usage" not in data,
        )

    def _echo(self, text: str = "", nl: bool = True) -> None:
        *lines, rest = (self._line_begun + text + ("\n" if nl else "")).split("\n")
        if lines and self._line_begun:
            self._line_begun = ""
            self._live.refresh()  # rich draws anew what it drew last: the line is whole now
        self._line_begun = rest
        for line in lines:
            self._console.print(Text.from_ansi(line))

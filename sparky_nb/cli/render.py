"""Events as lines in a terminal."""

from __future__ import annotations

import shutil
from datetime import datetime
from typing import Any

import click

from sparky_nb.cli.questions import question_text
from sparky_nb.cli.terminal import plain, shorten, styled
from sparky_nb.events.model import Event
from sparky_nb.events.usage import usage_text

_COLOURS = {"completed": "green", "failed": "red", "lost": "red", "cancelled": "yellow"}


class Renderer:
    """Prints events as they come; on a terminal the newest progress stays on the last line."""

    buffers = False
    """Whether something else sees to it that what was printed is shown."""

    def __init__(self, terminal: bool) -> None:
        self._terminal = terminal
        self._status_line = False
        self._open_line = False
        self._known = {
            "status": self._status,
            "progress": self._progress,
            "output": self._output,
            "thought": self._thought,
            "message_sent": self._message_sent,
            "message_received": self._message_received,
            "tool_use": self._tool_use,
            "tool_result": self._tool_result,
            "question": self._question,
            "command": self._command,
        }

    def show(self, event: Event) -> None:
        """Print ``event``. Types that are not known are shown plainly (P12)."""
        draw = self._known.get(event.type)
        if draw is None:
            self._line(styled(plain(event.type), dim=True), shorten(event.data))
        else:
            draw(event.data)

    def close(self) -> None:
        """End the line that is open."""
        self._clear()
        self._finish_text()

    def _status(self, data: dict[str, Any]) -> None:
        state = str(data.get("state"))
        words = [styled(plain(state), fg=_COLOURS.get(state, "blue"), bold=True)]
        reason = str(data.get("reason") or "").removeprefix(f"{state} ")  # "cancelled by ann"
        words += [plain(text) for text in (str(data.get("name") or ""), reason) if text]
        if data.get("result") is not None:
            words.append("→ " + shorten(data["result"]))
        if used := usage_text(data.get("usage")):
            words.append(styled(f"({used})", dim=True))
        self._line("●", " ".join(words))
        error = data.get("error")
        if error:
            text = error.get("traceback") or error_text(error)
            self._line("", plain(click.unstyle(str(text))))

    def _progress(self, data: dict[str, Any]) -> None:
        text = progress_text(data)
        if self._terminal:
            self._clear()
            self._finish_text()
            width = shutil.get_terminal_size().columns - 1
            self._echo(text[:width], nl=False)
            self._status_line = True
        else:
            self._line("progress", text)

    def _output(self, data: dict[str, Any]) -> None:
        text = data.get("text")
        if text is None:
            mime = data.get("mime") or {}
            text = str(mime.get("text/plain") or f"[{', '.join(map(str, mime))}]") + "\n"
        if data.get("truncated"):
            text += "\n[output is truncated]\n"
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        self._clear()
        self._echo(plain(click.unstyle(text)), nl=False)
        self._open_line = not text.endswith("\n")

    def _thought(self, data: dict[str, Any]) -> None:
        self._line("thought", plain(str(data.get("text", ""))))

    def _message_sent(self, data: dict[str, Any]) -> None:
        self._clear()
        self._echo(plain(str(data.get("text", ""))), nl=bool(data.get("final")))
        self._open_line = not data.get("final")

    def _message_received(self, data: dict[str, Any]) -> None:
        self._line(plain(str(data.get("from", ""))), plain(str(data.get("text", ""))))

    def _tool_use(self, data: dict[str, Any]) -> None:
        self._line("tool", f"{plain(str(data.get('name')))} {shorten(data.get('args'))}")

    def _tool_result(self, data: dict[str, Any]) -> None:
        mark = {"success": "✓", "error": "✗", "denied": "⊘"}.get(str(data.get("status")), "?")
        self._line(f"tool {mark}", f"{plain(str(data.get('name')))} {shorten(data.get('result'))}")

    def _question(self, data: dict[str, Any]) -> None:
        self._line("question", question_text(data))

    def _command(self, data: dict[str, Any]) -> None:
        """Who asked for what; what was said or answered comes as a message of its own."""
        text = f"{data.get('from')} asked for {data.get('name')}: {data.get('outcome')}"
        reason = data.get("reason") or (data.get("args") or {}).get("reason")
        text = f"{text} ({reason})" if reason else text
        self._line(styled("command", dim=True), plain(text))

    def _line(self, head: str, text: str) -> None:
        self._clear()
        self._finish_text()
        self._echo(f"{head} {text}" if head else text)

    def _finish_text(self) -> None:
        if self._open_line:
            self._echo()
            self._open_line = False

    def _clear(self) -> None:
        if self._status_line:
            self._echo("\r\x1b[2K", nl=False)
            self._status_line = False

    def _echo(self, text: str = "", nl: bool = True) -> None:
        click.echo(text, nl=nl)


def error_text(error: dict[str, Any]) -> str:
    """
    >>> error_text({"type": "ValueError", "message": "no"})
    'ValueError: no'
    """
    return f"{error.get('type')}: {error.get('message')}"


def progress_text(progress: dict[str, Any] | None) -> str:
    """``5/10 50% message`` as far as it is known.

    >>> progress_text({"key": "main", "done": 5, "total": 10, "message": "half"})
    '5/10 50% half'
    """
    if not progress:
        return ""
    if used := usage_text(progress.get("usage")):
        return used
    done, total = progress.get("done", 0), progress.get("total")
    words = [f"{done}/{total}" if total else str(done)]
    if total:
        words.append(f"{100 * done / total:.0f}%")
    if progress.get("unit"):
        words.append(str(progress["unit"]))
    if progress.get("message"):
        words.append(str(progress["message"]))
    return plain(" ".join(words))


def moment(time_ms: int, now_ms: int) -> str:
    """When ``time_ms`` (ms UTC) was, by this machine's clock, and how long ago."""
    local = datetime.fromtimestamp(time_ms / 1000).astimezone()
    return f"{local:%Y-%m-%d %H:%M:%S} ({age(time_ms, now_ms)} ago)"


def age(time_ms: int, now_ms: int) -> str:
    """How long ``time_ms`` (ms UTC) was before ``now_ms``, in its largest unit.

    >>> age(0, 7_200_000)
    '2h'
    """
    seconds = max(0, (now_ms - time_ms) // 1000)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"

"""The picture as ``text/html``: what a saved notebook, nbviewer or nbconvert shows.

One self-contained fragment: inline styles, no script, no link, no address of any kind; every text
goes through ``escape``, and styles are built from a fixed vocabulary. Colours are JupyterLab's
variables with fallbacks that can be read on white and on black.
"""

from __future__ import annotations

import re
from html import escape
from typing import Final

from sparky_nb.view.ansi import Run
from sparky_nb.view.brief import duration
from sparky_nb.view.model import Bar, Picture, elapsed_ms, left_ms
from sparky_nb.view.timeline import Entry

_GREY: Final = "var(--jp-ui-font-color2,#7d7d7d)"
_LINE: Final = "var(--jp-border-color2,#8884)"
_ACCENTS: Final = {
    "queued": "#8a8a8a",
    "running": "#2f7fd8",
    "waiting": "#c07a00",
    "completed": "#2a9d5c",
    "failed": "#d64545",
    "cancelled": "#8a8a8a",
    "lost": "#d64545",
    "other": "#8a8a8a",
}
_PRE: Final = (
    "margin:6px 0 0;padding:6px 8px;white-space:pre-wrap;"
    "overflow-wrap:anywhere;font:12px/1.45 var(--jp-code-font-family,monospace);"
    f"border:1px solid {_LINE};border-radius:4px;color:inherit;background:none"
)
_SIXTEEN: Final = (
    "#777 #d64545 #2a9d5c #b07d00 #2f7fd8 #a855c7 #1593a5 #8a8a8a "
    "#8a8a8a #e05c5c #35b06d #c48c0a #4a94e6 #b96bd6 #22a8bb #999"
).split()
_FLAGS: Final = {
    "b": "font-weight:600",
    "d": "opacity:.7",
    "i": "font-style:italic",
    "u": "text-decoration:underline",
    "s": "text-decoration:line-through",
    "e": "color:#d64545",
    "l": "opacity:.8",
}
_COLOUR: Final = re.compile(r"[fg](1[0-5]|[0-9]|#[0-9a-f]{6})")


def html(picture: Picture, now_ms: int) -> str:
    """``picture`` as it stands at ``now_ms`` (ms UTC)."""
    head = picture.head
    accent = _ACCENTS[head.state]
    small = f"color:{_GREY};font-size:11px"
    used = f" · {escape(head.usage)}" if head.usage else ""
    parts = [
        f'<div style="border:1px solid {_LINE};border-left:3px solid {accent};border-radius:4px;'
        'padding:8px 12px;max-width:860px;font:13px/1.5 var(--jp-ui-font-family,sans-serif)">',
        f'<div><span style="color:{accent};font-weight:600">{escape(head.label)}</span> '
        f"<b>{escape(head.name)}</b> "
        f'<span style="{small}">{duration(elapsed_ms(head, now_ms))}{used}</span></div>',
    ]
    if head.not_durable:
        parts.append(_note("Not durable: what it says now can't be stored yet.", "#c07a00"))
    if head.notice:
        parts.append(_note(head.notice, "#c07a00"))
    parts += [_bar(bar, accent, now_ms, live=head.ended is None) for bar in picture.bars]
    if picture.question is not None:
        choices = " / ".join(picture.question.choices)
        asked = picture.question.prompt + (f" [{choices}]" if choices else "")
        parts.append(_note(f"? {asked}", "#c07a00"))
    parts += [_entry(entry, small) for entry in picture.entries]
    if picture.output.runs:
        cut = "…\n" if picture.output.cut else ""
        parts.append(f'<pre style="{_PRE}">{cut}{_spans(picture.output.runs)}</pre>')
    ending = picture.ending
    if ending.error:
        parts.append(_note(ending.error, "#d64545"))
    if ending.traceback:
        trace = f'<pre style="{_PRE}">{_spans(ending.traceback)}</pre>'
        parts.append(f"<details><summary>Traceback</summary>{trace}</details>")
    if ending.result is not None:
        parts.append(f'<pre style="{_PRE}">{escape(ending.result)}</pre>')
    attempt = f" · attempt {head.attempt}" if head.attempt > 1 else ""
    live = " · as it was when it was shown" if head.ended is None else ""
    chat = f" · chat {escape(head.chat_id)}" if head.chat_id else ""
    parts.append(
        f'<div style="{small};margin-top:6px">{escape(head.task_id)}{chat}{attempt}{live}</div>'
    )
    return "".join(parts) + "</div>"


def _note(words: str, colour: str) -> str:
    style = f"color:{colour};margin-top:4px;white-space:pre-wrap;overflow-wrap:anywhere"
    return f'<div style="{style}">{escape(words)}</div>'


def _bar(bar: Bar, accent: str, now_ms: int, *, live: bool) -> str:
    words = [] if bar.key == "main" else [bar.key]
    words.append(bar.count)
    drawn = ""
    if bar.fraction is not None:
        percent = int(bar.fraction * 100)
        words.append(f"{percent} %")
        drawn = (
            f'<div style="height:4px;border-radius:2px;background:{_LINE}"><div style="height:4px;'
            f'border-radius:2px;width:{percent}%;background:{accent}"></div></div>'
        )
    if bar.rate is not None:
        words.append(bar.rate)
    left = left_ms(bar, now_ms)
    if live and left is not None:
        words.append(f"{duration(left)} left")
    if bar.label:
        words.append(bar.label)
    line = escape(" · ".join(words))
    return f'<div style="margin-top:6px">{drawn}<span style="color:{_GREY}">{line}</span></div>'


def _entry(entry: Entry, small: str) -> str:
    text = escape(entry.text)
    if entry.kind == "tool":
        sign = {"running": "…", "success": "✓", "error": "✗", "denied": "⊘"}[entry.status]
        took = "" if entry.duration_ms is None else duration(entry.duration_ms)
        line = (
            f"<code>{sign} {escape(entry.name)}({escape(entry.args)})</code> "
            f'<span style="{small}">{took}</span>'
        )
        if not text:
            return f"<div>{line}</div>"
        body = f'<pre style="{_PRE}">{text}</pre>'
        return f"<details><summary>{line}</summary>{body}</details>"
    if entry.kind == "thought":
        return f'<details style="color:{_GREY}"><summary>Thought</summary>{text}</details>'
    words = f"<b>{escape(entry.name)}:</b> " if entry.name else ""
    image = f"[{escape(entry.image)}] " if entry.image else ""
    style = "margin-top:4px;white-space:pre-wrap;overflow-wrap:anywhere"
    return f'<div style="{style}">{image}{words}{text}</div>'


def _spans(found: list[Run]) -> str:
    return "".join(
        f'<span style="{css}">{escape(text)}</span>' if (css := _css(style)) else escape(text)
        for text, style in found
    )


def _css(style: str) -> str:
    """The declarations for a run's style; words that are none of ours are left out."""
    found: list[str] = []
    for word in style.split():
        if word in _FLAGS:
            found.append(_FLAGS[word])
        elif match := _COLOUR.fullmatch(word):
            colour = match[1] if match[1].startswith("#") else _SIXTEEN[int(match[1])]
            found.append(f"color:{colour}" if word[0] == "f" else f"background:{_mild(colour)}")
    return ";".join(found)


def _mild(colour: str) -> str:
    """``colour`` for behind a text: a third of it."""
    return f"{colour}5" if len(colour) == 4 else f"{colour}55"

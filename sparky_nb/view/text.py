"""The picture as ``text/plain``, for terminals and all that know no better: neither escapes nor
colours."""

from __future__ import annotations

from typing import Final

from sparky_nb.view.brief import clip, duration
from sparky_nb.view.model import Bar, Picture, elapsed_ms, left_ms
from sparky_nb.view.timeline import Entry

_SIGNS: Final = {
    "queued": "○",
    "running": "●",
    "waiting": "?",
    "completed": "✓",
    "failed": "✗",
    "cancelled": "–",
    "lost": "!",
}
_BAR: Final = 24


def text(picture: Picture, now_ms: int) -> str:
    """``picture`` as it stands at ``now_ms`` (ms UTC), a few lines."""
    head = picture.head
    first = f"{_SIGNS.get(head.state, '·')} {head.name}: {head.label.lower()}"
    took = duration(elapsed_ms(head, now_ms))
    attempt = f", attempt {head.attempt}" if head.attempt > 1 else ""
    used = f" · {head.usage}" if head.usage else ""
    lines = [f"{first} · {took}{used} · {head.task_id}{attempt}"]
    if head.not_durable:
        lines.append("  ! not durable: what it says now can't be stored yet")
    if head.notice:
        lines.append(f"  ! {head.notice}")
    lines += [_bar(bar, now_ms, live=head.ended is None) for bar in picture.bars]
    lines += [_entry(entry) for entry in picture.entries]
    if picture.question is not None:
        question = picture.question
        choices = f" [{' / '.join(question.choices)}]" if question.choices else ""
        lines.append(f"  ? {question.prompt}{choices}")
        lines.append(f"    answer with: %sparky answer {head.task_id} …")
    printed = "".join(run[0] for run in picture.output.runs).rstrip()
    if printed:
        lines += ["  │ …"] if picture.output.cut else []
        lines += [f"  │ {line}" for line in printed.split("\n")]
    if picture.ending.traceback:
        lines.append("".join(run[0] for run in picture.ending.traceback).rstrip())
    elif picture.ending.error:
        lines.append(f"  {picture.ending.error}")
    if picture.ending.result is not None:
        lines.append(f"  = {picture.ending.result}")
    return "\n".join(lines)


def _bar(bar: Bar, now_ms: int, *, live: bool) -> str:
    parts = [] if bar.key == "main" else [bar.key]
    if bar.fraction is not None:
        full = int(bar.fraction * _BAR)
        parts.append(f"{'█' * full}{'░' * (_BAR - full)} {int(bar.fraction * 100)} %")
    parts.append(bar.count)
    if bar.rate is not None:
        parts.append(bar.rate)
    left = left_ms(bar, now_ms)
    if live and left is not None:
        parts.append(f"{duration(left)} left")
    if bar.label:
        parts.append(bar.label)
    return "  " + "  ".join(parts)


def _entry(entry: Entry) -> str:
    if entry.kind == "tool":
        sign = {"running": "…", "success": "✓", "error": "✗", "denied": "⊘"}[entry.status]
        took = "" if entry.duration_ms is None else f" {duration(entry.duration_ms)}"
        back = f" → {clip(' '.join(entry.text.split()), 120)}" if entry.text else ""
        return f"  {sign} {entry.name}({entry.args}){took}{back}"
    sign = {"thought": "~", "message": ">", "reply": "<"}.get(entry.kind, "·")
    words = f"{entry.name}: " if entry.name else ""
    image = f"[{entry.image}] " if entry.image else ""
    return f"  {sign} {image}{words}" + entry.text.replace("\n", "\n    ")

"""The *picture* of one task: what a view shows, made from the folded state; pure and bounded.

Whatever a task has stored may be hostile, huge or of an unknown shape: here it becomes short plain
text, numbers and runs (ansi.py), so that html, text and widget only have to place them.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct, structs

from sparky_nb.events.model import JsonObject
from sparky_nb.events.people import SOMEBODY
from sparky_nb.events.states import ACTIVE, TERMINAL
from sparky_nb.events.usage import usage_text
from sparky_nb.view.ansi import Run, runs
from sparky_nb.view.brief import amount, brief, clip, number, preview, spread, whole
from sparky_nb.view.timeline import Bounds, Entry, Output, entries, fit, output

CHOICES_MAX: Final = 12
PICTURE_MAX: Final = 8_500
"""Bytes of JSON of one picture, where its bounds are not given."""

BY_SOMEBODY: Final = f"cancelled by {SOMEBODY}"
"""Says no more than the state does."""

LABELS: Final = {
    "queued": "Queued",
    "running": "Running",
    "waiting": "Waiting for an answer",
    "completed": "Completed",
    "failed": "Failed",
    "cancelled": "Cancelled",
    "lost": "Lost",
}


class Bar(Struct, frozen=True, kw_only=True):
    """One progress. ``rate`` is per second; ``left_ms`` as it was at ``time`` (ms UTC)."""

    key: str
    label: str
    count: str
    fraction: float | None
    rate: str | None
    left_ms: int | None
    time: int


class Question(Struct, frozen=True, kw_only=True):
    """What the task waits for. ``choices`` are cut for display: an answer names one by its place.
    ``expires`` is ms UTC; ``others`` counts further open ones."""

    question_id: str
    prompt: str
    choices: list[str]
    expires: int | None
    others: int


class Ending(Struct, frozen=True, kw_only=True):
    """What came of it: a ``result``, or the ``error`` as one line with its ``traceback``."""

    result: str | None = None
    error: str | None = None
    traceback: list[Run] = []


class Head(Struct, frozen=True, kw_only=True):
    """Which task, and where it stands. Times are ms UTC. ``label`` is the state in words, ``usage``
    what has been used up so far."""

    task_id: str
    chat_id: str
    log_id: str
    name: str
    kind: str
    state: str
    label: str
    attempt: int
    cancelling: bool
    not_durable: bool
    notice: str | None
    created: int
    started: int | None
    ended: int | None
    duration_ms: int | None
    usage: str = ""


class Picture(Struct, frozen=True, kw_only=True):
    """All of it; each part is bounded by its share of ``Bounds``."""

    head: Head
    bars: list[Bar]
    question: Question | None
    entries: list[Entry]
    output: Output
    ending: Ending


def picture(
    state: JsonObject,
    task_id: str,
    *,
    chat_id: str = "",
    log_id: str = "",
    not_durable: bool = False,
    notice: str | None = None,
    bounds: Bounds | None = None,
) -> Picture | None:
    """The picture of ``task_id`` in the folded ``state`` (events/fold.py).

    Args:
        not_durable: the runner says that what the task emits can't be stored now.
        notice: one more sentence for people, say that the log can't be read.

    Returns:
        None where the state knows no such task.
    """
    task = state["tasks"].get(task_id)
    if task is None:
        return None
    mine = [entry for entry in state["timeline"] if entry["task_id"] == task_id]
    head = _head(task, chat_id, log_id, not_durable, notice)
    if bounds is not None:
        return _within(bounds, head, state, task, mine)
    # Of a failure the traceback is what people need most.
    bounds = Bounds(entries=2000, output=1600, ending=3600) if task.get("error") else Bounds()
    found = _within(bounds, head, state, task, mine)
    while bounds.text > 1 and len(msgspec.json.encode(found)) > PICTURE_MAX:
        bounds = bounds.smaller()
        found = _within(bounds, head, state, task, mine)
    return found


def _within(
    bounds: Bounds, head: Head, state: JsonObject, task: JsonObject, mine: list[JsonObject]
) -> Picture:
    shown, ending = entries(mine, bounds), _ending(task, bounds)
    if shown and shown[-1].kind in ("message", "display") and shown[-1].text == ending.result:
        ending = structs.replace(ending, result=None)  # an agent's last message is its result
    return Picture(
        head=head,
        bars=_bars(task, bounds),
        question=_question(state, task, bounds),
        entries=shown,
        output=output(mine, bounds),
        ending=ending,
    )


def elapsed_ms(head: Head, now_ms: int) -> int:
    """How long the task has run (a queued one: has waited) at ``now_ms``."""
    if head.duration_ms is not None:
        return head.duration_ms
    begun = head.created if head.started is None else head.started
    return max(0, (now_ms if head.ended is None else head.ended) - begun)


def left_ms(bar: Bar, now_ms: int) -> int | None:
    """The time that is left at ``now_ms``, as far as the rate so far tells."""
    return None if bar.left_ms is None else max(0, bar.left_ms - max(0, now_ms - bar.time))


def _head(
    task: JsonObject, chat_id: str, log_id: str, not_durable: bool, notice: str | None
) -> Head:
    state = str(task["state"])
    cancelling = bool(task["cancelling"]) and state in ACTIVE
    label = "Cancelling" if cancelling else LABELS.get(state, clip(state, 40))
    name = task.get("name") or task.get("instruction") or task["task_id"]
    reason, error = task.get("reason"), task.get("error")
    told = reason == BY_SOMEBODY or (isinstance(error, dict) and error.get("message") == reason)
    if notice is None and reason and not told and state in TERMINAL:
        notice = brief(reason, 200)
    return Head(
        task_id=str(task["task_id"]),
        chat_id=chat_id,
        log_id=log_id,
        name=" ".join(brief(name, 120).split()) or str(task["task_id"]),
        kind=clip(str(task.get("kind") or "call"), 40),
        state=state if state in LABELS else "other",
        label=label,
        attempt=whole(task.get("attempt")) or 1,
        cancelling=cancelling,
        not_durable=not_durable,
        notice=notice,
        created=whole(task["created"]) or 0,
        started=whole(task["started"]),
        ended=whole(task["ended"]),
        duration_ms=whole(task.get("duration_ms")),
        usage=usage_text(task.get("usage")),
    )


def _bars(task: JsonObject, bounds: Bounds) -> list[Bar]:
    """The bars that moved last, in the order in which they began."""
    bars = list(task["progress"].items())
    newest = sorted(bars, key=lambda item: item[1].get("offset", 0))[-bounds.bars :]
    return [_bar(str(key), bar, bounds) for key, bar in bars if any(bar is it for _, it in newest)]


def _bar(key: str, bar: JsonObject, bounds: Bounds) -> Bar:
    done, total = number(bar.get("done")), number(bar.get("total"))
    time, since = whole(bar.get("time")) or 0, whole(bar.get("since")) or 0
    begun = number(bar.get("from")) or 0.0
    unit = f" {brief(bar['unit'], 20)}" if bar.get("unit") else ""
    rate = left = fraction = None
    if done is not None and time > since and done > begun:
        rate = (done - begun) * 1000 / (time - since)
    if done is not None and total is not None and total > 0:
        fraction = min(1.0, max(0.0, done / total))
        if rate and done < total:
            left = (total - done) / rate * 1000
    count = "?" if done is None else amount(done)
    if total is not None:
        count += f" / {amount(total)}"
    return Bar(
        key=brief(key, min(60, bounds.text)),
        label=" ".join(brief(preview(bar.get("message") or ""), min(160, bounds.text)).split()),
        count=count + unit,
        fraction=None if fraction is None else round(fraction, 4),
        rate=f"{amount(rate)}{unit}/s" if rate else None,
        left_ms=int(left) if left is not None and left < 1e12 else None,
        time=time,
    )


def _question(state: JsonObject, task: JsonObject, bounds: Bounds) -> Question | None:
    mine = [q for q in state["questions"].values() if q["task_id"] == task["task_id"]]
    if not mine or task["state"] in TERMINAL:
        return None
    first = mine[0]
    choices, limit = first.get("choices"), max(24, bounds.text // 3)
    offered = isinstance(choices, list)
    return Question(
        question_id=str(first.get("question_id", ""))[:128],
        prompt=brief(preview(first.get("prompt", "")), 3 * bounds.text),
        choices=[brief(str(c), limit) for c in choices[:CHOICES_MAX]] if offered else [],
        expires=whole(first.get("expires")),
        others=len(mine) - 1,
    )


def _ending(task: JsonObject, bounds: Bounds) -> Ending:
    if task["state"] not in TERMINAL:
        return Ending()
    result, error = task.get("result"), preview(task.get("error"))
    shown = None if result is None else spread(preview(result), bounds.ending // 3)
    if not isinstance(error, dict):
        return Ending(result=shown, error=None if error is None else brief(error, bounds.text))
    kind = brief(error.get("type") or "Error", 80)
    line = clip(f"{kind}: {brief(preview(error.get('message') or ''), bounds.text)}", bounds.text)
    raw = preview(error.get("traceback"))
    text = raw if isinstance(raw, str) else ""
    trace = fit(runs(text[-4 * bounds.ending :]), bounds.ending, len(text) > 4 * bounds.ending)
    return Ending(result=shown, error=line.removesuffix(": "), traceback=trace["runs"])

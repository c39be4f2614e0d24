"""The picture's timeline and output: the newest entries of one task in few words."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct, structs

from sparky_nb.events.model import JsonObject
from sparky_nb.events.people import person_of
from sparky_nb.view.ansi import Run, runs, tail
from sparky_nb.view.brief import brief, brief_args, clip, preview, spread, whole


class Bounds(Struct, frozen=True, kw_only=True):
    """How much a picture may hold: how many bars; bytes of JSON for entries, output and ending;
    characters of one text."""

    bars: int = 6
    entries: int = 3200
    output: int = 2600
    ending: int = 3200
    text: int = 360

    def smaller(self) -> Bounds:
        """Two thirds of these, at least 1 of each."""
        return Bounds(**{name: max(1, 2 * n // 3) for name, n in structs.asdict(self).items()})


class Entry(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing of the timeline.

    ``kind`` is ``tool``, ``thought``, ``message`` (from the task), ``reply`` (from a person),
    ``display`` or ``other``; ``at`` its first offset. Of a tool call ``name`` and ``args`` say what
    was called, ``status`` is ``running``, ``success``, ``error`` or ``denied``, and ``text`` is
    what it gave back. ``image`` is the media type of a picture that can be asked for.
    """

    at: int
    kind: str
    text: str = ""
    name: str = ""
    args: str = ""
    status: str = ""
    duration_ms: int | None = None
    image: str = ""
    cut: bool = False


class Output(Struct, frozen=True, kw_only=True):
    """The end of what was printed and logged; ``cut``: it began earlier."""

    runs: list[Run]
    cut: bool


def entries(mine: list[JsonObject], bounds: Bounds) -> list[Entry]:
    """The newest, oldest first, as many as the bound has room for.

    A quarter of the room is for what was said, so that a flood of tool calls does not hide it.
    """
    said: list[Entry] = []
    done: list[Entry] = []
    rooms = {True: bounds.entries // 4, False: bounds.entries * 3 // 4}
    for raw in reversed(mine):
        speech = raw["type"] in SPEECH
        if rooms[speech] <= 0:
            continue
        entry = _MAKE.get(raw["type"], _other)(raw, bounds.text)
        if entry is None:
            continue
        kept = said if speech else done
        rooms[speech] -= len(msgspec.json.encode(entry))
        if rooms[speech] >= 0 or not kept:
            kept.append(entry)
    return sorted(said + done, key=lambda entry: entry.at)


def _tool(raw: JsonObject, limit: int) -> Entry:
    data, result = raw["data"], raw.get("result")
    status = "running" if result is None else str(result.get("status"))
    return Entry(
        at=raw["offset"],
        kind="tool",
        name=" ".join(brief(data.get("name", "?"), 60).split()),
        args=brief_args(preview(data.get("args")), limit // 2),
        status=status if status in ("running", "success", "error", "denied") else "success",
        text="" if result is None else spread(preview(result.get("result")), limit),
        duration_ms=None if result is None else whole(result.get("duration_ms")),
    )


def _text(raw: JsonObject, limit: int) -> Entry | None:
    """A thought or message: its beginning, or while it is being written its end."""
    kind = {"thought": "thought", "message_sent": "message"}[raw["type"]]
    limit = 2 * limit if kind == "message" else limit
    final = raw["data"].get("final", True)
    text, cut = _joined(raw, 4 * limit + 64) if not final else _joined(raw, None)
    text = brief(text, len(text) + 1).strip() if not final else brief(text, limit).strip()
    if not final and (cut or len(text) > limit):
        text, cut = "…" + text[-limit:], True
    cut = cut or bool(raw.get("cut"))
    return Entry(at=raw["offset"], kind=kind, text=text, cut=cut) if text else None


def _reply(raw: JsonObject, limit: int) -> Entry:
    data = raw["data"]
    sender = brief(person_of(data.get("from")), 40)
    text = brief(preview(data.get("text", "")), limit)
    return Entry(at=raw["offset"], kind="reply", name=sender, text=text)


def _shown(raw: JsonObject, limit: int) -> Entry | None:
    """A rich display: its plain text, and whether there is a picture to ask for."""
    mime = raw["data"].get("mime")
    if not isinstance(mime, dict):
        return None
    image = next((m for m in IMAGES if m in mime), "")
    text = "" if image else brief(preview(mime.get("text/plain", "")), 2 * limit)
    if not text and not image:
        text = ", ".join(clip(str(name), 60) for name in list(mime)[:4])
    return Entry(at=raw["offset"], kind="display", text=text, image=image)


def _other(raw: JsonObject, limit: int) -> Entry:
    text = brief(raw["data"], limit)
    return Entry(at=raw["offset"], kind="other", name=clip(str(raw["type"]), 60), text=text)


def _nothing(raw: JsonObject, limit: int) -> None:
    """What other parts of the picture tell."""


SPEECH: Final = frozenset({"thought", "message_sent", "message_received"})
IMAGES: Final = ("image/png", "image/jpeg", "image/gif", "image/webp")
_MAKE: Final[dict[str, Any]] = {
    "tool_use": _tool,
    "thought": _text,
    "message_sent": _text,
    "message_received": _reply,
    "output": _shown,
    "status": _nothing,
    "question": _nothing,
    "command": _nothing,
    "redaction": _nothing,
    "chat": _nothing,
}


def output(mine: list[JsonObject], bounds: Bounds) -> Output:
    found: list[Run] = []
    cut = False
    for raw in reversed(mine):
        if raw["type"] != "output" or raw["data"].get("mime") is not None:
            continue
        if sum(len(run[0]) for run in found) >= bounds.output:
            cut = True
            break
        if raw["data"].get("truncated"):
            found = [["… the rest of the output was not kept\n", "d"], *found]
        found, cut = [*_printed(raw, 2 * bounds.output), *found], cut or bool(raw.get("cut"))
    return Output(**fit(found, bounds.output, cut))


def _printed(raw: JsonObject, limit: int) -> list[Run]:
    text, cut = _joined(raw, limit)
    if cut:  # from the next whole line on, where there is one near
        start = text.find("\n") + 1
        text = text[start:] if 0 < start <= limit // 2 else text
    printed = runs(text)
    stream = raw["data"].get("stream")
    if stream in ("stderr", "log"):
        mark = "e" if stream == "stderr" else "l"
        printed = [[text, f"{style} {mark}".strip()] for text, style in printed]
        if stream == "log" and printed and not printed[-1][0].endswith("\n"):
            printed.append(["\n", ""])
    return printed


def _joined(raw: JsonObject, last: int | None) -> tuple[str, bool]:
    """The text of an entry of pieces (its ``last`` characters), and whether more came before."""
    pieces = raw.get("pieces") or [[0, raw["data"].get("text", "")]]
    texts: list[str] = []
    room = last
    for _, text in reversed(pieces):
        text = preview(text)
        text = text if isinstance(text, str) else brief(text, 400)
        if room is not None and len(text) > room:
            return "".join([text[len(text) - room :], *texts[::-1]]), True
        texts.append(text)
        room = None if room is None else room - len(text)
    return "".join(texts[::-1]), False


def fit(found: list[Run], size: int, cut: bool) -> dict[str, Any]:
    """The end of ``found`` in at most ``size`` bytes of JSON, from a whole line on."""
    chars = size
    while True:
        kept, shorter = tail(found, chars)
        encoded = len(msgspec.json.encode(kept))
        if encoded <= size:
            return {"runs": _whole_lines(kept) if shorter else kept, "cut": cut or shorter}
        chars = min(chars - 1, sum(len(run[0]) for run in kept) * size // encoded)


def _whole_lines(found: list[Run]) -> list[Run]:
    chars = sum(len(run[0]) for run in found)
    before = 0
    for n, (text, style) in enumerate(found):
        if "\n" in text:
            at = text.index("\n") + 1
            if before + at > chars // 2:
                break
            rest = [[text[at:], style]] if text[at:] else []
            return rest + found[n + 1 :]
        before += len(text)
    return found

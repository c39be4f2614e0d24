"""Freezes the long fold cases: ``python tests/wire/freeze_fold_cases.py``.

The short cases in ``cases/fold`` were thought out by hand. The ``walk-*`` cases are random walks
whose outcome was computed once and frozen, so that neither side can drift without the other. Run it
again only together with a new FOLD_VERSION.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import msgspec

from sparky_nb.events import Fold
from sparky_nb.events.codec import event_from_dict

CASES = Path(__file__).with_name("cases") / "fold"
TEXTS = ("a", "two words ", "line\n", "é", "𝄞🎉", "中文", "", "\x1b[31mred\x1b[0m", "<b>&amp;</b>")
STATES = ("queued", "running", "waiting", "completed", "failed", "cancelled", "lost")
TYPES = (
    ("status", 6),
    ("progress", 8),
    ("thought", 8),
    ("message_sent", 5),
    ("message_received", 4),
    ("tool_use", 6),
    ("tool_result", 6),
    ("output", 12),
    ("question", 3),
    ("command", 4),
    ("chat", 1),
    ("redaction", 1),
    ("redacted", 1),
    ("hidden", 1),
    ("__proto__", 1),
    ("constructor", 1),
    ("from_the_future", 1),
)


def walk(seed: int, length: int, *, tasks: int, big: bool = False) -> list[dict[str, Any]]:
    """``length`` events of ``tasks`` tasks, in an order that no sane runner would make."""
    rng = random.Random(seed)
    names, weights = zip(*TYPES, strict=True)
    task_ids = [f"task-{n:012d}" for n in range(tasks)]
    return [
        {
            "offset": offset,
            "id": f"{seed:08x}-0000-7000-8000-{offset:012x}",
            "type": (kind := rng.choices(names, weights)[0]),
            "time": 1_795_381_234_567 + offset * 7 - rng.randrange(20),
            "task_id": rng.choice(task_ids if kind == "status" else [None, *task_ids]),
            "actor": rng.choice(["agent", "task", "system", "user:ada"]),
            "data": _data(kind, offset, rng, big),
        }
        for offset in range(1, length + 1)
    ]


def _data(kind: str, offset: int, rng: random.Random, big: bool) -> dict[str, Any]:
    few = lambda prefix: f"{prefix}{rng.randrange(4)}"  # noqa: E731 - a local abbreviation
    text = rng.choice(TEXTS) * (rng.randrange(1, 1200) if big else 1)
    data: dict[str, Any] = {}
    if kind == "status":
        data = {"state": rng.choice(STATES), "attempt": rng.choice([1, 1, 1, 2, 3])}
        for name in ("name", "instruction", "runner", "reason"):
            if rng.random() < 0.3:
                data[name] = few(name)
        if data["state"] == "failed":
            data["error"] = {"type": "ValueError", "message": text[:50]}
        if data["state"] == "completed":
            data |= {"result": rng.choice([None, 1, [1, {"a": "b"}]]), "duration_ms": offset}
    elif kind == "progress":
        data = {"key": rng.choice(["main", "b", "__proto__"]), "done": offset}
        if rng.random() < 0.5:
            data |= {"total": 900, "message": text[:40]}
    elif kind in ("thought", "message_sent"):
        data = {"message_id": few("m"), "text": text, "final": rng.random() < 0.2}
    elif kind == "message_received":
        data = {"message_id": few("m"), "text": text[:60], "from": "ada"}
        if rng.random() < 0.5:
            data["in_reply_to"] = few("q")
    elif kind == "tool_use":
        data = {"tool_call_id": few("c"), "name": "search", "args": {"q": text[:30]}}
    elif kind == "tool_result":
        data = {
            "tool_call_id": few("c"),
            "name": "search",
            "status": rng.choice(["success", "error", "denied"]),
            "result": {"n": offset},
            "duration_ms": offset,
        }
    elif kind == "output":
        data = {"stream": rng.choice(["stdout", "stdout", "stderr", "log", "display"])}
        if data["stream"] == "display":
            data["mime"] = {"text/plain": text[:30]}
        else:
            data["text"] = text
    elif kind == "question":
        data = {"question_id": few("q"), "prompt": "go on?", "choices": ["yes", "no"]}
    elif kind == "command":
        data = {
            "command_id": few("k"),
            "name": rng.choice(["cancel", "message", "answer"]),
            "args": {},
            "from": "ada",
            "outcome": rng.choice(["accepted", "applied", "rejected", "expired"]),
        }
    elif kind == "chat":
        change = rng.choice(["created", "renamed", "deleted"])
        data = {"change": change, "chat_id": few("chat-"), "title": few("title ")}
    elif kind == "redaction":
        data = {"offsets": sorted(rng.sample(range(1, offset + 1), min(offset, 5))), "from": "ada"}
    elif kind not in ("redacted", "hidden"):
        data = {"text": text[:20], "__proto__": {"polluted": True}}
    return data


def fold(events: list[dict[str, Any]]) -> dict[str, Any]:
    """The state after ``events``."""
    folded = Fold()
    for event in events:
        folded.apply(event_from_dict(msgspec.json.decode(msgspec.json.encode(event))))
    return folded.state


def main() -> None:
    """Write the walks."""
    walks = {
        "walk-one-task": walk(1, 150, tasks=1),
        "walk-three-tasks": walk(2, 400, tasks=3),
        "walk-many-tasks": walk(3, 700, tasks=260),
        "walk-long-texts": walk(4, 90, tasks=2, big=True),
        "walk-past-the-bound": walk(5, 600, tasks=2),
    }
    for name, events in walks.items():
        split = len(events) // 2
        case = {
            "name": name,
            "split": split,  # a state stored here and gone on from gives the same in the end
            "events": events,
            "state": fold(events),
        }
        text = json.dumps(case, ensure_ascii=False, separators=(",", ":"))
        (CASES / f"{name}.json").write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()

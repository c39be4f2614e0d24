"""Snapshots: from any cache, checkpoint or base the same state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sparky_nb.events.codec import decode_event
from sparky_nb.events.fold import FOLD_VERSION, Fold, new_state
from sparky_nb.log import Log, open_log
from sparky_nb.log.export import export
from sparky_nb.log.folding import CHECKPOINT_EVERY, current
from sparky_nb.log.records import StoredFold
from sparky_nb.testing.log_samples import append, event, fence, start, status, task_id

pytestmark = pytest.mark.promise("P4")
KINDS = st.sampled_from(["thought", "output", "tool", "done", "progress", "question", "end", "new"])


def said(log: Log, kinds: list[str]) -> None:
    """Events of ever new tasks, as ``kinds`` say."""
    number = 1
    task = start(log, "c", number)
    for n, kind in enumerate(kinds):
        data: dict[str, Any] = {
            "thought": {"message_id": str(n % 2), "text": f"{n}", "final": False},
            "output": {"stream": "stdout", "text": f"{n}\n"},
            "tool": {"tool_call_id": str(n // 3), "name": "t", "args": {}},
            "done": {"tool_call_id": str(n // 3), "name": "t", "status": "success", "result": n},
            "progress": {"key": "main", "done": n},
            "question": {"question_id": str(n), "prompt": "?"},
        }.get(kind, {})
        type_ = {"tool": "tool_use", "done": "tool_result"}.get(kind, kind)
        if kind == "end":
            append(log, "c", status(f"end {number}", task, "completed"), fence=fence(task))
            number += 1
            task = start(log, "c", number)
        elif kind == "new":
            number += 1
            task = start(log, "c", number)
        else:
            append(log, "c", event(str(n), type_, task, **data), fence=fence(task))


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(kinds=st.lists(KINDS, max_size=40), part=st.floats(0, 1))
def test_a_snapshot_is_the_fold_of_all_whatever_was_trimmed(kinds: list[str], part: float) -> None:
    log = open_log("memory://")
    said(log, kinds)
    fold = Fold()
    for wire in log.read("c", limit=1000).events:
        fold.apply(decode_event(wire))
    expected = msgspec.json.decode(msgspec.json.encode(fold.state))
    log.trim("c", int(part * log.position("c").head) + 1)
    assert log.snapshot("c").state == expected


def test_a_checkpoint_makes_a_cold_snapshot_quick_and_changes_nothing(tmp_path: Path) -> None:
    url = f"sqlite://{tmp_path / 'log.db'}"
    with open_log(url) as log:
        for n in range(0, CHECKPOINT_EVERY + 500, 500):
            append(log, "c", *(event(f"{n}-{m}") for m in range(500)))
        log.maintain()
        expected = log.snapshot("c")
    with open_log(url) as log:
        read: list[int] = []
        wires = log._wires  # type: ignore[attr-defined]

        def counted(chat, after, limit):  # type: ignore[no-untyped-def]
            read.append(limit)
            return wires(chat, after, limit)

        log._wires = counted  # type: ignore[attr-defined]
        assert log.snapshot("c") == expected
        assert sum(read) <= 500


def test_a_redaction_reaches_checkpoints_and_the_caches_of_other_processes(tmp_path: Path) -> None:
    url = f"sqlite://{tmp_path / 'log.db'}"
    with open_log(url) as log, open_log(url) as other:
        append(log, "c", event("a", message_id="m", text="secret", final=True))
        task = start(log, "c", 1)
        for n in range(0, CHECKPOINT_EVERY, 500):
            bars = (event(f"{n}-{m}", "progress", task, key="k", done=m) for m in range(500))
            append(log, "c", *bars, fence=fence(task))
        log.maintain()
        assert "secret" in str(log.snapshot("c"))
        assert "secret" in str(other.snapshot("c"))
        log.redact("c", [1], actor="user:ann", now_ms=5)
        assert "secret" not in str(log.snapshot("c")) + str(other.snapshot("c"))
        assert log.snapshot("c") == other.snapshot("c")


def test_a_base_of_another_version_keeps_its_plain_parts() -> None:
    old = {"v": 0, "title": "T", "tasks": {"t": {}}, "timeline": "of another shape", "extra": 1}
    state = current(StoredFold(5, FOLD_VERSION - 1, msgspec.json.encode(old)))
    assert state == new_state() | {"title": "T", "tasks": {"t": {}}}


def test_an_export_has_every_event_with_its_chat() -> None:
    log = open_log("memory://")
    append(log, "b", event("1"), event("2"))
    append(log, "a", event("3"))
    lines = [msgspec.json.decode(it) for it in export(log)]
    assert [(it["chat_id"], it["offset"]) for it in lines] == [("a", 1), ("b", 1), ("b", 2)]
    assert len(list(export(log, "b"))) == 2
    assert task_id(1) not in str(lines)

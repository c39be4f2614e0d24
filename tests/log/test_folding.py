"""Snapshots: from any cache, checkpoint or base the same state."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sparky_nb.errors import LogUnavailable
from sparky_nb.events.codec import decode_event
from sparky_nb.events.fold import FOLD_VERSION, Fold, new_state
from sparky_nb.log import Log, open_log
from sparky_nb.log.export import export
from sparky_nb.log.folding import CHECKPOINT_EVERY, current
from sparky_nb.log.records import ChatRow, StoredFold
from sparky_nb.testing.log_samples import append, event, fence, start, status, task_id

pytestmark = pytest.mark.promise("P4")
PATIENCE = 30.0  # seconds; a bound for a loaded machine, not an expectation
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


class Pause:
    """Keeps the first fold of chat ``c`` waiting in the middle, until ``go`` is set."""

    def __init__(self, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
        self.there, self.go = threading.Event(), threading.Event()
        wires = log._wires  # type: ignore[attr-defined]

        def paused(chat: ChatRow, after: int, limit: int) -> Any:
            if chat.chat_id == "c" and not self.there.is_set():
                self.there.set()
                assert self.go.wait(PATIENCE)
            return wires(chat, after, limit)

        monkeypatch.setattr(log, "_wires", paused)


@pytest.fixture
def file_log(tmp_path: Path) -> Iterator[Log]:
    with open_log(f"sqlite://{tmp_path / 'log.db'}") as log:
        append(log, "c", event("1"), event("2"))
        append(log, "d", event("1"))
        yield log


def in_thread(act: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    return thread


def test_a_long_fold_keeps_nobody_from_another_chats_snapshot(
    file_log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    pause = Pause(file_log, monkeypatch)
    folding = in_thread(lambda: file_log.snapshot("c"))
    assert pause.there.wait(PATIENCE)
    other = in_thread(lambda: file_log.snapshot("d"))
    other.join(PATIENCE / 3)
    assert not other.is_alive()
    pause.go.set()
    folding.join(PATIENCE)


def test_a_log_that_is_opened_anew_while_somebody_folds_goes_on(
    file_log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pause = Pause(file_log, monkeypatch)
    folding = in_thread(lambda: file_log.snapshot("c"))
    assert pause.there.wait(PATIENCE)
    for name in ("log.db", "log.db-wal", "log.db-shm"):
        (tmp_path / name).unlink()
    clearing, clear = threading.Event(), file_log._files.on_open  # type: ignore[attr-defined]

    def opened_anew() -> None:
        clearing.set()
        clear()

    monkeypatch.setattr(file_log._files, "on_open", opened_anew)  # type: ignore[attr-defined]
    other = in_thread(lambda: file_log.position("d"))
    assert clearing.wait(PATIENCE)
    pause.go.set()
    for thread in (other, folding):
        thread.join(PATIENCE / 3)
        assert not thread.is_alive()
    assert file_log.snapshot("c").offset == 2


def test_a_checkpoint_that_waits_for_the_log_keeps_nobody_from_a_snapshot(
    file_log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sparky_nb.log.folding.CHECKPOINT_EVERY", 1)
    saving, go = threading.Event(), threading.Event()

    def save(chat: ChatRow, fold: StoredFold) -> None:
        if not saving.is_set():
            saving.set()
            assert go.wait(PATIENCE)

    monkeypatch.setattr(file_log, "_save_checkpoint", save)
    first = in_thread(lambda: file_log.snapshot("c"))
    assert saving.wait(PATIENCE)
    second = in_thread(lambda: file_log.snapshot("c"))
    second.join(PATIENCE / 3)
    assert not second.is_alive()
    go.set()
    first.join(PATIENCE)


@pytest.mark.promise("P9")
def test_a_fold_that_breaks_off_in_the_middle_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = open_log("memory://")
    append(log, "c", event("first"))
    log.snapshot("c")  # one to go on from
    said(log, ["thought", "output", "thought"])
    expected = Fold()
    for wire in log.read("c").events:
        expected.apply(decode_event(wire))
    monkeypatch.setattr("sparky_nb.log.folding.PAGE", 2)
    wires, left = log._wires, [1]  # type: ignore[attr-defined]

    def breaks_off(chat: ChatRow, after: int, limit: int) -> Any:
        if not left:
            raise LogUnavailable("down for the test")
        left.pop()
        return wires(chat, after, limit)

    with monkeypatch.context() as down:
        down.setattr(log, "_wires", breaks_off)
        with pytest.raises(LogUnavailable):
            log.snapshot("c")
    assert log.snapshot("c").state == msgspec.json.decode(msgspec.json.encode(expected.state))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_that_was_forked_while_somebody_folds_folds_for_itself(
    file_log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    pause = Pause(file_log, monkeypatch)
    folding = in_thread(lambda: file_log.snapshot("c"))
    assert pause.there.wait(PATIENCE)
    if (child := os.fork()) == 0:
        signal.alarm(10)  # it is killed where it waits for ever
        os._exit(0 if file_log.snapshot("c").offset == 2 else 1)
    assert os.waitpid(child, 0)[1] == 0
    pause.go.set()
    folding.join(PATIENCE)

"""The part of a log's contract that is about whole chats: log_contract.py has the rest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from sparky_nb.errors import (
    Conflict,
    Fenced,
    IdConflict,
    InvalidArgument,
    NotFound,
    PayloadTooLarge,
)
from sparky_nb.ids import INDEX_CHAT
from sparky_nb.log.base import BLOB_MAX, Log
from sparky_nb.testing.log_samples import (
    RUNNER,
    all_events,
    append,
    ask,
    event,
    fence,
    runner_row,
    start,
    status,
    task_id,
)

Opener = Callable[[], Log]


class LogCase:
    """What each part of the contract is given."""

    @pytest.fixture
    def log(self, open_log: Opener) -> Log:
        return open_log()


class ChatContract(LogCase):
    """Chats come, are renamed, trimmed, redacted, and go."""

    def test_a_chat_is_created_once(self, log: Log) -> None:
        args: Any = {"title": "T", "owner": "ann", "actor": "user:ann", "now_ms": 5}
        info, new = log.create_chat("c", **args)
        again, old = log.create_chat("c", **args)
        assert (new, old, again) == (True, False, info)
        assert (info.title, info.owner, info.head) == ("T", "ann", 1)
        assert log.rename_chat("c", "U", actor="user:ann", now_ms=6).title == "U"
        assert log.snapshot("c").state["title"] == "U"
        assert [it.chat_id for it in log.chats()] == ["c"]
        with pytest.raises(NotFound):
            log.rename_chat("d", "U", actor="user:ann", now_ms=6)
        with pytest.raises(InvalidArgument):
            log.rename_chat("c", "x" * 201, actor="user:ann", now_ms=6)

    @pytest.mark.promise("P4")
    def test_a_name_that_is_used_again_is_another_life(self, log: Log) -> None:
        first = append(log, "c", event("a"))
        log.delete_chat("c", actor="user:ann", now_ms=7)
        with pytest.raises(NotFound):
            log.read("c")
        assert log.chats() == []
        again = append(log, "c", event("a"))
        assert (again.offsets, again.epoch != first.epoch) == ((1,), True)
        assert all_events(log, INDEX_CHAT)[-2].data["change"] == "deleted"
        assert log.position("c").lineage == ()

    def test_a_chat_with_a_task_that_goes_on_is_not_deleted(self, log: Log) -> None:
        task = start(log, "c", 1)
        with pytest.raises(Conflict):
            log.delete_chat("c", actor="user:ann", now_ms=7)
        append(log, "c", status("e", task, "completed"), fence=fence(task))
        log.delete_chat("c", actor="user:ann", now_ms=7)
        with pytest.raises(NotFound):
            log.task(task)
        assert log.tasks() == []
        append(log, "c", event("new"))
        with pytest.raises((Fenced, InvalidArgument)):
            append(log, "c", event("x", "thought", task), fence=fence(task))

    @pytest.mark.promise("P4")
    def test_a_trim_changes_neither_the_snapshot_nor_the_epoch(self, log: Log) -> None:
        task = start(log, "c", 1, name="n")
        for n in range(6):
            append(log, "c", event(str(n), "thought", task), fence=fence(task))
        before, position = log.snapshot("c"), log.position("c")
        assert log.trim("c", 4).earliest == 4
        assert (log.snapshot("c"), log.position("c").epoch) == (before, position.epoch)
        after = log.trim("c", 10**9)
        assert (after.earliest, after.head) == (8, 7)
        assert log.snapshot("c") == before
        assert append(log, "c", event("next")).offsets == (8,)

    @pytest.mark.promise("P5")
    def test_ids_of_a_task_outlive_a_trim_until_it_has_ended(self, log: Log) -> None:
        task = start(log, "c", 1)
        append(log, "c", event("a", "thought", task), fence=fence(task))
        log.trim("c", 3)
        assert append(log, "c", event("a", "thought", task), fence=fence(task)).offsets == (2,)
        with pytest.raises(IdConflict):
            append(log, "c", event("a", "thought", task, time=9), fence=fence(task))
        append(log, "c", status("e", task, "completed"), fence=fence(task))
        with pytest.raises(Fenced):
            append(log, "c", event("a", "thought", task), fence=fence(task))

    def test_a_redacted_event_is_a_tombstone_everywhere(self, log: Log) -> None:
        secret = "the-secret-words"
        task = task_id(1)
        append(log, "c", status("q", task, "queued", name=secret, instruction=secret))
        append(log, "c", status("r", task, "running", runner=RUNNER), fence=fence(task))
        append(
            log,
            "c",
            event("m", "thought", task, message_id="m", text=secret, final=True),
            fence=fence(task),
        )
        assert secret in str(log.snapshot("c")) + str(all_events(log, INDEX_CHAT))
        offset = log.redact("c", [1, 3], actor="user:ann", now_ms=9)
        stored = all_events(log, "c")
        assert (offset, [it.type for it in stored]) == (
            4,
            ["redacted", "status", "redacted", "redaction"],
        )
        assert (stored[0].task_id, stored[0].data, stored[0].offset) == (task, {}, 1)
        seen = str([log.snapshot("c"), stored, all_events(log, INDEX_CHAT), log.task(task)])
        assert secret not in seen + str(log.snapshot(INDEX_CHAT))
        last = all_events(log, INDEX_CHAT)[-1]
        told = {"chat_id": "c", "state": "running", "kind": log.task(task).kind}
        assert (last.task_id, last.data) == (task, told), "its state is known without the name"
        assert append(
            log,
            "c",
            event("m", "thought", task, message_id="m", text=secret, final=True),
            fence=fence(task),
        ).offsets == (3,)

    def test_what_a_base_holds_can_be_redacted_too(self, log: Log) -> None:
        append(log, "c", event("a", message_id="m", text="secret", final=True), event("b"))
        log.trim("c", 2)
        log.redact("c", [1], actor="user:ann", now_ms=9)
        assert "secret" not in str(log.snapshot("c"))

    def test_what_a_state_rests_on_and_what_is_not_there_can_not_be_redacted(
        self, log: Log
    ) -> None:
        start(log, "c", 1)
        with pytest.raises(Conflict):
            log.redact("c", [1], actor="user:ann", now_ms=9)
        with pytest.raises(NotFound):
            log.redact("c", [2], actor="user:ann", now_ms=9)
        assert log.position("c").head == 1

    def test_a_blob_goes_with_the_last_event_that_refers_to_it(self, log: Log) -> None:
        data = b"x" * 100_000
        sha = log.put_blob("c", data, "text/plain")
        assert sha == hashlib.sha256(data).hexdigest()
        ref = {"ref": {"sha256": sha, "size": 1, "media_type": "text/plain", "preview": "x"}}
        append(log, "c", event("a", "output", mime=ref), event("b", "output", mime=ref))
        log.redact("c", [1], actor="user:ann", now_ms=9)
        assert log.get_blob("c", sha).data == data
        log.redact("c", [2], actor="user:ann", now_ms=9)
        with pytest.raises(NotFound):
            log.get_blob("c", sha)
        with pytest.raises(PayloadTooLarge):
            log.put_blob("c", bytes(BLOB_MAX + 1), "x/y")

    def test_runners_register_renew_and_leave(self, log: Log) -> None:
        log.register(runner_row())
        assert log.renew(RUNNER)
        assert [(it.runner_id, it.version, it.endpoint) for it in log.runners()] == [
            (RUNNER, 2, "ipc:///x")
        ]
        log.unregister(RUNNER)
        log.unregister(RUNNER)
        assert (log.runners(), log.renew(RUNNER)) == ([], False)

    def test_a_log_finds_itself_whole_and_healthy(self, log: Log) -> None:
        task = start(log, "c", 1)
        ask(log, "c", task, "cancel")
        append(log, "c", status("e", task, "cancelled"), fence=fence(task))
        log.trim("c", 3)
        log.maintain()
        assert list(log.verify()) == []
        health = log.health()
        assert (health["kind"], health["id"]) == (log.kind, log.log_id)
        log.close()
        log.close()

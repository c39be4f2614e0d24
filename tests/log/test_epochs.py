"""When an epoch changes, and when it must not (protocol.md §4)."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from sparky_nb.errors import Fenced
from sparky_nb.log.sqlite import SqliteLog
from sparky_nb.testing.log_samples import all_events, append, event, fence, start, status

pytestmark = pytest.mark.promise("P4")


def crash(path: Path, to: Path, *, keep: float = 1.0) -> Path:
    """What is left of a log in use after the machine's crash: ``keep`` of its -wal."""
    to.mkdir()
    for name in (path.name, f"{path.name}-seen"):
        shutil.copyfile(path.parent / name, to / name)
    wal = (path.parent / f"{path.name}-wal").read_bytes()
    (to / f"{path.name}-wal").write_bytes(wal[: int(len(wal) * keep)])
    return to / path.name


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "live" / "log.db"


def test_a_restart_and_a_reboot_after_a_clean_close_keep_the_epoch(path: Path) -> None:
    with SqliteLog(path, boot="one") as log:
        append(log, "c", event("a"))
        epoch = log.position("c").epoch
    for boot in ("one", "two", "three"):
        with SqliteLog(path, boot=boot) as log:
            assert log.position("c").epoch == epoch
            assert log.position("c").lineage == ()


def test_the_crash_of_processes_keeps_the_epoch(path: Path, tmp_path: Path) -> None:
    log = SqliteLog(path, boot="one")
    append(log, "c", event("a"), event("b"))
    with SqliteLog(crash(path, tmp_path / "after"), boot="one") as after:
        assert after.position("c") == log.position("c")
    log.close()


@pytest.mark.promise("P2", "P4")
def test_after_the_crash_of_the_machine_what_may_be_lost_gets_a_new_epoch(
    path: Path, tmp_path: Path
) -> None:
    with SqliteLog(path, boot="one") as log:
        append(log, "quiet", event("a"))
        append(log, "busy", event("a"))
    log = SqliteLog(path, boot="one")
    task = start(log, "busy", 1)
    before = all_events(log, "busy")
    old = {chat: log.position(chat) for chat in ("quiet", "busy")}
    for n in range(200):
        append(log, "busy", event(f"lost {n}"))
    with SqliteLog(crash(path, tmp_path / "after", keep=0.4), boot="two") as after:
        assert after.position("quiet") == old["quiet"]
        position = after.position("busy")
        assert position.epoch != old["busy"].epoch
        assert 2 <= position.head < 202
        assert [(it.epoch, it.valid_to) for it in position.lineage] == [
            (old["busy"].epoch, position.head)
        ]
        assert all_events(after, "busy")[:2] == before
        late = event("late", "thought", task)
        with pytest.raises(Fenced):
            append(after, "busy", late, fence=fence(task), epoch=old["busy"].epoch)
        assert after.declare_lost("boot:1:2:3:aaaaaaaa", reason="crash", now_ms=1) == [task]
        assert list(after.verify()) == []
    log.close()


@pytest.mark.promise("P2", "P4")
def test_the_first_append_after_a_checkpoint_is_on_the_disk_at_once(
    path: Path, tmp_path: Path
) -> None:
    """So a chat whose synced head is its head has lost nothing, whatever the crash took."""
    with SqliteLog(path, boot="one") as log:
        append(log, "c", event("a"))
    log = SqliteLog(path, boot="one")
    synced: list[bool] = []
    records = log._files.open().records
    real = records.add

    def spy(chat, events):  # type: ignore[no-untyped-def]
        done = real(chat, events)
        synced.append(records.synced)
        return done

    records.add = spy  # type: ignore[method-assign]
    append(log, "c", event("b"))
    append(log, "c", event("c"))
    append(log, "c", event("d"))
    assert synced == [True, False, False]
    log.close()


def test_with_durability_power_every_commit_is_synced_and_a_crash_changes_no_epoch(
    path: Path, tmp_path: Path
) -> None:
    log = SqliteLog(path, boot="one", durability="power")
    append(log, "c", event("a"), event("b"))
    append(log, "c", event("c"))
    with SqliteLog(crash(path, tmp_path / "after"), boot="two", durability="power") as after:
        assert after.position("c") == log.position("c")
    log.close()


def test_an_older_copy_put_in_place_gets_new_epochs(path: Path, tmp_path: Path) -> None:
    with SqliteLog(path) as log:
        append(log, "c", event("a"))
    shutil.copyfile(path, tmp_path / "old.db")
    with SqliteLog(path) as log:
        append(log, "c", event("b"))
        old = log.position("c")
    shutil.copyfile(tmp_path / "old.db", path)
    with SqliteLog(path) as log:
        position = log.position("c")
        assert (position.head, position.epoch != old.epoch) == (1, True)
        assert [(it.epoch, it.valid_to) for it in position.lineage] == [(old.epoch, 1)]
        assert append(log, "c", event("other")).offsets == (2,)
    with SqliteLog(path) as log:
        assert log.position("c").epoch == position.epoch


def test_a_backup_says_that_it_is_one(path: Path, tmp_path: Path) -> None:
    with SqliteLog(path) as log:
        append(log, "c", event("a"))
        log.backup(tmp_path / "copy.db")
        old = log.position("c")
        append(log, "c", event("b"))
    with SqliteLog(tmp_path / "copy.db") as copy:
        position = copy.position("c")
        assert (position.head, position.epoch != old.epoch) == (1, True)
        assert position.lineage[0].epoch == old.epoch
    with SqliteLog(tmp_path / "copy.db") as copy:
        assert copy.position("c").epoch == position.epoch


def test_what_a_lineage_says_shrinks_with_each_loss(path: Path, tmp_path: Path) -> None:
    with SqliteLog(path) as log:
        append(log, "c", event("a"), event("b"))
        first = log.position("c").epoch
        log.backup(tmp_path / "copy.db")
    with SqliteLog(tmp_path / "copy.db") as copy:
        second = copy.position("c").epoch
        copy.backup(tmp_path / "copy2.db")
    with SqliteLog(tmp_path / "copy2.db") as copy:
        lineage = [(it.epoch, it.valid_to) for it in copy.position("c").lineage]
        assert lineage == [(second, 2), (first, 2)]


@pytest.mark.promise("P6")
def test_a_hole_is_found_and_mended_into_a_new_epoch(path: Path) -> None:
    with SqliteLog(path) as log:
        task = start(log, "c", 1)
        append(log, "c", event("a", "thought", task), fence=fence(task))
        append(log, "c", status("end", task, "completed"), fence=fence(task))
        old = log.position("c")
    with sqlite3.connect(path) as damaged:
        damaged.execute("DELETE FROM events WHERE type = 'thought'")
    damaged.close()
    with SqliteLog(path) as log:
        found = list(log.verify())
        assert [(it.chat_id, it.offset) for it in found] == [("c", 2)]
        assert log.repair() == found
        assert list(log.verify()) == []
        position = log.position("c")
        assert (position.head, position.lineage[0].valid_to) == (1, 1)
        assert (position.epoch != old.epoch, log.task(task).state) == (True, "running")

"""What happens to a log's file, and what is refused."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sparky_nb.errors import Fenced, InvalidArgument, LogRefused, LogUnavailable
from sparky_nb.log import open_log
from sparky_nb.log.base import Append
from sparky_nb.log.engine import store
from sparky_nb.log.plan import encode
from sparky_nb.log.sqlite import SqliteLog, chores
from sparky_nb.log.sqlite.place import Seen
from sparky_nb.log.sqlite.schema import VERSION
from sparky_nb.testing.log_samples import RUNNER, all_events, append, event, fence, start

pytestmark = pytest.mark.promise("P3")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "log.db"


def names(log: SqliteLog, chat: str = "c") -> list[str]:
    return [it.data["message_id"] for it in all_events(log, chat)]


def test_only_its_owner_can_read_it(path: Path) -> None:
    with SqliteLog(path) as log:
        append(log, "c", event("a"))
        for name in path.parent.iterdir():
            assert name.stat().st_mode & 0o077 == 0, name
        assert path.parent.stat().st_mode & 0o077 == 0


def test_a_log_that_is_deleted_while_open_is_put_back_whole(path: Path) -> None:
    with SqliteLog(path) as log, SqliteLog(path) as other:
        append(log, "c", event("a"))
        append(other, "c", event("b"))
        epoch = log.position("c").epoch
        for name in list(path.parent.iterdir()):
            name.unlink()
        append(log, "c", event("c"))
        append(other, "c", event("d"))
        assert names(log) == names(other) == ["a", "b", "c", "d"]
        assert (log.position("c").epoch, other.position("c").epoch) == (epoch, epoch)
    with SqliteLog(path) as again:
        assert names(again) == ["a", "b", "c", "d"]
        assert list(again.verify()) == []


def test_its_whole_folder_may_be_deleted(path: Path) -> None:
    with SqliteLog(path) as log:
        append(log, "c", event("a"))
        shutil.rmtree(path.parent)
        assert names(log) == ["a"]
        append(log, "c", event("b"))
    with SqliteLog(path) as again:
        assert names(again) == ["a", "b"]


def test_who_opens_after_the_deletion_does_not_take_its_place(path: Path) -> None:
    with SqliteLog(path) as log:
        append(log, "c", event("a"))
        path.unlink()
        with SqliteLog(path) as newcomer:
            append(log, "c", event("b"))
            assert names(newcomer) == names(log) == ["a", "b"]
            append(newcomer, "c", event("c"))
            assert names(log) == ["a", "b", "c"]


def test_a_log_whose_place_another_took_is_put_beside_it(path: Path) -> None:
    with SqliteLog(path) as log:
        append(log, "c", event("a"))
        mine = log.log_id
        path.unlink()
        with SqliteLog(path) as newcomer:
            append(newcomer, "c", event("x"))
            append(log, "c", event("b"))
            assert names(log) == names(newcomer) == ["x", "b"]
            warnings = newcomer.health()["warnings"]
            assert [it["code"] for it in warnings] == ["rescued"]
    with SqliteLog(Path(f"{path}-rescued-{mine}")) as rescued:
        assert names(rescued) == ["a"]


def test_a_missing_wal_loses_nothing(path: Path) -> None:
    with SqliteLog(path) as log, SqliteLog(path) as other:
        append(log, "c", event("a"))
        append(other, "c", event("b"))
        Path(f"{path}-wal").unlink()
        append(other, "c", event("c"))
        append(log, "c", event("d"))
        assert names(log) == names(other) == ["a", "b", "c", "d"]
        assert list(log.verify()) == []


@pytest.mark.promise("P4")
def test_a_backup_that_is_moved_into_place_is_followed_in_new_epochs(
    path: Path, tmp_path: Path
) -> None:
    with SqliteLog(path) as log:
        append(log, "c", event("a"))
        log.backup(tmp_path / "backup.db")
        append(log, "c", event("b"))
        old = log.position("c").epoch
        os.replace(tmp_path / "backup.db", path)
        position = log.position("c")
        assert (position.head, position.epoch != old) == (1, True)
        assert position.lineage[0].epoch == old
        append(log, "c", event("other"))
        assert names(log) == ["a", "other"]
        assert list(log.verify()) == []


def test_a_forked_child_has_connections_of_its_own(path: Path) -> None:
    code = """
import os, sys
from pathlib import Path
from sparky_nb.log.sqlite import SqliteLog
from sparky_nb.testing.log_samples import append, event, all_events
log = SqliteLog(Path(sys.argv[1]))
append(log, "c", event("parent"))
pid = os.fork()
if pid == 0:
    append(log, "c", event("child"))
    log.close()
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
append(log, "c", event("parent again"))
print([it.data["message_id"] for it in all_events(log, "c")])
log.close()
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "['parent', 'child', 'parent again']", done.stderr


@pytest.mark.promise("P1", "P3")
def test_many_threads_share_one_log(path: Path) -> None:
    with SqliteLog(path) as log:

        def write(name: int) -> None:
            for n in range(40):
                append(log, "c", event(f"{name}-{n}"))
                log.position("c")

        threads = [threading.Thread(target=write, args=(it,)) for it in range(6)]
        for it in threads:
            it.start()
        for it in threads:
            it.join(60)
        assert sorted(names(log)) == sorted(f"{a}-{b}" for a in range(6) for b in range(40))
        assert list(log.verify()) == []


def test_a_newer_schema_is_refused_untouched(path: Path) -> None:
    SqliteLog(path).close()
    with sqlite3.connect(path) as newer:
        newer.execute(f"PRAGMA user_version = {VERSION + 1}")
    newer.close()
    before = path.read_bytes()
    with pytest.raises(LogRefused, match="newer"):
        SqliteLog(path)
    assert path.read_bytes() == before


def test_a_database_of_another_program_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE mine (x)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(LogRefused, match="another program"):
        SqliteLog(path)
    assert path.read_bytes() == before
    assert not Path(f"{path}-wal").exists()


@pytest.mark.parametrize("content", [b"hello\n", b"x" * 5000, bytes(9000)])
def test_a_file_that_is_no_database_is_refused_untouched(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(LogRefused):
        SqliteLog(path)
    assert path.read_bytes() == content


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LogRefused, match="directory"):
        SqliteLog(tmp_path)


def test_a_damaged_log_is_refused_with_the_way_out(path: Path) -> None:
    with SqliteLog(path) as log:
        for n in range(300):
            append(log, "c", event(str(n), message_id="m", text="x" * 500, final=True))
    content = bytearray(path.read_bytes())
    for page in range(4096, len(content), 4096):
        content[page : page + 200] = b"\xff" * 200
    path.write_bytes(content)
    with pytest.raises(LogRefused, match=r"damaged.*backup"), SqliteLog(path) as log:
        all_events(log, "c")


def test_verify_tells_what_is_damaged_and_repair_that_it_can_not_mend_it(path: Path) -> None:
    with SqliteLog(path) as log:
        for n in range(300):
            append(log, "c", event(str(n), message_id="m", text="x" * 500, final=True))
    content = bytearray(path.read_bytes())
    pages = range(0, len(content), 4096)
    texts = [at for at in pages if b"x" * 400 in content[at : at + 4096]]
    for at in texts[5:10]:
        content[at : at + 4096] = b"\x07" * 4096
    path.write_bytes(content)
    with SqliteLog(path) as log:
        found = list(log.verify())
        assert {(it.chat_id, it.mend) for it in found} == {(None, "restore a backup")}
        assert all("\n" not in it.what for it in found)
        with pytest.raises(LogRefused, match="only a backup"):
            log.repair()


def test_what_can_not_be_written_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(LogUnavailable):
        SqliteLog(Path("/proc/sparky/log.db"))
    (tmp_path / "file").write_text("")
    with pytest.raises(LogUnavailable):
        SqliteLog(tmp_path / "file" / "log.db")


def test_a_reader_whose_thread_was_interrupted_reads_again(path: Path) -> None:
    with SqliteLog(path) as log:
        append(log, "c", event("a"))
        with log._files.using_reader() as connection:  # as an injected exception leaves it
            connection.execute("BEGIN")
            connection.execute("SELECT count(*) FROM events").fetchone()
        append(log, "c", event("b"))
        assert names(log) == ["a", "b"]


def test_a_link_that_somebody_has_put_beside_the_log_is_not_followed(path: Path) -> None:
    mine = path.parent.parent / "mine"
    mine.write_text("precious")
    with SqliteLog(path) as log:
        seen = log._place.read_seen() or Seen(log_id="x", total=0, stamps=())
        trap = Path(f"{path}-seen.{os.getpid()}.{threading.get_ident()}")
        trap.symlink_to(mine)
        assert not log._place.write_seen(seen)
        assert mine.read_text() == "precious"
        trap.unlink()
    (path.parent / "log.db-lock").unlink()
    (path.parent / "log.db-lock").symlink_to(path.parent.parent / "made")
    with pytest.raises(LogUnavailable):
        SqliteLog(path)
    assert not (path.parent.parent / "made").exists()


@pytest.mark.skipif(os.getuid() == 0, reason="nothing is read-only for root")
def test_a_read_only_file_is_unavailable(path: Path) -> None:
    SqliteLog(path).close()
    path.chmod(0o400)
    with pytest.raises(LogUnavailable, match="read-only"):
        SqliteLog(path)


def test_a_full_disk_is_said_at_once_and_nothing_is_half_stored(path: Path) -> None:
    with SqliteLog(path) as log:
        append(log, "c", event("a"))
        writer = log._files.open().writer
        pages = writer.execute("PRAGMA page_count").fetchone()[0]
        writer.execute(f"PRAGMA max_page_count = {pages}")
        big = [event(str(n), message_id="m", text="x" * 9000, final=True) for n in range(20)]
        with pytest.raises(LogUnavailable, match="full"):
            append(log, "c", *big)
        assert names(log) == ["a"]
        writer.execute("PRAGMA max_page_count = 1000000")
        append(log, "c", *big)
        assert log.position("c").head == 21


def test_a_log_that_another_process_keeps_busy_is_unavailable_in_time(path: Path) -> None:
    with SqliteLog(path) as log:
        append(log, "c", event("a"))
        log._files.open().writer.execute("PRAGMA busy_timeout = 50")
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(LogUnavailable, match="busy"):
            append(log, "c", event("b"))
        assert names(log) == ["a"]
        holder.execute("ROLLBACK")
        holder.close()
        append(log, "c", event("b"))


def test_on_a_network_file_system_it_falls_back_and_says_so(path: Path) -> None:
    with SqliteLog(path, filesystem="nfs4") as log, SqliteLog(path, filesystem="nfs4") as other:
        append(log, "c", event("a"))
        append(other, "c", event("b"))
        assert names(log) == ["a", "b"]
        assert not Path(f"{path}-wal").exists()
        mode = log._files.open().writer.execute("PRAGMA journal_mode").fetchone()[0]
        sync = log._files.open().writer.execute("PRAGMA synchronous").fetchone()[0]
        assert (mode, sync) == ("delete", 2)
        assert [it["code"] for it in log.health()["warnings"]] == ["network_filesystem"]
        log.maintain()


def test_a_large_wal_is_checkpointed_by_maintain_alone(path: Path) -> None:
    with SqliteLog(path) as log:
        wal = Path(f"{path}-wal")
        while wal.stat().st_size <= chores.WAL_MAX:
            text = "x" * 60_000
            append(log, "c", event(str(wal.stat().st_size), message_id="m", text=text, final=True))
        log.maintain()
        assert wal.stat().st_size < 100_000
        append(log, "c", event("after"))
        assert names(log)[-1] == "after"


@pytest.mark.promise("P11")
def test_what_was_redacted_leaves_the_disk(path: Path) -> None:
    secret = "very-secret-words"
    with SqliteLog(path) as log:
        append(log, "c", event("a", message_id="m", text=secret, final=True), event("b"))
        log.snapshot("c")
        log.redact("c", [1], actor="user:ann", now_ms=5)
        for file in path.parent.iterdir():
            assert secret.encode() not in file.read_bytes(), file


def test_a_deleted_chat_leaves_only_its_name_and_epoch(path: Path) -> None:
    with SqliteLog(path) as log:
        append(
            log, "c", *(event(str(n), message_id="m", text="gone", final=True) for n in range(9))
        )
        epoch = log.position("c").epoch
        log.delete_chat("c", actor="user:ann", now_ms=5)
        run = log._files.open().writer.execute
        assert run("SELECT count(*) FROM events WHERE chat_key = 1").fetchone() == (0,)
        assert run("SELECT chat_id, epoch FROM chats WHERE deleted = 1").fetchall() == [
            ("c", epoch)
        ]
    with SqliteLog(path) as log:
        assert log.chats() == []


@pytest.mark.promise("P1")
def test_an_append_that_was_torn_off_before_its_commit_leaves_no_hole(path: Path) -> None:
    with SqliteLog(path) as log:
        append(log, "c", event("a"))
        opened = log._files.open()
        opened.writer.execute("BEGIN IMMEDIATE")  # what an injected exception leaves behind
        torn = Append(chat="c", events=(event("b"),))
        opened.records.run(lambda tx: store(tx, torn, (encode(event("b")),), {}))
        assert append(log, "c", event("c")).offsets == (2,)
        assert names(log) == ["a", "c"]


@pytest.mark.promise("P1", "P6")
def test_what_an_append_remembers_counts_only_as_long_as_nobody_else_has_written(
    path: Path,
) -> None:
    with SqliteLog(path) as log, SqliteLog(path) as other:
        task = start(log, "c", 1)
        assert append(other, "c", event("a")).offsets == (2,)
        assert append(log, "c", event("b")).offsets == (3,)
        other.declare_lost(RUNNER, reason="its process died", now_ms=2000)
        with pytest.raises(Fenced):
            append(log, "c", event("d", "thought", task), fence=fence(task))
        assert append(log, "c", event("e")).offsets == (5,)
        with log._files.open().writer as beside:  # as a repair does
            beside.execute("DELETE FROM events WHERE offset = 5")
        assert append(log, "c", event("e")).offsets == (5,)
        other.delete_chat("c", actor="user:ann", now_ms=3000)
        assert append(log, "c", event("f")).offsets == (1,)


def test_calling_the_log_from_inside_a_commit_is_refused_not_a_deadlock(path: Path) -> None:
    with SqliteLog(path) as log:

        def inside(tx: object) -> None:
            append(log, "c", event("a"))

        with pytest.raises(LogUnavailable, match="inside"):
            log._write(inside)
        append(log, "c", event("b"))


@pytest.mark.parametrize(
    "url", ["sqlite:relative.db", "sqlite://host/x.db", "sqlite:///", "redis://h", "nonsense"]
)
def test_an_url_that_names_no_log_is_refused(url: str) -> None:
    with pytest.raises(InvalidArgument, match="log_url"):
        open_log(url)


def test_a_slash_more_names_the_same_log(tmp_path: Path) -> None:
    with open_log(f"sqlite:///{tmp_path}/log.db") as log:
        assert log.url == f"sqlite://{tmp_path}/log.db"
    (tmp_path / "other.db").write_text("no database")
    with pytest.raises(LogRefused, match=f"^{tmp_path}/other.db is not a database"):
        open_log(f"sqlite:///{tmp_path}/other.db")


def test_a_password_in_an_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(InvalidArgument) as refused:
        open_log("postgresql://me:hunter2@host/db")
    assert "hunter2" not in str(refused.value)

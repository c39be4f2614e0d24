"""``kill -9`` at random moments of processes that write to one log."""

from __future__ import annotations

import contextlib
import os
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sparky_nb.events.codec import decode_event
from sparky_nb.log import Log, open_log
from sparky_nb.testing.log_samples import all_events

ROOT = Path(__file__).resolve().parent.parent.parent
KILLS = 60
PATIENCE = 30.0


class Writer:
    """A process of ``log_writer``; ``acknowledged`` is {number: offset} of what it said."""

    def __init__(self, url: str, chat: str, seed: str) -> None:
        self.acknowledged: dict[int, int] = {}
        self._rest = b""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.log_writer", url, chat, seed],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        )

    def read(self, timeout: float) -> bool:
        """Take what it has said; False at its end."""
        assert self.process.stdout is not None
        handle = self.process.stdout.fileno()
        if not select.select([handle], [], [], timeout)[0]:
            return True
        piece = os.read(handle, 1 << 16)
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            number, offset = line.split()
            self.acknowledged[int(number)] = int(offset)
        return bool(piece)

    def kill(self) -> None:
        """``kill -9``, then take the rest of what it had said."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE)
        while self.read(0):
            pass
        assert self.process.stdout is not None
        self.process.stdout.close()


@contextlib.contextmanager
def writers(url: str, chats: list[str], seed: str) -> Iterator[list[Writer]]:
    started = [Writer(url, chat, f"{seed}-{chat}") for chat in chats]
    try:
        yield started
    finally:
        for writer in started:
            if writer.process.poll() is None:
                writer.kill()


@pytest.mark.timeout(120)
@pytest.mark.promise("P1", "P2", "P3", "P5")
@pytest.mark.parametrize("seed", range(4))
def test_what_was_acknowledged_survives_kill_9_in_order_and_once(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    url = f"sqlite://{tmp_path / 'log.db'}"
    chats = ["one", "two", "three"]
    kept: dict[str, dict[int, int]] = {chat: {} for chat in chats}
    epochs: dict[str, str] = {}
    for round_ in range(KILLS // 4 // len(chats)):
        with writers(url, chats, f"{seed}-{round_}") as started:
            end = time.monotonic() + PATIENCE
            while not all(it.acknowledged for it in started):
                assert time.monotonic() < end, "a writer never began"
                for it in started:
                    assert it.read(0.05), "a writer ended by itself"
            for it in rng.sample(started, len(started)):
                stop = time.monotonic() + rng.random() * 0.08
                while (left := stop - time.monotonic()) > 0:
                    it.read(left)
                it.kill()
        for chat, it in zip(chats, started, strict=True):
            kept[chat] |= it.acknowledged
        with open_log(url) as log:
            for chat in chats:
                epochs.setdefault(chat, log.position(chat).epoch)
                assert log.position(chat).epoch == epochs[chat]
    with open_log(url) as log:
        assert list(log.verify()) == []
        for chat in chats:
            stored = all_events(log, chat)
            assert [it.offset for it in stored] == list(range(1, len(stored) + 1))
            assert [it.data["n"] for it in stored] == list(range(1, len(stored) + 1))
            assert kept[chat]
            for number, offset in kept[chat].items():
                assert stored[offset - 1].data["n"] == number


@pytest.mark.promise("P2")
def test_nobody_reads_what_a_kill_could_take_back(tmp_path: Path) -> None:
    url = f"sqlite://{tmp_path / 'log.db'}"
    seen: dict[int, bytes] = {}
    with writers(url, ["one"], "seen") as (writer,), open_log(url) as log:
        end = time.monotonic() + PATIENCE
        while len(seen) < 200:
            assert time.monotonic() < end
            writer.read(0.01)
            if writer.acknowledged:
                page = log.read("one", after=len(seen))
                seen |= {decode_event(it).offset: it for it in page.events}
        writer.kill()
        assert _all(log)[: len(seen)] == [seen[offset] for offset in sorted(seen)]


def _all(log: Log) -> list[bytes]:
    found: list[bytes] = []
    while page := log.read("one", after=len(found)).events:
        found += page
    return found


@pytest.mark.timeout(120)
@pytest.mark.promise("P3")
@pytest.mark.parametrize("what", ["log.db*", "log.db-wal"])
def test_writers_lose_nothing_when_the_files_are_deleted_under_them(
    tmp_path: Path, what: str
) -> None:
    rng = random.Random(what)
    url, chats = f"sqlite://{tmp_path / 'log.db'}", ["one", "two"]
    with writers(url, chats, "deleted") as started:

        def until_each_has_more(commits: int) -> None:
            for it in started:  # all that it has said already
                it.read(0)
            wanted = [len(it.acknowledged) + commits for it in started]
            end = time.monotonic() + PATIENCE
            while any(len(it.acknowledged) < n for it, n in zip(started, wanted, strict=True)):
                assert time.monotonic() < end
                for it in started:
                    assert it.read(0.05), "a writer ended by itself"

        for _ in range(4):
            until_each_has_more(1)
            files = list(tmp_path.glob(what))
            for path in rng.sample(files, len(files)):
                path.unlink(missing_ok=True)
                time.sleep(rng.random() * 0.005)  # as slow as a busy machine is
        # The first may have been on its way when the files were deleted; the second has seen it.
        until_each_has_more(2)
        for it in started:
            it.kill()
    with open_log(url) as log:
        assert list(log.verify()) == []
        for chat, it in zip(chats, started, strict=True):
            stored = all_events(log, chat)
            assert [it.data["n"] for it in stored] == list(range(1, len(stored) + 1))
            for number, offset in it.acknowledged.items():
                assert stored[offset - 1].data["n"] == number

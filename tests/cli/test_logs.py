"""``sparky log …``."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from sparky_nb.log import Log, open_log
from tests.cli.conftest import Said, Sparky

Tell = Callable[..., Said]


def test_inspect_tells_where_the_log_is_and_what_it_holds(
    sparky: Sparky, said: Tell, log_url: str
) -> None:
    said("one").status("completed")
    shown = sparky("log", "inspect").stdout
    assert log_url in shown
    assert "1 completed" in shown
    found = json.loads(sparky("log", "inspect", "--json").stdout)
    assert found["log"]["url"] == log_url
    assert [(it["chat_id"], it["head"]) for it in found["chats"]] == [("one", 2)]


def test_export_gives_every_event_with_its_chat(sparky: Sparky, said: Tell, log: Log) -> None:
    said("one").status("completed")
    said("two").say("thought", message_id="m", text="ü", final=True)
    lines = [json.loads(line) for line in sparky("log", "export").stdout.splitlines()]
    assert [(it["chat_id"], it["offset"]) for it in lines] == [
        ("one", 1), ("one", 2), ("two", 1), ("two", 2),
    ]  # fmt: skip
    kept = [json.loads(wire) for wire in log.read("two").events]
    assert [{"chat_id": "two", **it} for it in kept] == lines[2:]
    assert len(sparky("log", "export", "--chat", "two").stdout.splitlines()) == 2
    assert sparky("log", "export", "--chat", "three").returncode == 2


def test_verify_finds_what_was_damaged(sparky: Sparky, said: Tell, log: Log, log_url: str) -> None:
    said("one").status("completed")
    ran = sparky("log", "verify")
    assert ran.returncode == 0
    assert "Whole: 1 chat, 2 events." in ran.stdout
    log.close()
    with sqlite3.connect(log_url.removeprefix("sqlite://")) as damage:
        damage.execute("UPDATE tasks SET body = replace(CAST(body AS TEXT), 'completed', 'failed')")
    damage.close()
    ran = sparky("log", "verify")
    assert ran.returncode == 1
    assert "completed" in ran.stdout
    assert json.loads(sparky("log", "verify", "--json").stdout)[0]["chat_id"] == "one"
    ran = sparky("log", "repair")
    assert ran.returncode == 0, ran.stderr
    assert "Mended:" in ran.stdout
    assert sparky("log", "verify").returncode == 0
    assert "nothing to mend" in sparky("log", "repair").stdout


def test_trim_removes_the_oldest(sparky: Sparky, said: Tell, log: Log) -> None:
    task = said("one")
    for number in range(5):
        task.say("thought", message_id=str(number), text="x", final=True)
    assert (
        json.loads(sparky("log", "trim", "--chat", "one", "--keep", "2", "--json").stdout)[
            "earliest"
        ]
        == 5
    )
    assert log.position("one").head == 6
    assert sparky("log", "trim", "--chat", "one", "--before", "6").returncode == 0
    assert log.position("one").earliest == 6
    assert sparky("log", "trim", "--chat", "_index", "--keep", "1").stdout.endswith(" 1 event\n")
    assert sparky("log", "trim", "--chat", "one").returncode == 2
    assert sparky("log", "trim", "--chat", "nope", "--keep", "1").returncode == 2


def test_backup_copies_a_log_that_is_in_use(
    sparky: Sparky, said: Tell, log: Log, tmp_path: Path
) -> None:
    said("one").status("completed")
    file = tmp_path / "copy.db"
    assert sparky("log", "backup", str(file)).returncode == 0
    assert [it.name for it in tmp_path.glob("*partial*")] == []
    with open_log(f"sqlite:///{file}") as copy:
        assert copy.read("one").events == log.read("one").events
        assert copy.position("one").epoch != log.position("one").epoch
    assert sparky("log", "backup", str(file)).returncode == 2  # it would replace something
    assert sparky("log", "backup", str(file), "--force").returncode == 0


@pytest.mark.parametrize("there", ["folder", "text"])
def test_what_is_no_log_is_refused_and_left_as_it_is(
    sparky: Sparky, tmp_path: Path, there: str
) -> None:
    place = tmp_path / "x"
    if there == "folder":
        place.mkdir()
    else:
        place.write_text("not a database\n" * 100)
    ran = sparky("log", "inspect", "--log", f"sqlite:///{place}")
    assert ran.returncode == 4
    assert "Traceback" not in ran.stderr
    assert place.is_dir() or place.read_text() == "not a database\n" * 100


def test_inspect_says_where_the_log_will_be(sparky: Sparky, log_url: str) -> None:
    shown = sparky("log", "inspect").stdout
    assert shown == f"There is no log yet at {log_url}; the first task makes it.\n"
    told = json.loads(sparky("log", "inspect", "--json").stdout)
    assert (told["log"]["url"], told["log"]["kind"]) == (log_url, "none")
    assert (told["warnings"], told["chats"]) == ([], [])

"""``sparky agent tasks …`` on a log."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sparky_nb._version import __version__
from sparky_nb.events.model import NewEvent
from sparky_nb.ids import new_event_id, new_task_id
from sparky_nb.log import Append, Log
from tests.cli.conftest import PATIENCE, SPARKY, Said, Sparky

Tell = Callable[..., Said]
Running = tuple["subprocess.Popen[str]", str]


def test_version_is_that_of_the_package(sparky: Sparky) -> None:
    assert __version__ in sparky("--version").stdout


def test_jupyter_knows_the_command() -> None:
    """``jupyter sparky`` is found by the name of its script beside the interpreter's."""
    assert Path(sys.executable).with_name("jupyter-sparky").exists()


def test_a_log_that_is_not_there_reads_as_empty_and_is_not_made(
    sparky: Sparky, tmp_path: Path
) -> None:
    assert sparky("agent", "tasks", "list").stdout == "No tasks.\n"
    assert json.loads(sparky("agent", "tasks", "list", "--json").stdout) == []
    assert list(tmp_path.iterdir()) == []


def test_a_log_that_was_named_and_is_not_there_is_a_usage_error(
    sparky: Sparky, tmp_path: Path
) -> None:
    ran = sparky("agent", "tasks", "list", "--log", f"sqlite:///{tmp_path}/typo.db")
    assert ran.returncode == 2
    assert "there is no log" in ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_list_shows_all_tasks_newest_first(sparky: Sparky, said: Tell) -> None:
    first, second = said("one").status("completed"), said("two").status("failed")
    lines = sparky("agent", "tasks", "list").stdout.splitlines()
    assert lines[0].split()[:2] == ["TASK", "STATE"]
    assert [line.split()[0] for line in lines[1:]] == [second.task_id, first.task_id]
    found = json.loads(sparky("agent", "tasks", "list", "--json", "--state", "failed").stdout)
    assert [it["task_id"] for it in found] == [second.task_id]
    assert {"chat_id", "name", "kind", "state", "attempt", "created", "ended"} <= found[0].keys()
    assert json.loads(sparky("agent", "tasks", "list", "--json", "--chat", "three").stdout) == []


def test_a_list_that_is_cut_says_so(sparky: Sparky, said: Tell) -> None:
    said()
    newest = said()
    ran = sparky("agent", "tasks", "list", "--limit", "1")
    assert [line.split()[0] for line in ran.stdout.splitlines()[1:]] == [newest.task_id]
    assert "--limit shows more" in ran.stderr


def test_show_takes_a_unique_prefix_with_or_without_its_head(sparky: Sparky, said: Tell) -> None:
    task = said().status("completed", result=[1, 2])
    for words in (task.task_id, task.task_id[:-3], task.task_id.removeprefix("task-")):
        found = json.loads(sparky("agent", "tasks", "show", words, "--json").stdout)
        assert found["task_id"] == task.task_id
        assert found["result"] == [1, 2]
    assert "completed" in sparky("agent", "tasks", "show", task.task_id).stdout


@pytest.mark.parametrize(
    "words",
    [
        ("agent", "tasks", "show", "task-nosuchtask00"),
        ("agent", "tasks", "watch", "task-nosuchtask00"),
        ("agent", "tasks", "cancel", "task-nosuchtask00"),
        ("agent", "tasks", "show"),
        ("agent", "tasks", "list", "--state", "sleeping"),
        ("agent", "tasks", "list", "--log", "ftp://x", "--server", "http://x"),
        ("agent", "tasks", "list", "--log", "postgres://user:secret@host/db"),
        ("agent", "tasks", "list", "--server", "localhost:8888"),
        ("agent", "nonsense"),
        ("agent", "tasks", "cancel", ""),
        ("agent", "schedule", "remove", ""),
        ("agent", "tasks", "add", "x", "--model", "gpt-5"),
        ("agent", "schedule", "add", "x", "--every", "1h", "--model", "gpt-5"),
    ],
    ids=" ".join,
)
def test_misuse_exits_with_2_and_says_why_without_a_traceback(
    sparky: Sparky, words: tuple[str, ...]
) -> None:
    ran = sparky(*words)
    assert ran.returncode == 2
    assert ran.stderr.strip()
    assert "Traceback" not in ran.stderr
    assert "secret" not in ran.stderr


def test_an_error_is_json_where_json_was_asked_for(sparky: Sparky) -> None:
    ran = sparky("agent", "tasks", "show", "task-nosuchtask00", "--json")
    assert json.loads(ran.stderr)["error"]["code"] == "task_not_found"
    assert ran.stdout == ""
    misused = sparky("agent", "tasks", "list", "--state", "bogus", "--json")
    assert json.loads(misused.stderr)["error"]["code"] == "usage"
    assert misused.returncode == 2


def test_a_shell_completes_commands_and_the_ids_of_tasks(
    sparky: Sparky, said: Tell, environment: dict[str, str]
) -> None:
    task, other = said(), said()

    def completed(words: str) -> list[str]:
        asked = {
            "_SPARKY_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split()) - 1),
        }
        ran = subprocess.run(
            SPARKY, env={**environment, **asked}, capture_output=True, text=True, check=True
        )
        return [line.removeprefix("plain,") for line in ran.stdout.splitlines()]

    assert completed("sparky agent ta") == ["tasks"]
    assert completed("sparky agent tasks watch task-") == [other.task_id, task.task_id]
    assert completed(f"sparky agent tasks watch {task.task_id[:12]}") == [task.task_id]
    assert completed("sparky agent tasks list --st") == ["--state"]


def test_a_shell_completes_chats_schedules_and_time_zones(
    sparky: Sparky, said: Tell, environment: dict[str, str]
) -> None:
    said("chores")
    made = sparky("agent", "schedule", "add", "--every", "1h", "--json", "x")
    schedule = json.loads(made.stdout)["schedule_id"]

    def completed(*words: str) -> list[str]:
        asked = {
            "_SPARKY_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(words),
            "COMP_CWORD": str(len(words) - 1),
        }
        ran = subprocess.run(
            SPARKY, env={**environment, **asked}, capture_output=True, text=True, check=True
        )
        return [line.removeprefix("plain,") for line in ran.stdout.splitlines()]

    assert completed("sparky", "log", "trim", "--chat", "ch") == ["chores"]
    assert completed("sparky", "agent", "schedule", "run", "sched-") == [schedule]
    add = ("sparky", "agent", "schedule", "add", "--timezone")
    assert completed(*add, "Europe/Ber") == ["Europe/Berlin"]


def test_what_is_queued_says_what_it_waits_for(sparky: Sparky, said: Tell) -> None:
    said()
    sparky("agent", "tasks", "add", "x", "--model", "agent:mine")
    assert "queued (waits for a process that has the agent mine)" in (
        sparky("agent", "tasks", "list").stdout
    )


def test_a_command_is_told_in_words(sparky: Sparky, said: Tell) -> None:
    command = {"command_id": "c", "name": "cancel", "args": {}, "from": "ann"}
    task = said().say("command", **command, outcome="applied", reason="enough\x1b[2J")
    task.status("cancelled")
    shown = sparky("agent", "tasks", "watch", task.task_id).stdout
    assert "command ann asked for cancel: applied (enough\\x1b[2J)" in shown


def test_what_is_queued_is_not_under_way(sparky: Sparky, said: Tell, log: Log) -> None:
    said()
    queued = new_task_id()
    status = {"state": "queued", "attempt": 1, "kind": "call", "runner": "r:0:1:1:x"}
    first = NewEvent(
        id=new_event_id(1), type="status", time=1, task_id=queued, actor="task", data=status
    )
    log.commit(Append(chat="default", events=(first,)))
    assert "1 under way, 1 queued." in sparky("agent", "status").stdout


@pytest.mark.parametrize(
    "state, status", [("completed", 0), ("failed", 1), ("lost", 3), ("cancelled", 130)]
)
def test_watch_ends_with_the_tasks_outcome(
    sparky: Sparky, said: Tell, state: str, status: int
) -> None:
    task = said().say("message_sent", message_id="m", text="hello", final=True).status(state)
    ran = sparky("agent", "tasks", "watch", task.task_id)
    assert ran.returncode == status
    assert "hello" in ran.stdout


@pytest.mark.promise("P12")
def test_watch_with_json_gives_the_tasks_events_and_no_others(
    sparky: Sparky, said: Tell, log: Log
) -> None:
    task, other = said(), said()
    other.say("thought", message_id="m", text="not mine", final=True)
    task.say("from_the_future", colour="blue").status("completed", result=1)
    ran = sparky("agent", "tasks", "watch", task.task_id, "--json")
    events = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [it["type"] for it in events] == ["status", "from_the_future", "status"]
    assert {it["task_id"] for it in events} == {task.task_id}
    assert "from_the_future" in sparky("agent", "tasks", "watch", task.task_id).stdout


def test_watch_of_a_task_whose_events_were_trimmed_ends(
    sparky: Sparky, said: Tell, log: Log
) -> None:
    task = said().status("failed", error={"type": "E", "message": "m"})
    log.trim("default", log.position("default").head + 1)
    ran = sparky("agent", "tasks", "watch", task.task_id)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == "The events of this task were trimmed; it has ended: failed.\n"


@pytest.mark.promise("P11")
def test_what_a_task_says_does_not_drive_the_terminal(sparky: Sparky, said: Tell) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\rnext"
    task = said()
    task.say("output", stream="stdout", text=evil)
    task.say("message_sent", message_id="m", text=evil, final=True)
    task.say("tool_use", tool_call_id="t", name=evil, args={evil: evil})
    task.say("progress", key="main", done=1, total=2, message=evil)
    task.say(evil[:60], text=evil)
    task.status("failed", name=evil, error={"type": evil, "message": evil})
    for words in (
        ("agent", "tasks", "watch", task.task_id),
        ("agent", "tasks", "watch", task.task_id, "--json"),
        ("agent", "tasks", "show", task.task_id),
        ("agent", "tasks", "list"),
        ("log", "export"),
    ):
        shown = sparky(*words).stdout
        assert not set("\x1b\x07\x9b\u202e\r") & set(shown), words


def test_a_terminal_that_lacks_a_character_is_no_reason_to_fail(
    sparky: Sparky, said: Tell, environment: dict[str, str]
) -> None:
    environment["PYTHONIOENCODING"] = "ascii"
    ran = sparky("agent", "tasks", "watch", said().status("completed", name="Ünïcode").task_id)
    assert ran.returncode == 0


@pytest.fixture
def running(environment: dict[str, str], tmp_path: Path) -> Iterator[Running]:
    """A real task in a process of its own: it obeys messages until one says stop."""
    code = (
        "import sparky_nb, sys\n"
        "def work(task):\n"
        "    while True:\n"
        "        text = task.receive(timeout=60)\n"
        "        if text == 'ask':\n"
        "            task.message('got ' + task.ask('Go on?', ['yes', 'no']))\n"
        "        elif text == 'begin':\n"
        "            with task.streaming('message') as out:\n"
        "                out.write('half a li')\n"
        "                task.receive(timeout=60)\n"
        "        elif text == 'stop':\n"
        "            return 'stopped'\n"
        "        else:\n"
        "            task.message(f'heard {text}')\n"
        "handle = sparky_nb.start(work)\n"
        "print(handle.task_id, flush=True)\n"
        "try: handle.result()\n"
        "except sparky_nb.SparkyError: pass\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    task_id = process.stdout.readline().strip()
    assert task_id.startswith("task-")
    yield process, task_id
    process.kill()
    process.wait(PATIENCE)
    process.stdout.close()


def test_a_running_task_is_watched_told_asked_and_answered(
    sparky: Sparky, running: Running, environment: dict[str, str]
) -> None:
    process, task_id = running
    with subprocess.Popen(
        [*SPARKY, "agent", "tasks", "watch", task_id, "--json"],
        env=environment, stdout=subprocess.PIPE, text=True,
    ) as watch:  # fmt: skip
        assert watch.stdout is not None
        seen: list[dict[str, object]] = []

        def until(kind: str) -> dict[str, object]:
            while not seen or seen[-1]["type"] != kind:
                assert watch.stdout is not None
                line = watch.stdout.readline()
                assert line, "watch ended"
                seen.append(json.loads(line))
            return seen[-1]["data"]  # type: ignore[return-value]

        until("status")
        assert "accepted" in sparky("agent", "tasks", "send", task_id, "hello", "you").stdout
        assert until("message_sent")["text"] == "heard hello you"
        sparky("agent", "tasks", "send", task_id, "ask")
        question = str(until("question")["question_id"])
        shown = sparky("agent", "tasks", "show", task_id).stdout
        assert f"Go on? [yes, no] (id {question})" in shown
        answer = ("agent", "tasks", "answer", task_id)
        wrong = sparky(*answer, "maybe")
        assert (wrong.returncode, wrong.stderr) == (
            2, "sparky: answer: expected one of yes, no, got 'maybe'\n",
        )  # fmt: skip
        other = sparky(*answer, new_event_id(1), "yes")
        assert (other.returncode, "does not wait for an answer to" in other.stderr) == (2, True)
        done = json.loads(sparky(*answer, question, "yes", "--json").stdout)
        assert done.keys() >= {"command_id", "offset"}
        assert until("message_sent")["text"] == "got yes"
        assert sparky(*answer, "yes").stderr.endswith("waits for no answer (running)\n")
        sparky("agent", "tasks", "send", task_id, "ask")
        until("question")
        assert sparky(*answer, "no").returncode == 0  # the only one that is open
        assert until("message_sent")["text"] == "got no"
        sparky("agent", "tasks", "send", task_id, "stop")
        assert watch.wait(PATIENCE) == 0
    assert process.wait(PATIENCE) == 0


def test_cancel_ends_the_task_and_its_watchers(
    sparky: Sparky, running: Running, environment: dict[str, str]
) -> None:
    _, task_id = running
    assert sparky("agent", "tasks", "cancel", task_id).returncode == 0
    assert sparky("agent", "tasks", "watch", task_id).returncode == 130
    ran = sparky("agent", "tasks", "cancel", task_id)
    assert ran.returncode == 2
    assert "has ended" in ran.stderr


def test_interrupting_watch_exits_with_130_and_leaves_the_task_alone(
    sparky: Sparky, running: Running, environment: dict[str, str]
) -> None:
    _, task_id = running
    with subprocess.Popen(
        [*SPARKY, "agent", "tasks", "watch", task_id],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        # As in a terminal, also where the tests run in the background, which ignores it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as watch:  # fmt: skip
        assert watch.stdout is not None
        assert watch.stdout.readline()
        watch.send_signal(signal.SIGINT)
        _, complaint = watch.communicate(timeout=PATIENCE)
        assert watch.returncode == 130
    assert "Traceback" not in complaint
    assert (
        json.loads(sparky("agent", "tasks", "show", task_id, "--json").stdout)["state"] == "running"
    )


@pytest.mark.promise("P6")
def test_a_killed_process_shows_as_lost_and_watch_exits_with_3(
    sparky: Sparky, running: Running
) -> None:
    process, task_id = running
    process.kill()
    process.wait(PATIENCE)
    assert sparky("agent", "tasks", "watch", task_id).returncode == 3
    assert "lost" in sparky("agent", "tasks", "list").stdout


def test_a_reader_that_leaves_early_causes_no_noise(
    said: Tell, environment: dict[str, str]
) -> None:
    task = said()
    for number in range(2000):
        task.say("message_sent", message_id=str(number), text="x" * 100, final=True)
    task.status("completed")
    with subprocess.Popen(
        [*SPARKY, "agent", "tasks", "watch", task.task_id],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as watch:  # fmt: skip
        assert watch.stdout is not None
        assert watch.stderr is not None
        watch.stdout.readline()
        watch.stdout.close()
        assert watch.stderr.read() == ""
        assert watch.wait(PATIENCE) == 141


@pytest.mark.parametrize("words", [("agent", "tasks", "list"), ("agent", "tasks", "watch")])
def test_output_that_can_not_be_written_is_one_line_and_no_outcome_of_the_task(
    said: Tell, environment: dict[str, str], words: tuple[str, ...]
) -> None:
    task = said().status("completed")
    command = [*SPARKY, *words, *([task.task_id] if "watch" in words else [])]
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            command, env=environment, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert ran.returncode == 4
    assert ran.stderr == "sparky: [Errno 28] No space left on device\n"
    closed = subprocess.run(
        ["sh", "-c", '"$@" >&-', "sh", *command],
        env=environment, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    assert (closed.returncode, closed.stderr) == (0, "")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
@pytest.mark.parametrize("kind", ["xterm", "dumb"])
def test_on_a_terminal_progress_stays_on_the_last_line(
    said: Tell, environment: dict[str, str], kind: str
) -> None:
    import os
    import pty

    task = said()
    for done in range(3):
        task.say("progress", key="main", done=done, total=3, message="\x1b]0;owned\x07")
    usage = {"input_tokens": 1000, "output_tokens": 34, "cost_usd": 0.05}
    task.say("progress", key="usage", done=1034, usage=usage)
    task.say("output", stream="stdout", text="no line end")
    task.status("completed", result=1, usage={**usage, "cost_usd": 0.06})
    main, terminal = pty.openpty()
    environment |= {"TERM": kind, "COLUMNS": "80"}
    with subprocess.Popen(
        [*SPARKY, "agent", "tasks", "watch", task.task_id],
        env=environment, stdout=terminal, stderr=terminal,
    ) as watch:  # fmt: skip
        os.close(terminal)
        shown = b""
        while True:
            try:
                piece = os.read(main, 65536)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            shown += piece
        assert watch.wait(PATIENCE) == 0
    os.close(main)
    text = shown.decode()
    assert "no line end" in text
    assert "completed" in text
    assert "\x1b]0;" not in text
    assert "2/3 67%" in text
    assert "1,034 tokens · $0.05" in text
    assert "(1,034 tokens · $0.06)" in text
    assert ("\x1b[2m" in text) == (kind == "xterm"), "a terminal that knows no styles gets none"


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
@pytest.mark.parametrize("kind, colour", [("xterm", True), ("xterm", False), ("dumb", True)])
def test_on_a_terminal_a_line_is_seen_while_it_is_written_and_colours_can_be_refused(
    running: Running, sparky: Sparky, environment: dict[str, str], kind: str, colour: bool
) -> None:
    import os
    import pty

    _, task_id = running
    environment |= {"TERM": kind, "COLUMNS": "80"} | ({} if colour else {"NO_COLOR": "1"})
    main, terminal = pty.openpty()
    with subprocess.Popen(
        [*SPARKY, "agent", "tasks", "watch", task_id],
        env=environment, stdout=terminal, stderr=terminal,
    ) as watch:  # fmt: skip
        os.close(terminal)
        shown = b""
        sparky("agent", "tasks", "send", task_id, "begin")
        while b"half a li" not in shown:  # a terminal that never shows it ends the test by time
            shown += os.read(main, 65536)
        watch.kill()
    os.close(main)
    coloured = any(f"\x1b[{code}m".encode() in shown for code in ("34", "1;34"))
    assert coloured == (colour and kind == "xterm")

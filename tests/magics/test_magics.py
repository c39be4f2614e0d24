"""%sparky and %%sparky in a real IPython."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from IPython.core.completer import provisionalcompleter

import sparky_nb.api as api
from sparky_nb.tasks import TaskHandle
from tests.tasks.running import PATIENCE, texts, wait_for

Cell = Callable[[str], Any]


def test_a_cell_runs_in_the_users_namespace(shell: Any, cell: Cell) -> None:
    cell("x = 1; task = 'my own'")
    handle = cell("%%sparky task --name 'my cell'\nx += 1\ny = [task.id for _ in range(2)]\nx * 10")
    assert isinstance(handle, TaskHandle)
    assert handle.result(PATIENCE) == 20
    assert shell.user_ns["x"] == 2
    assert shell.user_ns["y"] == [handle.task_id] * 2
    assert shell.user_ns["task"] == "my own"
    first = next(iter(handle.events())).data
    assert (first["name"], first["kind"]) == ("my cell", "cell")
    assert "_sparky_task" not in " ".join(shell.run_line_magic("who_ls", "") or [])


def test_top_level_await_print_and_nested_code_work(cell: Cell) -> None:
    handle = cell(
        "%%sparky task\nimport asyncio, threading\nawait asyncio.sleep(0)\n"
        "def helper():\n    task.message('from a helper')\n"
        "t = threading.Thread(target=helper); t.start(); t.join()\n"
        "print('printed')\n[i async for i in task.track([1, 2])] if False else 'value'"
    )
    assert handle.result(PATIENCE) == "value"
    events = list(handle.events())
    assert texts(events, "stdout") == "printed\n"
    assert [e.data["text"] for e in events if e.type == "message_sent"] == ["from a helper"]


def test_a_function_of_a_cell_serves_the_task_that_calls_it_later(cell: Cell) -> None:
    first = cell("%%sparky task\ndef say(): return task.id\nsay()")
    assert first.result(PATIENCE) == first.task_id
    second = cell("%sparky run say()")
    assert second.result(PATIENCE) == second.task_id


def test_the_value_is_displayed_unless_it_is_silenced(cell: Cell) -> None:
    shows = "class Rich:\n    def _repr_html_(self): return '<b>rich</b>'\n"
    events = list(cell(f"%%sparky task\n{shows}Rich()").events())
    assert [e.data["mime"]["text/html"] for e in events if "mime" in e.data] == ["<b>rich</b>"]
    handle = cell(f"%%sparky task\n{shows}Rich();")
    assert handle.result(PATIENCE) is None
    assert not [e for e in handle.events() if "mime" in e.data]


def test_ipythons_own_syntax_works_in_a_cell(shell: Any, cell: Cell) -> None:
    handle = cell("%%sparky task\nfound = !echo hello\nfound[0]")
    assert handle.result(PATIENCE) == "hello"


def test_a_failing_cell_shows_its_own_lines(cell: Cell) -> None:
    handle = cell("%%sparky task\ndef inner():\n    raise ValueError('boom')\ninner()")
    error = list(handle.events())[-1].data["error"]
    assert "inner" in error["traceback"]
    assert "sparky_nb" not in error["traceback"]


def test_a_syntax_error_starts_nothing(shell: Any, cell: Cell) -> None:
    assert "SyntaxError" in str(shell.run_cell("%%sparky task\nfor").error_in_exec.__class__)
    assert api.find_tasks() == []


def test_an_expression_is_called_in_the_background(cell: Cell) -> None:
    cell("def double(n, password=None): return 2 * n")
    handle = cell("%sparky run --name twice double(21, password='hush')")
    assert handle.result(PATIENCE) == 42
    first = next(iter(handle.events())).data
    assert (first["name"], first["kind"]) == ("twice", "call")
    assert "hush" not in str(first)


def test_an_instruction_without_a_model_starts_nothing(cell: Cell) -> None:
    message = cell("%sparky task What's in {this} folder?")
    assert "SPARKY_MODEL" in message
    assert "%sparky config model=" in message
    assert "nothing was started" in message
    assert api.find_tasks() == []


def test_cancel_answer_send_and_retry_by_a_beginning_of_the_id(cell: Cell) -> None:
    handle = cell("%%sparky task\n[task.ask('Which?'), task.receive(timeout=None)]")
    wait_for(lambda: handle.state == "waiting", "the question")
    cell(f"%sparky answer {handle.task_id[:12]} this one?")
    cell(f"import sparky_nb; held = sparky_nb.task({handle.task_id!r})")
    cell("%sparky send held it's {me}")
    assert handle.result(PATIENCE) == ["this one?", "it's {me}"]
    again = cell(f"%sparky retry {handle.task_id}")
    assert repr(cell(f"%sparky cancel {again.task_id}")).startswith(f"{again.task_id}: cancel")
    assert again._wait(PATIENCE)
    assert again.state == "cancelled"
    assert "ended already" in repr(cell(f"%sparky cancel {again.task_id}"))
    assert "ended already (completed)" in repr(cell("%sparky cancel held"))


def test_lists_say_what_there_is(cell: Cell) -> None:
    assert "no tasks yet" in repr(cell("%sparky tasks"))
    handle = cell("%%sparky task --name '<b>n</b>'\n1")
    handle.result(PATIENCE)
    table = cell("%sparky tasks --state completed --limit 5")
    assert handle.task_id in repr(table)
    assert "&lt;b&gt;" in table._repr_html_()
    assert "default" in repr(cell("%sparky chats"))
    assert str(api.runner().log.url) in repr(cell("%sparky status"))
    assert cell(f"%sparky watch {handle.task_id}") is not None


def test_a_schedule_is_told_in_words(shell: Any, cell: Cell) -> None:
    made = cell("%sparky schedule --every 30m Tidy <b>up</b>\x1b[31m")
    shown = shell.display_formatter.format(made)[0]
    assert re.fullmatch(
        r"Tidy <b>up</b>\S*: every 30 minutes, next in \d+ minutes \(.*\) \(sched-\w+\)",
        shown["text/plain"],
    )
    assert "\x1b" not in "".join(shown.values())
    assert "Tidy &lt;b&gt;up&lt;/b&gt;" in shown["text/html"]
    assert f"<code>{made.schedule_id}</code>" in shown["text/html"]
    paused = cell(f"%sparky schedule pause {made.schedule_id}")
    shown = shell.display_formatter.format(paused)[0]
    assert "every 30 minutes, paused" in shown["text/plain"]
    removed = cell(f"%sparky schedule remove {made.schedule_id}")
    assert repr(removed) == f"{made.schedule_id}: removed"
    assert "removed" in repr(made)


def test_settings_are_shown_and_changed(cell: Cell) -> None:
    before = api.configure().parallel
    assert repr(cell("%sparky config parallel=3")) == "parallel=3"
    assert api.configure().parallel == 3
    assert "parallel" in repr(cell("%sparky config"))
    api.configure(parallel=before)


@pytest.mark.parametrize(
    "line, message",
    [
        ("%sparky taks", "unknown subcommand 'taks'; did you mean tasks?"),
        ("%sparky task", "an instruction is missing: %sparky task INSTRUCTION…"),
        ("%sparky task --nam x", "unknown option --nam; did you mean --name?"),
        ("%sparky tasks --state done", "no state 'done'; known:"),
        ("%sparky tasks --limit x", "--limit: expected an integer from 1 to 10000, got 'x'"),
        ("%sparky tasks now", "unexpected 'now'"),
        ("%sparky cancel", "a task is missing: its id, a unique beginning of it, or a variable"),
        ("%sparky cancel nope", "no task 'task-nope'"),
        ("%sparky config paralel=3", "setting: expected one of"),
        ("%sparky config parallel=x", "parallel: expected a whole number"),
        ("%sparky config parallel=0", "parallel: expected a number above 0"),
        ("%sparky config parallel", "expected SETTING=VALUE, got 'parallel'"),
        ("%sparky run", "an expression is missing"),
        ("%sparky help taks", "unknown subcommand 'taks'; did you mean tasks?"),
        ("%sparky schedule --every 5 x", "every: expected a number with s, m, h or d"),
        ("%sparky schedule --every 5m", "an instruction is missing"),
        ("%sparky schedule pauze x", "did you mean pause?"),
        ("%sparky schedule --every 5m --call nothing", "the notebook has no function 'nothing'"),
        ("%%sparky task\n ", "the cell is empty"),
        ("%%sparky task words\n1", "unexpected 'words': the cell is what the task runs"),
        ("%%sparky tasks\n1", "%%sparky tasks takes no cell; only %%sparky task does"),
        ("%%sparky task --chat a/b\n1", "chat_id: expected 1 to 128 characters"),
    ],
)
def test_errors_are_one_exact_line(cell: Cell, line: str, message: str) -> None:
    printed = cell(line)
    assert message in printed
    assert printed.startswith("UsageError: sparky: ")
    assert "Traceback" not in printed


def test_help_names_what_there_is_and_nothing_that_is_not(cell: Cell) -> None:
    everything = repr(cell("%sparky help"))
    for name in "task run tasks watch cancel retry send answer chats status config help".split():
        assert f"  {name} " in everything
        assert f"%sparky {name}" in repr(cell(f"%sparky {name} --help"))
    assert "schedule" in everything


def test_tab_completes_words_options_tasks_chats_and_states(shell: Any, cell: Cell) -> None:
    handle = cell("%%sparky task --chat mine\n1")

    def tab(line: str) -> list[str]:
        with provisionalcompleter():
            return [found.text for found in shell.Completer.completions(line, len(line))]

    assert {"task", "tasks"} <= set(tab("%sparky ta"))
    assert "--name" in tab("%sparky task --")
    assert handle.task_id in tab("%sparky watch ")
    assert "mine" in tab("h = %sparky task --chat ")
    assert "completed" in tab("%sparky tasks --state ")
    assert "parallel=" in tab("%sparky config para")


def test_loading_twice_and_reloading_double_nothing(shell: Any, cell: Cell) -> None:
    go = threading.Event()
    cell("import threading")
    shell.user_ns["go"] = go
    running = cell("%%sparky task\ngo.wait(30)")
    for line in ("%load_ext sparky_nb", "%reload_ext sparky_nb", "%reload_ext sparky_nb"):
        cell(line)
    names = [getattr(t, "__module__", "") for t in shell.input_transformers_cleanup]
    assert names.count("sparky_nb.magics.question_marks") == 1
    cell("%%sparky task\n1").result(PATIENCE)
    assert len(api.find_tasks()) == 2
    go.set()
    assert running.result(PATIENCE) is True
    cell("%unload_ext sparky_nb")
    assert "sparky" not in shell.magics_manager.magics["line"]
    assert "sparky_nb.magics.question_marks" not in [
        getattr(t, "__module__", "") for t in shell.input_transformers_cleanup
    ]
    cell("%load_ext sparky_nb")

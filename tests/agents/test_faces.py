"""How people reach agents: Python, ``%sparky task``, settings; and what an import costs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

import sparky_nb
from sparky_nb import api
from sparky_nb.agents import AgentSettings, MissingExtra
from sparky_nb.errors import InvalidArgument, NoModel
from tests.agents.openai_server import OpenAIServer, Reply


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("SPARKY_LOG_URL", f"sqlite://{tmp_path}/log.db")
    api.shutdown()
    before = (api._settings, api._agent_settings)
    yield
    api._settings, api._agent_settings = before
    api.shutdown()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIServer]:
    with OpenAIServer(lambda body: Reply(text=[f"I am {body['model']}"])) as made:
        monkeypatch.setenv("OPENAI_BASE_URL", made.base_url)
        yield made


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    InteractiveShell.clear_instance()
    made = InteractiveShell.instance()
    made.history_manager.enabled = False
    made.run_line_magic("load_ext", "sparky_nb")
    yield made
    api.shutdown()
    made.run_line_magic("unload_ext", "sparky_nb")
    made.history_manager.end_session()
    InteractiveShell.clear_instance()


def test_without_a_model_it_says_how_to_configure_one_and_starts_nothing() -> None:
    with pytest.raises(NoModel, match="SPARKY_MODEL") as caught:
        sparky_nb.start_agent("Run smart maintenance")
    assert "%sparky config model=" in str(caught.value)
    assert api.runner().log.tasks() == []


def test_the_environment_names_the_model(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARKY_MODEL", "openai:from-env")
    assert sparky_nb.start_agent("Who are you?").result(30) == "I am from-env"


def test_the_setting_is_stronger_than_the_environment_and_an_argument_than_both(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARKY_MODEL", "openai:from-env")
    sparky_nb.configure(model="openai:from-setting")
    assert sparky_nb.start_agent("Who are you?").result(30) == "I am from-setting"
    assert sparky_nb.start_agent("And you?", model="openai:own").result(30) == "I am own"


def test_the_magic_gives_the_agent_an_instruction(
    server: OpenAIServer, shell: InteractiveShell
) -> None:
    shell.run_line_magic("sparky", "config model=openai:from-magic max_steps=7")
    handle = shell.run_line_magic("sparky", "task --chat mine Don't you know who you are?")
    assert handle.result(30) == "I am from-magic"
    assert handle.chat_id == "mine"
    assert handle.row().instruction == "Don't you know who you are?"
    assert server.asked(0)[-1]["content"] == "Don't you know who you are?"
    assert api.agent_settings().max_steps == 7


def test_the_agent_has_the_tools_and_runs_the_code_of_the_notebook(
    monkeypatch: pytest.MonkeyPatch, shell: InteractiveShell
) -> None:
    shell.run_cell(
        "import sparky_nb\n"
        "@sparky_nb.tool(policy='allow')\n"
        "def look() -> str:\n    'Look.'\n    return 'blue'\n"
        "x = 20"
    )
    script = [
        Reply(tools=[("look", {}), ("run_code", {"code": "x += 1\n%time None\nx * 2"})]),
        Reply(text=["done"]),
    ]
    with OpenAIServer(script) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        shell.run_line_magic("sparky", "config allow=run_code")
        shell.run_line_magic("sparky", "task --model openai:x Work").result(30)
        told = [m["content"] for m in server.asked(1) if m["role"] == "tool"]
    assert told[0] == "blue"
    assert '"value":"42"' in told[1].replace(" ", "")
    assert shell.user_ns["x"] == 21


def test_an_agent_can_be_retried(server: OpenAIServer) -> None:
    handle = sparky_nb.start_agent("Who?", model="openai:x")
    handle.result(30)
    again = handle.retry()
    assert again.result(30) == "I am x"
    assert again.row().retry_of == handle.task_id


@pytest.mark.parametrize("model", ["gpt", "agent:nobody", ":x", "openai:", "acp:'"])
def test_what_names_no_agent_is_refused_before_anything_starts(model: str) -> None:
    with pytest.raises(InvalidArgument):
        sparky_nb.start_agent("x", model=model)
    assert api.runner().log.tasks() == []


@pytest.mark.parametrize(
    "module, model, extra",
    [("pydantic_ai", "openai:x", "agent"), ("acp", "acp:some-agent", "acp")],
)
def test_what_is_not_installed_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, module: str, model: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=rf"pip install 'sparky-nb\[{extra}\]'"):
        sparky_nb.start_agent("x", model=model)
    assert api.runner().log.tasks() == []


@pytest.mark.parametrize(
    "name, given, rule",
    [
        ("max_steps", "many", "max_steps: expected a whole number or none, got 'many'"),
        ("max_cost", "-1", "max_cost: expected a number above 0, got '-1'"),
        ("silence", 0, "silence: expected a number above 0, got 0"),
        ("silence", "none", "silence: expected a number, got 'none'"),
        ("allow", 5, "allow: expected texts separated by commas, got 5"),
        ("parallel", "1.5", "parallel: expected a whole number, got '1.5'"),
        ("model", "gpt-5", "model: expected PROVIDER:MODEL, agent:VARIABLE or acp:COMMAND, got "),
        ("model", "agent:", "model: expected PROVIDER:MODEL, agent:VARIABLE or acp:COMMAND, got "),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_in_plain_words(
    name: str, given: Any, rule: str
) -> None:
    before = api.configure(), api.agent_settings()
    with pytest.raises(InvalidArgument) as refused:
        sparky_nb.configure(**{name: given})
    assert str(refused.value).startswith(rule)
    assert (api.configure(), api.agent_settings()) == before


def test_a_setting_that_is_none_is_told_all_there_are() -> None:
    with pytest.raises(InvalidArgument) as refused:
        sparky_nb.configure(max_stepz=1)
    assert refused.value.field == "setting"
    assert {"max_steps", "parallel", "model"} <= set(refused.value.rule[7:].split(", "))


def test_a_setting_from_the_environment_is_refused_by_the_variable_s_name() -> None:
    with pytest.raises(InvalidArgument, match="SPARKY_AGENT_MAX_COST: expected a number or none"):
        AgentSettings.from_environment({"SPARKY_AGENT_MAX_COST": "cheap"})


def test_a_value_with_spaces_stands_in_quotes(
    shell: Any,
) -> None:
    shell.run_line_magic("sparky", """config instructions="Be brief. Don't guess." model=none""")
    assert api.agent_settings().instructions == "Be brief. Don't guess."
    assert api.configure().model is None
    with pytest.raises(UsageError, match="a quote in a value"):
        shell.run_line_magic("sparky", "config instructions=Don't")


def test_the_environment_has_settings_for_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARKY_AGENT_MAX_COST", "0.5")
    monkeypatch.setenv("SPARKY_AGENT_DENY", "delete_*, run_code")
    made = api.agent_settings()
    assert (made.max_cost, made.deny) == (0.5, ("delete_*", "run_code"))
    sparky_nb.configure(max_cost=2)
    assert (api.agent_settings().max_cost, api.agent_settings().deny) == (2.0, made.deny)


def test_settings_are_read_from_texts() -> None:
    made = AgentSettings().changed({"max_cost": "0.5", "allow": "a, b*", "max_tokens": "none"})
    assert (made.max_cost, made.allow, made.max_tokens) == (0.5, ("a", "b*"), None)


def test_importing_the_agents_imports_no_vendors_library() -> None:
    code = (
        "import sys, sparky_nb; sparky_nb.tool; sparky_nb.start_agent\n"
        "bad = {'pydantic_ai', 'pydantic', 'openai', 'acp', 'mcp', 'httpx'} & set(sys.modules)\n"
        "sys.exit(' '.join(sorted(bad)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert found.stderr.strip() == ""

"""Tools: which there are, whether they may be called, and the built-in ones."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sparky_nb
from sparky_nb.agents.assignment import TimeLimit
from sparky_nb.agents.settings import AgentSettings
from sparky_nb.agents.tools import by_name, tools_in
from sparky_nb.errors import InvalidArgument
from sparky_nb.testing.agent_contract import Stage, stage
from tests.agents.openai_server import OpenAIServer, Reply


@pytest.fixture
def here() -> Iterator[Stage]:
    with stage() as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "notebook"
    home.mkdir()
    monkeypatch.chdir(home)
    return home


def results(
    here: Stage, *calls: tuple[str, Any], answers: tuple[str, ...] = (), **more: Any
) -> list[dict[str, Any]]:
    """The ``tool_result`` events of an agent that makes ``calls`` one after the other."""
    namespace = more.pop("namespace", {})
    script = [*(Reply(tools=[call]) for call in calls), Reply(text=["done"])]
    with OpenAIServer(script) as server:
        execution = here.start(("openai:x", namespace), base_url=server.base_url, **more)
        for answer in answers:
            here.answer(execution, answer)
        events = here.finish(execution)
    assert events[-1].data["state"] == "completed", events[-1]
    assert len([e for e in events if e.type == "question"]) == len(answers)
    return [e.data for e in events if e.type == "tool_result"]


# -- which there are


def test_a_tool_stays_a_function() -> None:
    @sparky_nb.tool
    def double(x: int) -> int:
        return 2 * x

    assert double(2) == 4


def test_the_tools_are_those_among_the_variables() -> None:
    @sparky_nb.tool(policy="allow", name="twice")
    def double(x: int) -> int:
        return 2 * x

    found = tools_in({"double": double, "same": double, "number": 3, "print": print})
    assert [(tool.name, tool.policy) for tool in found] == [("twice", "allow")]
    assert by_name(found)["twice"].function is double


@pytest.mark.parametrize("wrong", [{"policy": "perhaps"}, {"name": "two words"}])
def test_what_makes_no_tool_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        sparky_nb.tool(**wrong)(lambda: None)


# -- whether they may be called


def test_a_function_of_the_notebook_is_asked_for_unless_it_says_otherwise(here: Stage) -> None:
    @sparky_nb.tool
    def wipe(path: str) -> str:
        """Wipe."""
        return f"wiped {path}"

    found = results(here, ("wipe", {"path": "x"}), answers=("allow",), namespace={"wipe": wipe})
    assert [r["result"] for r in found] == ["wiped x"]


def test_always_allows_it_for_the_rest_of_the_task(here: Stage) -> None:
    @sparky_nb.tool
    def wipe(path: str) -> str:
        """Wipe."""
        return f"wiped {path}"

    calls = [("wipe", {"path": path}) for path in ("x", "y")]
    found = results(here, *calls, answers=("always",), namespace={"wipe": wipe})
    assert [r["result"] for r in found] == ["wiped x", "wiped y"]


def test_settings_are_stronger_than_the_tool(here: Stage) -> None:
    @sparky_nb.tool(policy="allow")
    def wipe(path: str) -> str:
        """Wipe."""
        return f"wiped {path}"

    found = results(here, ("wipe", {"path": "x"}), namespace={"wipe": wipe}, deny=("wi*",))
    assert (found[0]["status"], found[0]["result"]) == (
        "denied",
        "the tool wipe is not allowed here",
    )


def test_deny_is_stronger_than_ask_and_that_than_allow() -> None:
    settings = AgentSettings(allow=("*",), ask=("b*",), deny=("ba",))
    assert [settings.policy(name, "ask") for name in ("a", "b", "ba")] == ["allow", "ask", "deny"]


def test_secrets_among_the_arguments_are_masked_in_the_log(here: Stage) -> None:
    @sparky_nb.tool
    def login(user: str, password: str) -> str:
        """Log in."""
        return f"{len(password)} characters"

    args = {"user": "ann", "password": "hunter2"}
    with OpenAIServer([Reply(tools=[("login", args)]), Reply(text=["in"])]) as server:
        execution = here.start(("openai:x", {"login": login}), base_url=server.base_url)
        here.answer(execution, "allow")
        events = here.finish(execution)
    assert "hunter2" not in "".join(str(e.data) for e in events)
    assert next(e for e in events if e.type == "tool_result").data["result"] == "7 characters"


def test_what_a_tool_raises_is_told_and_the_agent_goes_on(here: Stage) -> None:
    @sparky_nb.tool(policy="allow")
    async def fail() -> None:
        """Fail."""
        raise LookupError("nothing there")

    found = results(here, ("fail", {}), namespace={"fail": fail})
    assert (found[0]["status"], found[0]["result"]) == ("error", "LookupError: nothing there")


def test_a_plain_tool_can_ask_and_print_for_the_task(here: Stage) -> None:
    @sparky_nb.tool(policy="allow")
    def choose() -> str:
        """Let the user choose."""
        task = sparky_nb.current_task()
        assert task is not None
        return f"chose {task.ask('Which?', ['a', 'b'])}"

    found = results(here, ("choose", {}), answers=("b",), namespace={"choose": choose})
    assert found[0]["result"] == "chose b"


# -- the built-in ones


def test_variables_are_listed_and_shown_without_secrets(here: Stage) -> None:
    config = {"url": "x", "password": "sk-123"}
    namespace = {"rows": [1, 2, 3], "_hidden": 1, "api_key": "sk-123", "config": config}
    listed, shown, *hidden = results(
        here,
        ("list_variables", {}),
        ("show_variable", {"name": "rows"}),
        ("show_variable", {"name": "api_key"}),
        ("show_variable", {"name": "config"}),
        namespace=namespace,
    )
    by = {row["name"]: row for row in listed["result"]}
    assert set(by) == {"rows", "api_key", "config"}
    assert by["rows"] == {"name": "rows", "type": "list of length 3", "value": "[1, 2, 3]"}
    assert shown["result"] == "list of length 3\n[1, 2, 3]"
    assert "sk-123" not in str((listed, shown, hidden))


def test_files_of_the_notebooks_folder_are_read_and_others_are_asked_for(
    here: Stage, folder: Path
) -> None:
    (folder / "data.csv").write_text("a,b\n1,2\n3,4\n")
    (folder.parent / "private.txt").write_text("mine")
    listed, read, denied, refused = results(
        here,
        ("list_files", {"pattern": "*.csv"}),
        ("read_file", {"path": "data.csv", "first_line": 2, "lines": 1}),
        ("read_file", {"path": "../private.txt"}),
        ("list_files", {"pattern": "../*"}),
        answers=("deny",),
    )
    assert listed["result"] == ["data.csv  12"]
    assert read["result"] == "1,2"
    assert denied["status"] == "denied"
    assert refused["status"] == "error"
    assert "private" not in str(refused["result"])


def test_a_file_that_looks_like_a_secret_is_asked_for(here: Stage, folder: Path) -> None:
    (folder / ".env").write_text("KEY=1")
    assert (
        results(here, ("read_file", {"path": ".env"}), answers=("deny",))[0]["status"] == "denied"
    )


def test_code_runs_in_the_users_namespace_after_it_was_allowed(here: Stage) -> None:
    namespace: dict[str, Any] = {"x": 20}
    code = "import asyncio\nprint('hello')\ny = x + 1\nawait asyncio.sleep(0)\ny * 2"
    found = results(here, ("run_code", {"code": code}), answers=("allow",), namespace=namespace)
    assert found[0]["result"] == {"printed": "hello\n", "value": "42"}
    assert namespace["y"] == 21


def test_code_that_fails_tells_the_model_what_it_printed_before(here: Stage) -> None:
    code = "print('so far')\n1 / 0"
    found = results(here, ("run_code", {"code": code}), allow=("run_code",))
    assert found[0]["status"] == "error"
    assert found[0]["result"] == "ZeroDivisionError: division by zero\nso far\n"


# -- the time limit


def test_time_in_which_it_waits_for_people_is_not_counted() -> None:
    async def main() -> bool:
        limit = TimeLimit(0.2)
        async with limit:
            with limit.paused():
                await asyncio.sleep(0.4)
        return limit.expired

    assert asyncio.run(main()) is False


def test_after_the_wait_it_is_counted_again() -> None:
    async def main() -> bool:
        limit = TimeLimit(0.1)
        with contextlib.suppress(TimeoutError):
            async with limit:
                with limit.paused():
                    await asyncio.sleep(0)
                await asyncio.Event().wait()
        return limit.expired

    assert asyncio.run(main()) is True

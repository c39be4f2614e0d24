"""A chat remembers: its conversation is read back from the log, within bounds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from sparky_nb.agents.memory import Called, Past, Said, remember
from sparky_nb.events.model import ToolResult, ToolUse
from sparky_nb.ids import new_task_id
from sparky_nb.log import open_log
from sparky_nb.testing.agent_contract import Stage, stage
from tests.agents.openai_server import OpenAIServer, Reply

ELSE = "task-000000000000"


@pytest.fixture
def here() -> Iterator[Stage]:
    with stage() as made:
        yield made


def tell(here: Stage, instruction: str, *values: Any, chat: str = "chat") -> str:
    """An agent task that says ``values``; its id."""

    async def player(_: Any) -> AsyncIterator[Any]:
        for value in values:
            yield value

    execution = here.start(("agent:player", {"player": player}), instruction, chat=chat)
    here.finish(execution)
    return execution.task_id


def memory(here: Stage, chat: str = "chat", chars: int = 10_000, tasks: int = 10) -> list[Past]:
    return list(remember(here.log, chat, ELSE, chars=chars, tasks=tasks))


def test_it_holds_what_was_said_and_done_in_order(here: Stage) -> None:
    task_id = tell(
        here,
        "Which colour?",
        "let me look",
        ToolUse(tool_call_id="c1", name="look", args={"at": "the sky"}),
        ToolResult(
            tool_call_id="c1", name="look", status="success", result={"c": 1}, duration_ms=0
        ),
        "blue",
    )
    assert memory(here) == [
        Past(
            task_id=task_id,
            lines=(
                Said(who="user", text="Which colour?"),
                Said(who="agent", text="let me look"),
                Called(
                    call_id="c1",
                    name="look",
                    args={"at": "the sky"},
                    status="success",
                    result='{"c": 1}',
                ),
                Said(who="agent", text="blue"),
            ),
            state="completed",
        )
    ]


def test_other_chats_and_the_task_itself_are_not_in_it(here: Stage) -> None:
    tell(here, "here", "yes")
    tell(here, "elsewhere", "no", chat="other")
    mine = tell(here, "me", "I")
    found = remember(here.log, "chat", mine, chars=1000, tasks=10)
    assert [past.lines[0] for past in found] == [Said(who="user", text="here")]


def test_only_the_newest_tasks_are_kept(here: Stage) -> None:
    for number in range(5):
        tell(here, f"task {number}", "done")
    found = memory(here, tasks=2)
    assert [p.lines[0] for p in found] == [
        Said(who="user", text="task 3"),
        Said(who="user", text="task 4"),
    ]


def test_of_a_task_that_does_not_fit_the_instruction_and_the_newest_is_kept(here: Stage) -> None:
    tell(here, "old", "x" * 50)
    tell(here, "big", *(f"{number} {'x' * 40}" for number in range(10)))
    tell(here, "new", "y" * 50)
    found = memory(here, chars=200)
    assert [past.cut for past in found] == [True, False]
    lines = found[0].lines
    assert lines[0] == Said(who="user", text="big")
    assert [line.text[0] for line in lines[1:] if isinstance(line, Said)] == ["7", "8", "9"]
    sizes = [len(line.text) for past in found for line in past.lines if isinstance(line, Said)]
    assert sum(sizes) <= 200


def test_reading_it_costs_no_more_in_a_long_chat(here: Stage) -> None:
    tell(here, "long ago", "x")
    tell(here, "flood", *(f"line {number} " + "z" * 100 for number in range(2000)))
    tell(here, "now", "y")
    found = memory(here, chars=1000)
    assert [p.lines[0] for p in found] == [
        Said(who="user", text="flood"),
        Said(who="user", text="now"),
    ]


def test_a_redacted_message_is_forgotten(here: Stage) -> None:
    tell(here, "what is it?", "the password is 1234", "that was all")
    events = here.events(here.runner.find(memory(here)[0].task_id))  # type: ignore[arg-type]
    secret = [e.offset for e in events if "1234" in str(e.data)]
    here.log.redact("chat", [o for o in secret if o != events[-1].offset], actor="x", now_ms=1)
    said = [line.text for line in memory(here)[0].lines if isinstance(line, Said)]
    assert "the password is 1234" not in said
    assert "that was all" in said


def test_a_model_is_given_it_also_by_another_runner(tmp_path: Any) -> None:
    """As after a restart of the kernel: another runner, the same log."""
    url = f"sqlite:///{tmp_path / 'log.db'}"
    asked: list[list[Any]] = []
    for text in ("My name is Ann", "Who am I?"):
        again = Stage(open_log(url))
        with OpenAIServer([Reply(text=[f"echo {text}"])]) as server:
            execution = again.start(("openai:x", {}), text, base_url=server.base_url)
            assert again.finish(execution)[-1].data["state"] == "completed"
            asked.append([(m["role"], m["content"]) for m in server.asked(0)[1:]])
        again.close()
    assert asked == [
        [("user", "My name is Ann")],
        [("user", "My name is Ann"), ("assistant", "echo My name is Ann"), ("user", "Who am I?")],
    ]


def test_how_a_task_ended_is_told_to_the_model(here: Stage) -> None:
    async def player(_: Any) -> AsyncIterator[Any]:
        yield ToolUse(tool_call_id="c1", name="look", args={})
        raise RuntimeError("no")

    execution = here.start(("agent:player", {"player": player}), "try")
    here.finish(execution)
    with OpenAIServer([Reply(text=["I see"])]) as server:
        here.finish(here.start(("openai:x", {}), "what happened?", base_url=server.base_url))
        roles = [message["role"] for message in server.asked(0)[1:]]
        told = server.asked(0)[4]["content"]
    assert roles == ["user", "assistant", "tool", "assistant", "user"]
    assert told == "(This task ended as failed.)"


def test_an_unknown_task_id_is_no_hindrance(here: Stage) -> None:
    tell(here, "a", "b")
    assert len(remember(here.log, "chat", new_task_id(), chars=100, tasks=5)) == 1

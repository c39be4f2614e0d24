"""The page about agents is true: its recipes run, its tables have every setting and code."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, TypedDict

import msgspec
import pytest

from sparky_nb.agents import SETTINGS, AgentSettings, failures
from sparky_nb.agents.builtin import builtin_tools
from sparky_nb.testing.agent_contract import Stage, stage, texts
from tests.agents.openai_server import OpenAIServer, Reply

PAGE = (Path(__file__).parents[2] / "docs" / "agents.md").read_text()


@pytest.fixture
def here() -> Iterator[Stage]:
    with stage() as made:
        yield made


def recipe(name: str) -> Any:
    """The function of that name from the page."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (block,) = [block for block in blocks if f"def {name}(" in block]
    namespace: dict[str, Any] = {}
    exec(block, namespace)
    return namespace[name]


def test_the_smallest_agent(here: Stage) -> None:
    played = ("agent:echo", {"echo": recipe("echo")})
    events = here.finish(here.start(played, "hear me"))
    assert texts(events) == ["I repeat:", "hear me "]
    assert events[-1].data["result"] == "hear me "


def test_langgraph(here: Stage) -> None:
    from langgraph.config import get_stream_writer
    from langgraph.graph import END, START, StateGraph

    class State(TypedDict):
        messages: list[Any]

    def plan(state: State) -> State:
        return state

    def answer(state: State) -> State:
        write = get_stream_writer()
        for piece in ("You said: ", state["messages"][0][1]):
            write(piece)
        return state

    graph = StateGraph(State)
    graph.add_node("plan", plan)
    graph.add_node("answer", answer)
    graph.add_edge(START, "plan")
    graph.add_edge("plan", "answer")
    graph.add_edge("answer", END)
    agent = recipe("langgraph_agent")(graph.compile())
    events = here.finish(here.start(("agent:mine", {"mine": agent}), "hello"))
    assert events[-1].data["state"] == "completed", events[-1]
    assert texts(events, "thought") == ["plan is done", "answer is done"]
    assert texts(events) == ["You said: hello"]


def test_openai_agents(here: Stage) -> None:
    from agents import Agent, OpenAIChatCompletionsModel, function_tool, set_tracing_disabled
    from openai import AsyncOpenAI

    set_tracing_disabled(True)

    @function_tool
    def look(at: str) -> str:
        """Look."""
        return "blue"

    script = [Reply(tools=[("look", {"at": "the sky"})]), Reply(text=["It is ", "blue"])]
    with OpenAIServer(script) as server:
        client = AsyncOpenAI(base_url=server.base_url, api_key="none")
        model = OpenAIChatCompletionsModel(model="x", openai_client=client)
        agent = recipe("openai_agent")(Agent(name="a", model=model, tools=[look]))

        async def mine(assignment: Any) -> AsyncIterator[Any]:
            async with client:
                async for value in agent(assignment):
                    yield value

        events = here.finish(here.start(("agent:mine", {"mine": mine})))
    assert events[-1].data["state"] == "completed", events[-1]
    assert texts(events) == ["It is blue"]
    result = next(e for e in events if e.type == "tool_result").data
    assert (result["name"], result["result"]) == ("look", "blue")
    assert events[-1].data["usage"] == {"input_tokens": 22, "output_tokens": 14}


def test_every_setting_is_on_the_page_with_its_default() -> None:
    rows = dict(re.findall(r"^\| (`[a-z_`, ]+`) \| ([^|]+) \| ", PAGE, re.MULTILINE))
    listed = {
        name: default.strip()
        for names, defaults in rows.items()
        for name, default in zip(
            re.findall(r"`(\w+)`", names), _defaults(names, defaults), strict=True
        )
        if name in SETTINGS
    }
    values = msgspec.structs.asdict(AgentSettings())
    assert listed == {name: _shown(value) for name, value in values.items()}


def test_every_code_is_on_the_page() -> None:
    kinds = [kind for kind in vars(failures).values() if hasattr(kind, "code")]
    ours = {kind.code for kind in kinds if kind.__module__ == failures.__name__}
    assert ours
    assert all(f"| `{code}` |" in PAGE for code in ours)


def test_every_built_in_tool_is_on_the_page() -> None:
    tools = builtin_tools(None, {}, lambda code: None, lambda name: False)  # type: ignore[arg-type]
    assert all(f"`{tool.name}`" in PAGE for tool in tools)


def _defaults(names: str, defaults: str) -> list[str]:
    count = len(re.findall(r"`\w+`", names))
    found = defaults.split(",")
    return found if len(found) == count else found * count


def _shown(value: Any) -> str:
    return "none" if value in (None, ()) else f"{value:g}" if value < 1000 else str(int(value))

"""MCP servers from a configuration file, over the real protocol library."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sparky_nb.testing.agent_contract import Stage, stage
from tests.agents.openai_server import OpenAIServer, Reply

PLAYER = Path(__file__).parent / "mcp_player.py"


@pytest.fixture
def here() -> Iterator[Stage]:
    with stage() as made:
        yield made


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "mcp.json"
    servers = {"town": {"command": sys.executable, "args": [str(PLAYER)]}}
    path.write_text(json.dumps({"mcpServers": servers}))
    return path


def test_the_tools_of_a_server_are_the_agents_and_are_asked_for(here: Stage, config: Path) -> None:
    script = [Reply(tools=[("town_weather", {"town": "Rome"})]), Reply(text=["sunny"])]
    with OpenAIServer(script) as server:
        execution = here.start(("openai:x", {}), base_url=server.base_url, mcp_config=str(config))
        here.answer(execution, "allow")
        events = here.finish(execution)
        offered = [tool["function"]["name"] for tool in server.requests[0]["tools"]]
    assert "town_weather" in offered
    result = next(e for e in events if e.type == "tool_result").data
    assert (result["name"], result["status"]) == ("town_weather", "success")
    assert "sunny in Rome" in str(result["result"])
    assert events[-1].data["state"] == "completed"


@pytest.mark.parametrize(
    "content, words",
    [
        (None, "not found"),
        ("{", "can't be used"),
        ({"mcpServers": {"gone": {"command": "no-such-server-here"}}}, "no-such-server-here"),
    ],
)
def test_a_configuration_that_is_of_no_use_is_told(
    here: Stage, tmp_path: Path, content: Any, words: str
) -> None:
    path = tmp_path / "mcp.json"
    if content is not None:
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    with OpenAIServer([Reply(text=["x"])]) as server:
        execution = here.start(("openai:x", {}), base_url=server.base_url, mcp_config=str(path))
        ending = here.finish(execution)[-1].data
    assert ending["state"] == "failed"
    assert ending["error"]["type"] == "agent_failed"
    assert words in ending["error"]["message"]

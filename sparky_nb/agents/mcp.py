"""MCP servers from a configuration file: their tools are the agent's, with the policy *ask*."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sparky_nb.agents.failures import AgentFailed, MissingExtra
from sparky_nb.agents.settings import AgentSettings


def mcp_toolsets(settings: AgentSettings) -> list[Any]:
    """The servers of ``settings.mcp_config``; their tools are named ``SERVER_TOOL``.

    Raises:
        MissingExtra: the extra ``mcp`` is not installed.
        AgentFailed: the file can't be read, or is not what it should be.
    """
    if settings.mcp_config is None:
        return []
    if find_spec("fastmcp") is None:
        raise MissingExtra("MCP", "mcp")
    from pydantic_ai.mcp import load_mcp_toolsets

    path = Path(settings.mcp_config).expanduser()
    try:
        return list(load_mcp_toolsets(path))
    except (OSError, ValueError) as error:
        raise AgentFailed(f"the MCP configuration {path} can't be used: {error}") from error

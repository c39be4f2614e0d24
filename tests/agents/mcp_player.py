"""An MCP server over the real protocol library, with one tool."""

from __future__ import annotations

from mcp.server import MCPServer

server = MCPServer("player")


@server.tool()
def weather(town: str) -> str:
    """The weather in a town."""
    return f"sunny in {town}"


if __name__ == "__main__":
    server.run("stdio")

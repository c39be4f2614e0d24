"""A scripted agent over the real protocol library: a program that makes the moves it is given,
and answers a further prompt by what it was told.

python acp_player.py '[["say", ["Hello"]], ["use", "the sky", true], ["hang"]]'
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

import acp
from acp.schema import PermissionOption, ToolCallUpdate


class Player:
    def __init__(self, moves: list[list[Any]]) -> None:
        self._moves, self._calls = moves, 0
        self._conn: Any = None
        self._cancelled = asyncio.Event()
        self._told: list[str] = []

    def on_connect(self, conn: Any) -> None:
        self._conn = conn

    async def initialize(self, protocol_version: int, **kwargs: Any) -> acp.InitializeResponse:
        return acp.InitializeResponse(protocol_version=protocol_version)

    async def new_session(self, cwd: str, **kwargs: Any) -> acp.NewSessionResponse:
        return acp.NewSessionResponse(session_id="session")

    async def cancel(self, session_id: str, **kwargs: Any) -> None:
        self._cancelled.set()

    async def prompt(self, session_id: str, prompt: list[Any], **kwargs: Any) -> acp.PromptResponse:
        self._told = [block.text for block in prompt]
        for kind, *rest in self._moves:
            await getattr(self, f"_{kind}")(*rest)
            if self._cancelled.is_set():
                return acp.PromptResponse(stop_reason="cancelled")
        self._moves = [["tell"]]
        return acp.PromptResponse(stop_reason="end_turn")

    async def _update(self, update: Any) -> None:
        await self._conn.session_update(session_id="session", update=update)

    async def _say(self, pieces: list[str]) -> None:
        for piece in pieces:
            await self._update(acp.update_agent_message_text(piece))

    async def _tell(self) -> None:
        await self._say([f"told: {self._told}"])

    async def _think(self, pieces: list[str]) -> None:
        for piece in pieces:
            await self._update(acp.update_agent_thought_text(piece))

    async def _use(self, at: str, asks: bool) -> None:
        self._calls += 1
        call_id = f"call-{self._calls}"
        await self._update(acp.start_tool_call(call_id, "look", raw_input={"at": at}))
        if asks and not await self._may(call_id):
            await self._update(acp.update_tool_call(call_id, status="failed", raw_output="denied"))
        else:
            await self._update(acp.update_tool_call(call_id, status="completed", raw_output="blue"))

    async def _may(self, call_id: str) -> bool:
        options = [
            PermissionOption(option_id="yes", name="allow", kind="allow_once"),
            PermissionOption(option_id="no", name="deny", kind="reject_once"),
        ]
        update = ToolCallUpdate(tool_call_id=call_id, title="look")
        answer = await self._conn.request_permission(
            session_id="session", tool_call=update, options=options
        )
        return getattr(answer.outcome, "option_id", None) == "yes"

    async def _hang(self) -> None:
        print("hanging", file=sys.stderr, flush=True)
        await self._cancelled.wait()

    async def _fail(self) -> None:
        os._exit(3)


if __name__ == "__main__":
    asyncio.run(acp.run_agent(Player(json.loads(sys.argv[1]))))

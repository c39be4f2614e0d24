"""Every adapter keeps the contract."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import sparky_nb
from sparky_nb.events.model import MessageSent, Thought, ToolResult, ToolUse
from sparky_nb.testing.agent_contract import (
    AgentContract,
    Fail,
    Hang,
    Move,
    Played,
    Say,
    Use,
    stage,
    texts,
)
from tests.agents.openai_server import OpenAIServer, Reply

PLAYER = Path(__file__).parent / "acp_player.py"


class TestGenerator(AgentContract):
    """An async generator of events, a function of the notebook."""

    @contextmanager
    def play(self, moves: Sequence[Move]) -> Iterator[Played]:
        async def player(assignment: sparky_nb.Assignment) -> AsyncIterator[Any]:
            for number, move in enumerate(moves):
                key = f"m{number}"
                if isinstance(move, Say):
                    kind = Thought if move.thought else MessageSent
                    for piece in move.pieces:
                        yield kind(message_id=key, text=piece, final=False)
                elif isinstance(move, Use):
                    args = {"at": move.at}
                    yield ToolUse(tool_call_id=key, name="look", args=args)
                    own = "ask" if move.asks else "allow"
                    refused = await assignment.permit(key, "look", args, own)
                    yield ToolResult(
                        tool_call_id=key,
                        name="look",
                        status="success" if refused is None else "denied",
                        result=refused or "blue",
                        duration_ms=0,
                    )
                elif isinstance(move, Hang):
                    await asyncio.Event().wait()
                elif isinstance(move, Fail):
                    raise RuntimeError("as scripted")

        yield "agent:player", {"player": player}


class TestLlm(AgentContract):
    """The built-in agent, over real HTTP."""

    @contextmanager
    def play(self, moves: Sequence[Move]) -> Iterator[Played]:
        asks = any(isinstance(move, Use) and move.asks for move in moves)

        @sparky_nb.tool(policy="ask" if asks else "allow")
        def look(at: str) -> str:
            """What is to be seen there."""
            return "blue"

        with pytest.MonkeyPatch.context() as patch, OpenAIServer(_replies(moves)) as server:
            patch.setenv("OPENAI_BASE_URL", server.base_url)
            yield "openai:scripted", {"look": look}
            if any(isinstance(move, Hang) for move in moves):
                assert server.left.wait(10), "the HTTP stream was not closed"


class TestAcp(AgentContract):
    """A program that speaks the Agent Client Protocol."""

    @contextmanager
    def play(self, moves: Sequence[Move]) -> Iterator[Played]:
        script = [_acp_move(move) for move in moves]
        command = [sys.executable, str(PLAYER), json.dumps(script)]
        yield f"acp:{shlex.join(command)}", {}

    def test_what_was_sent_to_it_is_its_next_prompt(self) -> None:
        with stage() as here, self.play([Use(asks=True)]) as played:
            execution = here.start(played)
            here.question(execution)
            here.command(execution, "message", text="and the sea?")
            here.answer(execution, self.allow)
            assert texts(here.finish(execution)) == ["told: ['and the sea?']"]

    def test_it_is_told_the_earlier_conversation(self) -> None:
        with stage() as here:
            with self.play([Say(("It is blue",))]) as played:
                here.finish(here.start(played, "What colour?"))
            command = shlex.join([sys.executable, str(PLAYER), '[["tell"]]'])
            told = texts(here.finish(here.start((f"acp:{command}", {}), "Sure?")))[0]
            assert "user: What colour?" in told
            assert "agent: It is blue" in told
            assert told.endswith("'Sure?']")

    def test_a_program_that_is_not_there_is_told_by_name(self) -> None:
        with stage() as here:
            events = here.finish(here.start(("acp:no-such-agent-here", {})))
            assert "no-such-agent-here can't be started" in events[-1].data["error"]["message"]

    @pytest.mark.parametrize(
        "command, words",
        [
            ("true", "ended before it said anything"),
            ("ls /", "ended before it said anything"),
            ("echo [1]", "ended before it said anything"),
            ("sleep 60", "was silent before it said"),
        ],
    )
    def test_a_program_that_does_not_speak_the_protocol_is_told_so(
        self, command: str, words: str
    ) -> None:
        with stage() as here:
            events = here.finish(here.start((f"acp:{command}", {}), silence=1))
            assert f"the agent {command.split()[0]} {words}" in events[-1].data["error"]["message"]
            assert not [e for e in events if e.type == "output"], "no tracebacks of the library"

    def test_what_it_writes_to_stderr_is_shown(self) -> None:
        with stage() as here, self.play([Hang()]) as played:
            execution = here.start(played)
            here.until(execution, lambda: here.events(execution, "output"))
            here.command(execution, "cancel")
            here.finish(execution)


def _replies(moves: Sequence[Move]) -> list[Reply]:
    replies: list[Reply] = []
    text: list[str] = []
    thought: list[str] = []

    def reply(**more: Any) -> None:
        replies.append(Reply(text=tuple(text), reasoning=tuple(thought), **more))
        text.clear()
        thought.clear()

    for move in moves:
        if isinstance(move, Say):
            (thought if move.thought else text).extend(move.pieces)
        elif isinstance(move, Use):
            reply(tools=[("look", {"at": move.at})])
        elif isinstance(move, Hang):
            reply(hang=True)
        elif isinstance(move, Fail):
            reply(cut=True)
    if text or thought:
        reply()
    return replies


def _acp_move(move: Move) -> list[Any]:
    if isinstance(move, Say):
        return ["think" if move.thought else "say", list(move.pieces)]
    if isinstance(move, Use):
        return ["use", move.at, move.asks]
    return ["hang"] if isinstance(move, Hang) else ["fail"]

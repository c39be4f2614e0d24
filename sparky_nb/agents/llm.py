"""The built-in agent: pydantic-ai, with any of its models.

Imported only where an agent task runs: pydantic-ai takes seconds to import.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable
from contextlib import AsyncExitStack
from decimal import Decimal
from typing import Any, Final

from pydantic_ai import Agent, RunContext, UsageLimits, capture_run_messages
from pydantic_ai.exceptions import AgentRunError, ModelAPIError, UserError
from pydantic_ai.messages import (
    AgentStreamEvent,
    FunctionToolCallEvent,
    FunctionToolResultEvent,
    ModelMessage,
    PartDeltaEvent,
    PartEndEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ThinkingPart,
    ThinkingPartDelta,
    ToolCallPart,
)
from pydantic_ai.usage import RunUsage

from sparky_nb.agents.assignment import Assignment
from sparky_nb.agents.failures import AgentFailed
from sparky_nb.agents.llm_errors import brief, explain, pause
from sparky_nb.agents.llm_history import resumable, to_messages
from sparky_nb.agents.llm_hooks import Hooks
from sparky_nb.agents.llm_model import build_model, request_settings
from sparky_nb.agents.llm_tools import toolset
from sparky_nb.agents.mcp import mcp_toolsets
from sparky_nb.events.model import JsonObject

INSTRUCTIONS: Final = (
    "You work for the user of a Jupyter notebook, as a background task. What you say and do is "
    "shown to the user live, and kept. Do what the user asks with the tools that you have; look "
    "before you change anything; say shortly what you do and what came of it. If a tool is denied, "
    "do not try to reach the same in another way: say what you could not do."
)
_RETRIES: Final = 3
"""Malformed calls of one tool, in a row, that the model may mend."""


async def llm_agent(assignment: Assignment) -> str:
    """Do what the assignment says; the result is the model's last message.

    Raises:
        ModelFailed, LimitReached: see their own words.
    """
    return await _Run(assignment).run()


class _Run:
    def __init__(self, assignment: Assignment) -> None:
        self._assignment, self._voice = assignment, assignment.voice
        self._settings = assignment.settings
        self._usage, self._told = RunUsage(), 0
        self._hooks = Hooks(assignment)

    async def run(self) -> str:
        assignment = self._assignment
        model = build_model(assignment.model, self._settings)
        try:
            agent: Agent[None, str] = Agent(
                model,
                name="sparky",
                instructions=[INSTRUCTIONS, self._settings.instructions or ""],
                toolsets=[toolset(assignment), *mcp_toolsets(self._settings)],
                capabilities=[self._hooks],
                retries=_RETRIES,
                model_settings=request_settings(model, self._settings),
            )
            async with AsyncExitStack() as stack:
                await self._enter(agent, stack)
                return await self._converse(agent)
        except (AgentRunError, UserError) as error:
            raise explain(error, assignment.model, assignment.settings) from error
        finally:
            self._report()

    @staticmethod
    async def _enter(agent: Agent[None, str], stack: AsyncExitStack) -> None:
        """Connect to MCP servers."""
        try:
            await stack.enter_async_context(agent)
        except Exception as error:  # each transport has errors of its own
            raise AgentFailed(f"an MCP server could not be reached: {error}") from error

    async def _converse(self, agent: Agent[None, str]) -> str:
        """Run until there is a result; an answer that breaks off is asked for again."""
        prompt: str | None = self._assignment.instruction
        history: list[ModelMessage] = to_messages(self._assignment.earlier)
        attempt = 0
        while True:
            with capture_run_messages() as messages:
                try:
                    result = await agent.run(
                        prompt,
                        message_history=history,
                        usage=self._usage,
                        usage_limits=self._limits(),
                        event_stream_handler=self._hear,
                    )
                    return result.output
                except ModelAPIError as error:
                    attempt = attempt + 1 if self._hooks.answers == 0 else 1
                    self._hooks.answers = 0
                    wait = pause(error, attempt, self._settings)
                    if error is self._hooks.given_up or wait is None:
                        raise
                    self._voice.note(
                        f"the model's answer broke off: {brief(error)}; asking again in {wait:g} s"
                    )
                    if kept := resumable(messages):
                        prompt, history = None, kept
                    await asyncio.sleep(wait)

    async def _hear(
        self, context: RunContext[None], events: AsyncIterable[AgentStreamEvent]
    ) -> None:
        """Events come one by one, and nothing goes on before each is told: the order is kept."""
        if self._usage.requests > self._told:  # an answer is complete
            self._told = self._usage.requests
            self._report()
        voice = self._voice
        async for event in events:
            if isinstance(event, PartStartEvent):
                key = f"{context.run_step}.{event.index}"
                if isinstance(event.part, TextPart | ThinkingPart):
                    kind = "message" if isinstance(event.part, TextPart) else "thought"
                    voice.text(kind, event.part.content, key)  # type: ignore[arg-type]  # one of two
            elif isinstance(event, PartDeltaEvent):
                key = f"{context.run_step}.{event.index}"
                if isinstance(event.delta, TextPartDelta):
                    voice.text("message", event.delta.content_delta, key)
                elif isinstance(event.delta, ThinkingPartDelta):
                    voice.text("thought", event.delta.content_delta or "", key)
            elif isinstance(event, PartEndEvent):
                voice.end_text()
            elif isinstance(event, FunctionToolCallEvent):
                voice.tool_use(event.tool_call_id, event.part.tool_name, _args(event.part))
            elif isinstance(event, FunctionToolResultEvent):
                status, result = self._hooks.outcome(event.part)
                voice.tool_result(event.tool_call_id, status, result)

    def _limits(self) -> UsageLimits:
        cost = self._settings.max_cost
        return UsageLimits(
            request_limit=self._settings.max_steps,
            total_tokens_limit=self._settings.max_tokens,
            cost_limit=None if cost is None else Decimal(str(cost)),
        )

    def _report(self) -> None:
        used = self._usage
        usage: JsonObject = {"requests": used.requests, "tool_calls": used.tool_calls}
        if used.total_tokens:  # else its server did not tell: they are unknown, not none
            usage["input_tokens"] = used.input_tokens
            usage["output_tokens"] = used.output_tokens
        if used.cache_read_tokens:
            usage["cache_read_tokens"] = used.cache_read_tokens
        if used.cost is not None:
            usage["cost_usd"] = float(used.cost)
        self._assignment.use(**usage)


def _args(part: ToolCallPart) -> dict[str, Any]:
    """The arguments; as text where the model has sent something malformed."""
    try:
        return part.args_as_dict(raise_if_invalid=True)
    except (ValueError, AssertionError):
        return {"malformed": str(part.args)}


__all__ = ["AgentFailed", "llm_agent"]

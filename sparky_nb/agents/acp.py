"""Agents that are programs and speak the Agent Client Protocol: Claude Code, Codex, Goose, …

The program is started for one task and ended with it. It works in the notebook's folder with tools
of its own; where it asks for permission, whoever watches is asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Iterator, Sequence
from typing import Any, Final

import acp
from acp.schema import (
    AgentMessageChunk,
    AgentPlanUpdate,
    AgentThoughtChunk,
    AllowedOutcome,
    ClientCapabilities,
    DeniedOutcome,
    Implementation,
    PermissionOption,
    RequestPermissionResponse,
    TextContentBlock,
    ToolCallProgress,
    ToolCallStart,
    ToolCallUpdate,
)

from sparky_nb._version import __version__
from sparky_nb.agents.assignment import Assignment
from sparky_nb.agents.failures import AgentFailed
from sparky_nb.agents.memory import Past, Said, ending_of
from sparky_nb.events.jsonable import jsonable
from sparky_nb.tasks.current import CURRENT

_log = logging.getLogger(__name__)
_LIBRARY: Final = os.path.dirname(acp.__file__) + os.sep
_GRACE: Final = 0.4
"""Seconds that a cancelled program has to end by itself, and again when it was told to."""
_UNMET: Final = (
    "before it said anything in the Agent Client Protocol; perhaps it needs an option for that"
)
_ENDED: Final = {"completed": "success", "failed": "error"}


async def acp_agent(assignment: Assignment, command: Sequence[str]) -> None:
    """Let the program ``command`` do what the assignment says.

    Raises:
        AgentFailed: it can't be started, broke off, refused, or does not speak the protocol.
    """
    client = _Client(assignment)
    try:
        with _library_quiet():
            async with acp.spawn_agent_process(
                client,  # type: ignore[arg-type]  # what it did not promise is not asked for
                *command,
                env=dict(os.environ),
                transport_kwargs={"shutdown_timeout": _GRACE},
            ) as (agent, process):
                errors = asyncio.create_task(_show_errors(process, assignment))
                try:
                    await _converse(agent, client, assignment)
                finally:
                    errors.cancel()
    except (acp.RequestError, ConnectionError, EOFError) as error:
        if not client.met:
            raise AgentFailed(f"the agent {command[0]} ended {_UNMET}: {error}") from error
        raise AgentFailed(f"the agent {command[0]} failed: {error}") from error
    except TimeoutError as error:
        if client.met:
            raise
        raise AgentFailed(f"the agent {command[0]} was silent {_UNMET}") from error
    except OSError as error:
        raise AgentFailed(f"the agent {command[0]} can't be started: {error}") from error


async def _converse(agent: Any, client: _Client, assignment: Assignment) -> None:
    hello = agent.initialize(
        protocol_version=acp.PROTOCOL_VERSION,
        client_capabilities=ClientCapabilities(),
        client_info=Implementation(name="sparky-nb", version=__version__),
    )
    await asyncio.wait_for(hello, assignment.settings.silence)
    client.met = True
    session = await agent.new_session(cwd=os.getcwd(), mcp_servers=[])
    texts = [*_preamble(assignment.earlier), assignment.instruction]
    while texts:
        blocks = [acp.text_block(text) for text in texts]
        try:
            response = await agent.prompt(session_id=session.session_id, prompt=blocks)
        except asyncio.CancelledError:
            with contextlib.suppress(Exception):  # it is ended anyway, whatever it says to this
                await asyncio.wait_for(agent.cancel(session_id=session.session_id), _GRACE)
            raise
        if response.usage is not None:
            used = response.usage
            assignment.use(input_tokens=used.input_tokens, output_tokens=used.output_tokens)
        if response.stop_reason not in ("end_turn", "cancelled"):
            raise AgentFailed(f"the agent stopped: {response.stop_reason}")
        # The protocol has no way to speak to an agent at work: what was sent is its next prompt.
        texts = assignment.messages()


class _Client:
    """This side of the protocol: what the program says, and what it asks for."""

    def __init__(self, assignment: Assignment) -> None:
        self._assignment, self._voice = assignment, assignment.voice
        self._plans = 0
        self.met = False
        """Whether the program has answered in the protocol."""

    def on_connect(self, conn: Any) -> None:
        """Nothing is asked of the program here."""

    async def session_update(self, session_id: str, update: Any, **kwargs: Any) -> None:
        """The program says or does something. Never waits, so the order is kept."""
        voice = self._voice
        if isinstance(update, AgentMessageChunk | AgentThoughtChunk):
            kind = "message" if isinstance(update, AgentMessageChunk) else "thought"
            if isinstance(update.content, TextContentBlock):
                voice.text(kind, update.content.text, update.message_id or "")  # type: ignore[arg-type]  # one of two
        elif isinstance(update, ToolCallStart | ToolCallProgress):
            self._tool(update)
        elif isinstance(update, AgentPlanUpdate):
            self._plans += 1
            plan = "\n".join(f"- {entry.content} ({entry.status})" for entry in update.entries)
            voice.text("thought", f"Plan:\n{plan}", f"plan {self._plans}")

    def _tool(self, update: ToolCallStart | ToolCallProgress | ToolCallUpdate) -> None:
        call_id, voice = update.tool_call_id, self._voice
        given = update.raw_input
        args = given if isinstance(given, dict) else {} if given is None else {"input": given}
        if isinstance(update, ToolCallStart) or update.title is not None:
            voice.tool_use(call_id, update.title or "tool", args)
        if (status := _ENDED.get(update.status or "")) is not None:
            result = update.raw_output if update.raw_output is not None else _texts(update.content)
            voice.tool_result(call_id, status, jsonable(result))  # type: ignore[arg-type]  # one of two

    async def request_permission(
        self,
        session_id: str,
        tool_call: ToolCallUpdate,
        options: list[PermissionOption],
        **kwargs: Any,
    ) -> RequestPermissionResponse:
        """The program asks whether it may do something."""
        call_id, name = tool_call.tool_call_id, tool_call.title or "tool"
        self._tool(tool_call)
        policy = self._assignment.settings.policy(name, "ask")
        chosen: PermissionOption | None = None
        if policy == "ask":
            names = [option.name for option in options]
            with contextlib.suppress(TimeoutError):  # nobody answered: that allows nothing
                answer = await self._assignment.ask(
                    f"May the agent do this: {name}?", names, call_id
                )
                chosen = options[names.index(answer)]
        else:
            want = "allow" if policy == "allow" else "reject"
            chosen = next((one for one in options if str(one.kind).startswith(want)), None)
        if chosen is None:
            return RequestPermissionResponse(outcome=DeniedOutcome(outcome="cancelled"))
        outcome = AllowedOutcome(outcome="selected", option_id=chosen.option_id)
        return RequestPermissionResponse(outcome=outcome)


@contextlib.contextmanager
def _library_quiet() -> Iterator[None]:
    """The protocol's library logs a traceback by the root logger for each line that it can't read:
    that is no output of the task, whose ending says what was wrong."""
    task = CURRENT.get()

    def passes(record: logging.LogRecord) -> bool:
        if CURRENT.get() is not task or not record.pathname.startswith(_LIBRARY):
            return True
        _log.debug("the agent's connection: %s", record.getMessage(), exc_info=record.exc_info)
        return False

    root = logging.getLogger()
    root.addFilter(passes)
    try:
        yield
    finally:
        root.removeFilter(passes)


async def _show_errors(process: asyncio.subprocess.Process, assignment: Assignment) -> None:
    """What the program writes to its stderr is shown; a full pipe would also stop it."""
    while process.stderr is not None and (line := await process.stderr.readline()):
        text = line.decode("utf-8", "replace")
        assignment.port.emit("output", {"stream": "stderr", "text": text})


def _texts(content: Any) -> str | None:
    """The text of a tool's content blocks."""
    blocks = (getattr(item, "content", None) for item in content or ())
    texts = [block.text for block in blocks if isinstance(block, TextContentBlock)]
    return "\n".join(texts) or None


def _preamble(earlier: Sequence[Past]) -> list[str]:
    """The chat's earlier conversation, for a program that was not there."""
    if not earlier:
        return []
    lines = ["Earlier in this conversation:"]
    for past in earlier:
        lines += [f"{one.who}: {one.text}" for one in past.lines if isinstance(one, Said)]
        lines += [note for note in [ending_of(past)] if note]
    return ["\n".join(lines)]

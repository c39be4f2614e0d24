"""What an agent is handed: the instruction, what was said before, its tools, and a voice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final

from sparky_nb.agents.memory import Past
from sparky_nb.agents.port import Port
from sparky_nb.agents.settings import AgentSettings, Policy
from sparky_nb.agents.tools import Tool
from sparky_nb.agents.voice import Voice
from sparky_nb.events.jsonable import safe_repr
from sparky_nb.events.model import JsonObject

ALLOW: Final = "allow"
ALWAYS: Final = "always"
DENY: Final = "deny"
_PROMPT_CHARS: Final = 4000


class Assignment:
    """See the module. An agent is a callable that gets one.

    Attributes:
        instruction: what the user wants, in plain words.
        model: ``provider:model``, or what else was asked for (registry.py).
        earlier: the chat's earlier conversation, oldest first, bounded.
        settings: limits and rules.
        tools: what the agent may call, by name.
        port: the task.
        voice: how the agent is heard.
        time: the limit of time; paused while the agent waits for people.
    """

    def __init__(
        self,
        *,
        instruction: str,
        model: str,
        port: Port,
        voice: Voice,
        settings: AgentSettings,
        tools: Mapping[str, Tool] | None = None,
        earlier: tuple[Past, ...] = (),
    ) -> None:
        self.instruction, self.model, self.earlier = instruction, model, earlier
        self.port, self.voice, self.settings = port, voice, settings
        self.tools = dict(tools or {})
        self.time = TimeLimit(settings.max_seconds)
        self._always: set[str] = set()
        self._settled: dict[str, str | None] = {}

    # -- what the agent may ask for

    def messages(self) -> list[str]:
        """What the user has sent since the last call (``%sparky send``): steer by it."""
        found = []
        while (text := self.port.receive(0)) is not None:
            found.append(text)
        return found

    def use(self, **usage: Any) -> None:
        """Say what has been used up so far: ``requests``, ``input_tokens``, ``cost_usd``, …"""
        self.port.use(usage)

    async def permit(
        self, call_id: str, name: str, args: JsonObject, own: Policy = "ask"
    ) -> str | None:
        """Whether the tool may be called: None, or why not.

        With the policy *ask* whoever watches is asked, and the task waits meanwhile; ``always``
        allows the tool for the rest of the task. The answer for a ``call_id`` is kept.

        Args:
            call_id, name, args: the call.
            own: what the tool says of itself; the settings are stronger.
        """
        if call_id not in self._settled:
            self._settled[call_id] = await self._decide(call_id, name, args, own)
        return self._settled[call_id]

    async def _decide(self, call_id: str, name: str, args: JsonObject, own: Policy) -> str | None:
        policy = self.settings.policy(name, own)
        if policy == "deny":
            return f"the tool {name} is not allowed here"
        if policy == "allow" or name in self._always:
            return None
        try:
            prompt = _prompt(name, self.voice.shown(args))
            answer = await self.ask(prompt, [ALLOW, ALWAYS, DENY], approval=call_id)
        except TimeoutError:
            return f"nobody allowed {name} within {self.settings.approval_timeout:g} s"
        if answer == ALWAYS:
            self._always.add(name)
        return f"the user denied {name}" if answer == DENY else None

    async def ask(self, prompt: str, choices: list[str], approval: str | None = None) -> str:
        """Ask whoever watches, and wait without using up the time limit.

        Raises:
            TimeoutError: nobody answered within ``settings.approval_timeout``.
        """
        self.voice.end_text()
        with self.time.paused():
            timeout = self.settings.approval_timeout
            return str(await self.port.ask(prompt, choices, timeout, approval=approval))


class TimeLimit:
    """A limit of time for the work inside its ``async with`` block, that can be paused."""

    def __init__(self, seconds: float | None) -> None:
        self._timeout = asyncio.timeout(seconds)
        self._pauses = 0

    async def __aenter__(self) -> TimeLimit:
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._timeout.__aexit__(kind, error, traceback)

    @property
    def expired(self) -> bool:
        """Whether it was this limit that ended the block."""
        return self._timeout.expired()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Time inside this block is not counted; blocks may overlap."""
        until, loop = self._timeout.when(), asyncio.get_running_loop()
        self._pauses += 1
        if self._pauses == 1 and until is not None and not self._timeout.expired():
            self._left = until - loop.time()
            self._timeout.reschedule(None)
        try:
            yield
        finally:
            self._pauses -= 1
            if self._pauses == 0 and hasattr(self, "_left"):
                self._timeout.reschedule(loop.time() + self._left)


def _prompt(name: str, args: JsonObject) -> str:
    """The question for approval, with the arguments as a person reads them."""
    lines = [f"May the agent call {name}?"]
    for key, value in args.items():
        if isinstance(value, str) and "\n" in value:
            lines.append(f"{key}:\n```\n{value}\n```")
        else:
            lines.append(f"{key} = {safe_repr(value, 1000)}")
    text = "\n".join(lines)
    return text if len(text) <= _PROMPT_CHARS else text[: _PROMPT_CHARS - 1] + "…"

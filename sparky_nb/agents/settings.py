"""What bounds an agent and what it may do: the settings of this room."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from sparky_nb.errors import InvalidArgument
from sparky_nb.tasks.values import setting_value

Policy = Literal["allow", "ask", "deny"]
ENVIRONMENT: Final = "SPARKY_AGENT_"
POLICIES: Final = ("allow", "ask", "deny")


class AgentSettings(Struct, frozen=True, kw_only=True):
    """The numbers and rules for agent tasks; ``%sparky config NAME=VALUE`` changes them.

    Attributes:
        base_url: an OpenAI-compatible endpoint (Ollama, vLLM, llama.cpp, …) that models named
            ``openai:…`` are asked for at; None: the vendor's own, or ``OPENAI_BASE_URL``.
        instructions: added to what the agent is told about itself.
        max_seconds: a task that takes longer fails. Time in which it waits for people is not
            counted.
        max_steps: requests to the model in one task.
        max_tokens: tokens in one task, what goes in and what comes out together.
        max_cost: US dollars in one task, where the model's price is known.
        silence: seconds that a model may be silent within one request.
        attempts: tries of one request, the first included, where trying again can help.
        longest_wait: seconds; a model that asks for a longer pause before the next try fails the
            task.
        allow, ask, deny: tools (names, ``*`` stands for anything) with that policy, whatever they
            say of themselves; ``deny`` is stronger than ``ask``, and that than ``allow``.
        approval_timeout: seconds after which a question for approval counts as denied; None waits
            for ever.
        memory_chars: characters of the chat's earlier conversation that the agent is given.
        memory_tasks: and earlier tasks at most.
        result_chars: characters of one tool's result that the model is given.
        mcp_config: a JSON file with ``{"mcpServers": {NAME: {"command": …} or {"url": …}}}``.
    """

    base_url: str | None = None
    instructions: str | None = None
    max_seconds: float | None = 3600.0
    max_steps: int | None = 50
    max_tokens: int | None = None
    max_cost: float | None = None
    silence: float = 120.0
    attempts: int = 4
    longest_wait: float = 120.0
    allow: tuple[str, ...] = ()
    ask: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    approval_timeout: float | None = None
    memory_chars: int = 40_000
    memory_tasks: int = 30
    result_chars: int = 20_000
    mcp_config: str | None = None

    def policy(self, tool: str, own: Policy) -> Policy:
        """The policy for the tool of that name, which says ``own`` of itself.

        >>> AgentSettings(deny=("delete_*",)).policy("delete_file", "ask")
        'deny'
        """
        policies: tuple[Policy, ...] = ("deny", "ask", "allow")  # the strongest first
        for policy in policies:
            if any(fnmatchcase(tool, pattern) for pattern in getattr(self, policy)):
                return policy
        return own

    @staticmethod
    def from_environment(environ: Mapping[str, str]) -> AgentSettings:
        """The settings as ``SPARKY_AGENT_<NAME>`` variables say, for workers and servers.

        Raises:
            InvalidArgument: naming the variable; see ``changed``.

        >>> AgentSettings.from_environment({"SPARKY_AGENT_MAX_COST": "0.5"}).max_cost
        0.5
        """
        settings = AgentSettings()
        for name in SETTINGS:
            if text := environ.get(variable := ENVIRONMENT + name.upper()):
                try:
                    settings = settings.changed({name: text})
                except InvalidArgument as error:
                    raise InvalidArgument(variable, error.rule, text) from None
        return settings

    def changed(self, changes: Mapping[str, Any]) -> AgentSettings:
        """These settings with ``changes``; texts are read as values: ``none``, numbers, lists
        separated by commas.

        Raises:
            InvalidArgument: no such setting, or a value of a wrong kind.

        >>> AgentSettings().changed({"max_steps": "5", "deny": "a,b"}).deny
        ('a', 'b')
        """
        fields = {field.name: field.type for field in msgspec.structs.fields(AgentSettings)}
        values: dict[str, Any] = {}
        for name, given in changes.items():
            if name not in fields:
                raise InvalidArgument("setting", f"one of {', '.join(sorted(fields))}", name)
            values[name] = setting_value(name, fields[name], given)
        return msgspec.structs.replace(self, **values)


SETTINGS: Final = tuple(field.name for field in msgspec.structs.fields(AgentSettings))

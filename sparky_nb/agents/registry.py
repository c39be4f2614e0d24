"""Which agent a model's name means: ``provider:model``, ``agent:VARIABLE`` or ``acp:COMMAND``."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from sparky_nb.agents.assignment import Assignment
from sparky_nb.agents.drive import Agent
from sparky_nb.agents.failures import MissingExtra
from sparky_nb.errors import InvalidArgument
from sparky_nb.ids import check_model


def find_agent(model: str, namespace: Mapping[str, Any]) -> Agent:
    """The agent that ``model`` means.

    - ``openai:gpt-5-mini`` and the like: the built-in agent over pydantic-ai with that model;
    - ``agent:my_agent``: the variable ``my_agent`` of the notebook (drive.py says what it is);
    - ``acp:some-agent --option``: a program that speaks the Agent Client Protocol.

    Raises:
        InvalidArgument: the name is none of these, or there is no such variable.
        MissingExtra: what it needs is not installed.
    """
    kind, _, rest = check_model(model).partition(":")
    if kind == "agent":
        found = namespace.get(rest)
        if not callable(found):
            rule = f"agent: and the name of a function (the notebook has no function {rest!r})"
            raise InvalidArgument("model", rule, model)
        agent: Agent = found
        return agent
    if kind == "acp":
        return _acp_agent(_command(rest))
    if find_spec("pydantic_ai") is None:
        raise MissingExtra("an LLM agent", "agent")
    return _llm_agent


async def _llm_agent(assignment: Assignment) -> Any:
    os.environ.setdefault("PYDANTIC_AI_NO_BANNER", "1")  # it would be output of the task
    from sparky_nb.agents.llm import llm_agent  # takes seconds: only where an agent runs

    return await llm_agent(assignment)


def _acp_agent(command: list[str]) -> Agent:
    if find_spec("acp") is None:
        raise MissingExtra("an ACP agent", "acp")

    async def agent(assignment: Assignment) -> Any:
        from sparky_nb.agents.acp import acp_agent

        return await acp_agent(assignment, command)

    return agent


def _command(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise InvalidArgument("model", f"a command line after acp: ({error})", text) from None

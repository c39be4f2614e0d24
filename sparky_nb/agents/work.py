"""An instruction → work: what the runner is given for an agent task."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any, Final

from sparky_nb.agents.assignment import Assignment
from sparky_nb.agents.builtin import Run, builtin_tools, run_in
from sparky_nb.agents.drive import perform
from sparky_nb.agents.memory import remember
from sparky_nb.agents.registry import find_agent
from sparky_nb.agents.settings import AgentSettings
from sparky_nb.agents.tools import by_name, tools_in
from sparky_nb.agents.voice import Voice
from sparky_nb.clock import Clock
from sparky_nb.events.model import JsonObject
from sparky_nb.log.base import Log
from sparky_nb.log.queueing import check_instruction
from sparky_nb.tasks import TaskContext, Work, cell_work
from sparky_nb.tasks.calls import check_name
from sparky_nb.tasks.masking import looks_secret

_NAME_CHARS: Final = 60


def agent_work(
    instruction: str,
    *,
    model: str,
    chat_id: str,
    log: Log,
    clock: Clock,
    asked_by: str,
    namespace: MutableMapping[str, Any],
    shell: Any = None,
    settings: AgentSettings | None = None,
    secret: Callable[[str], bool] | None = None,
    title: str | None = None,
    name: str | None = None,
    origin: JsonObject | None = None,
) -> Work:
    """The work of an agent that follows ``instruction``.

    Args:
        instruction: what the user wants, in plain words.
        model: see ``registry.find_agent``.
        chat_id, title, name, origin: as for other work.
        log: where the chat's earlier conversation is read from.
        clock: measures how long tools take.
        asked_by: who gives the instruction.
        namespace: the notebook's variables; its tools are looked up when the task starts.
        shell: the ``InteractiveShell``, where there is one: it runs the agent's code.
        settings: limits and rules.
        secret: says which names look like secrets; None: the built-in rule.

    Raises:
        InvalidArgument: the instruction is empty or too long, or there is no such agent.
        MissingExtra: what the agent needs is not installed.
    """
    check_instruction(instruction)
    agent = find_agent(model, namespace)
    chosen, rule = settings or AgentSettings(), secret or looks_secret

    async def call(task: TaskContext) -> Any:
        builtin = builtin_tools(task, namespace, _runs(shell, namespace, task), rule)
        assignment = Assignment(
            instruction=instruction,
            model=model,
            port=task,
            voice=Voice(task, clock, secret),
            settings=chosen,
            tools=by_name(builtin, tools_in(namespace)),
            earlier=remember(
                log, task.chat, task.id, chars=chosen.memory_chars, tasks=chosen.memory_tasks
            ),
        )
        return await perform(agent, assignment)

    return Work(
        call=call,
        name=check_name(name) or " ".join(instruction.split())[:_NAME_CHARS],
        kind="agent",
        chat_id=chat_id,
        title=title,
        instruction=instruction,
        origin=origin,
        model=model,
        asked_by=asked_by,
        lane=f"agent {chat_id}",
    )


def _runs(shell: Any, namespace: MutableMapping[str, Any], task: TaskContext) -> Run:
    """What runs the agent's code: the shell, with all of IPython's syntax, or plain Python."""
    if shell is None:
        return run_in(namespace)
    return lambda code: cell_work(code, shell=shell, chat_id=task.chat).call(task)

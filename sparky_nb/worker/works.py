"""What a queued task means in this process."""

from __future__ import annotations

import importlib
import sys
from collections.abc import MutableMapping
from typing import Any

from sparky_nb import api
from sparky_nb.errors import NoModel, SparkyError
from sparky_nb.log.base import TaskRow
from sparky_nb.tasks import Runner, TaskContext, Work, call_work, surroundings

CALL_END = "()"


def find_work(runner: Runner, row: TaskRow) -> Work | None:
    """See ``taking.FindWork``: an instruction for an agent, a scheduled call of one of the
    notebook's functions, or one more try of what ran here before."""
    if row.retry_of is not None and (before := runner.find(row.retry_of)) is not None:
        return before.work
    if row.kind == "agent" and row.instruction is not None:
        return _agent_work(runner, row, row.instruction)
    if row.kind == "call" and row.schedule_id is not None and row.instruction is not None:
        function = namespace().get(row.instruction.removesuffix(CALL_END))
        if callable(function):
            return call_work(function, (), {}, chat_id=row.chat_id, name=row.name)
    return None


def namespace() -> MutableMapping[str, Any]:
    """The user's variables."""
    shell = surroundings.shell()
    variables: MutableMapping[str, Any]
    variables = vars(sys.modules["__main__"]) if shell is None else shell.user_ns
    return variables


def _agent_work(runner: Runner, row: TaskRow, instruction: str) -> Work | None:
    model = row.model or api.model()
    if model is None:
        if runner.role == "kernel" and any(it.role == "worker" for it in runner.log.runners()):
            return None  # a worker may have one
        return _failing(row, NoModel("configure one where the worker or the notebook runs"))
    kind, _, variable = model.partition(":")
    if kind == "agent" and not callable(namespace().get(variable)):
        return None  # it waits for the notebook that has this agent
    try:
        agents = importlib.import_module("sparky_nb.agents")
        work: Work = agents.agent_work(
            instruction,
            model=model,
            chat_id=row.chat_id,
            name=row.name,
            log=runner.log,
            clock=runner.clock,
            asked_by="the queue",
            namespace=namespace(),
            shell=surroundings.shell(),
            settings=api.agent_settings(),
            secret=runner.settings.secret,
        )
    except SparkyError as error:  # no such model, or what it needs is not installed
        return _failing(row, error)
    return work


def _failing(row: TaskRow, error: SparkyError) -> Work:
    """Taken, only to say why it can't be done."""

    def call(task: TaskContext) -> None:
        raise error.with_traceback(None) from None

    return Work(
        call=call,
        name=row.name or (row.instruction or row.kind)[:60],
        kind=row.kind,
        chat_id=row.chat_id,
        instruction=row.instruction,
    )

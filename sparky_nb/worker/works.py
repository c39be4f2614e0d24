"""What a queued task means in this process."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, MutableMapping
from typing import Any

from sparky_nb import api
from sparky_nb.errors import InvalidArgument, NoModel
from sparky_nb.log.base import TaskRow
from sparky_nb.log.queueing import CALL_END
from sparky_nb.tasks import Runner, Work, call_work, surroundings


def find_work(runner: Runner, row: TaskRow) -> Work | None:
    """See ``taking.FindWork``: an instruction for an agent, a scheduled call of one of the
    notebook's functions, or one more try of what ran here before.

    Raises:
        SparkyError: it can be done nowhere (a model that does not exist), or not with what is here
            (no model is configured, an optional part is not installed).
    """
    if row.retry_of is not None and (before := runner.find(row.retry_of)) is not None:
        return before.work
    if row.kind == "agent" and row.instruction is not None:
        return _agent_work(runner, row, row.instruction)
    if row.kind == "call" and row.schedule_id is not None and row.instruction is not None:
        function = namespace().get(row.instruction.removesuffix(CALL_END))
        if callable(function):
            return scheduled_call(function, chat_id=row.chat_id, name=row.name)
    return None


def scheduled_call(function: Callable[..., Any], *, chat_id: str, name: str | None = None) -> Work:
    """The work of calling ``function`` by the clock, where nobody gives it arguments.

    Raises:
        InvalidArgument: it needs some.
    """
    try:
        return call_work(function, (), {}, chat_id=chat_id, name=name)
    except TypeError as error:
        rule = f"a function that can be called without arguments ({error})"
        raise InvalidArgument("call", rule, getattr(function, "__name__", function)) from None


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
        raise NoModel("configure one where the worker or the notebook runs")
    kind, _, variable = model.partition(":")
    if kind == "agent" and not callable(namespace().get(variable)):
        return None  # it waits for the notebook that has this agent
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
    return work

"""A Python function and its arguments → work."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sparky_nb.errors import InvalidArgument
from sparky_nb.events.jsonable import safe_repr
from sparky_nb.events.model import JsonObject
from sparky_nb.tasks.context import TaskContext
from sparky_nb.tasks.execution import Work
from sparky_nb.tasks.masking import Rule, mask

NAME_MAX: Final = 200
INSTRUCTION_MAX: Final = 2000
_ARG_MAX: Final = 200


def call_work(
    fn: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    *,
    chat_id: str,
    title: str | None = None,
    name: str | None = None,
    origin: JsonObject | None = None,
    rule: Rule | None = None,
) -> Work:
    """The work of calling ``fn(*args, **kwargs)``.

    Where the first parameter of ``fn`` is named ``task`` or annotated ``TaskContext``, the task's
    context comes first.

    Raises:
        InvalidArgument: ``fn`` can't be called, or ``name`` is no text of at most 200 characters.
        TypeError: the arguments do not fit ``fn``; as Python says it, before anything starts.
    """
    if not callable(fn):
        raise InvalidArgument("fn", "something that can be called", fn)
    signature = _signature(fn)
    wants_context = signature is not None and _wants_context(signature)
    bound = None
    if signature is not None:
        bound = signature.bind(*((None, *args) if wants_context else args), **kwargs)

    def call(context: TaskContext) -> Any:
        return fn(context, *args, **kwargs) if wants_context else fn(*args, **kwargs)

    inner = fn.func if isinstance(fn, functools.partial) else fn
    label = getattr(inner, "__qualname__", None) or type(inner).__qualname__
    if bound is None:
        named = {f"arg{i}": value for i, value in enumerate(args)} | dict(kwargs)
    else:
        named = dict(list(bound.arguments.items())[int(wants_context) :])
    return Work(
        call=call,
        name=check_name(name) or str(label).replace("<locals>.", "")[:NAME_MAX],
        kind="call",
        chat_id=chat_id,
        title=title,
        instruction=_described(str(label), mask(named, rule)),
        origin=origin,
    )


def check_name(name: object) -> str | None:
    """``name`` if it is None or a text of 1 to 200 characters."""
    if name is None or (isinstance(name, str) and 0 < len(name) <= NAME_MAX):
        return name
    raise InvalidArgument("name", f"a text of 1 to {NAME_MAX} characters", name)


def _signature(fn: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(fn)
    except (TypeError, ValueError):  # some builtins tell nothing
        return None


def _wants_context(signature: inspect.Signature) -> bool:
    first = next(iter(signature.parameters.values()), None)
    if first is None or first.kind in (first.VAR_POSITIONAL, first.VAR_KEYWORD, first.KEYWORD_ONLY):
        return False
    annotation = first.annotation
    if isinstance(annotation, str):
        annotated = annotation.rpartition(".")[2] == "TaskContext"
    else:
        annotated = annotation is TaskContext
    return annotated or first.name == "task"


def _described(label: str, args: Mapping[str, Any]) -> str:
    shown = ", ".join(f"{name}={safe_repr(value, _ARG_MAX)}" for name, value in args.items())
    return f"{label}({shown})"[:INSTRUCTION_MAX]

"""Functions that an agent may call: ``@sparky_nb.tool`` in a notebook, and the built-in ones."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar, overload

from msgspec import Struct

from sparky_nb.agents.settings import POLICIES, Policy
from sparky_nb.agents.threads import in_thread
from sparky_nb.errors import InvalidArgument

_MARK: Final = "__sparky_tool__"
_F = TypeVar("_F", bound=Callable[..., Any])


class Tool(Struct, frozen=True, kw_only=True):
    """Something that an agent may call.

    Attributes:
        name: what the model calls it.
        function: plain or ``async``; its signature and docstring tell the model what it takes.
        policy: whether it may be called: ``allow``, ``ask`` or ``deny``, or a function from the
            arguments to one of them.
        description: for the model; None: the docstring.
    """

    name: str
    function: Callable[..., Any]
    policy: Policy | Callable[[dict[str, Any]], Policy] = "ask"
    description: str | None = None

    def policy_for(self, args: dict[str, Any]) -> Policy:
        """The policy for a call with ``args``."""
        return self.policy(args) if callable(self.policy) else self.policy

    async def call(self, *args: Any, **kwargs: Any) -> Any:
        """Call it: a coroutine on this loop, anything else in a thread of its own."""
        if inspect.iscoroutinefunction(self.function):
            return await self.function(*args, **kwargs)
        value = await in_thread(lambda: self.function(*args, **kwargs), self.name)
        return await value if inspect.isawaitable(value) else value


@overload
def tool(function: _F) -> _F: ...


@overload
def tool(
    *, policy: Policy = "ask", name: str | None = None, description: str | None = None
) -> Callable[[_F], _F]: ...


def tool(
    function: Any = None,
    *,
    policy: Policy = "ask",
    name: str | None = None,
    description: str | None = None,
) -> Any:
    """Make a function of the notebook a tool for agents; it stays a function.

    Agents see the tools that are variables of the notebook when their task starts. Annotations and
    docstring tell the model what the function takes and does.

    Args:
        policy: ``ask`` (the default: the user is asked before each call), ``allow`` for what only
            looks and changes nothing, or ``deny``.
        name: what the model calls it; None: the function's name.
        description: None: the docstring.

    Raises:
        InvalidArgument: no function, or no such policy.

    Example:
        >>> @tool(policy="allow")
        ... def free_disk_space(path: str = "/") -> int:
        ...     "How many bytes are free."
        ...     import shutil
        ...     return shutil.disk_usage(path).free
        >>> free_disk_space() > 0
        True
    """
    if policy not in POLICIES:
        raise InvalidArgument("policy", f"one of {', '.join(POLICIES)}", policy)

    def mark(fn: _F) -> _F:
        if not callable(fn):
            raise InvalidArgument("tool", "a function", fn)
        label = name or str(getattr(fn, "__name__", ""))
        if not label.isidentifier() or len(label) > 64:
            raise InvalidArgument("name", "an identifier of at most 64 characters", label)
        made = Tool(name=label, function=fn, policy=policy, description=description)
        setattr(fn, _MARK, made)
        return fn

    return mark if function is None else mark(function)


def tools_in(namespace: Mapping[str, Any]) -> list[Tool]:
    """The tools among the variables of ``namespace``."""
    found: list[Tool] = []
    for value in list(namespace.values()):
        made = vars(value).get(_MARK) if inspect.isfunction(value) else None
        if isinstance(made, Tool) and made not in found:
            found.append(made)
    return found


def by_name(*groups: Iterable[Tool]) -> dict[str, Tool]:
    """Tools by name; where two share one, the later group's."""
    return {one.name: one for group in groups for one in group}

"""The built-in tools: look at the notebook's variables and files, and run code in its namespace.

What only looks is allowed, within the folder of the notebook and without what looks like a secret;
running code, and looking elsewhere, is asked for.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, MutableMapping
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from sparky_nb.agents.port import Port
from sparky_nb.agents.settings import Policy
from sparky_nb.agents.threads import in_thread
from sparky_nb.agents.tools import Tool
from sparky_nb.errors import TaskCancelled
from sparky_nb.events.jsonable import safe_repr
from sparky_nb.tasks.masking import mask

_HIDDEN: Final = frozenset("In Out exit quit get_ipython open".split())
_SHORT: Final = 120
_LONG: Final = 8000
_FILES: Final = 500
_READ_BYTES: Final = 4 * 1024 * 1024

Run = Callable[[str], Any]
"""Runs a cell: what it returns may be awaitable."""


def builtin_tools(
    port: Port, namespace: MutableMapping[str, Any], run: Run, secret: Callable[[str], bool]
) -> list[Tool]:
    """The tools over ``namespace``.

    Args:
        port: the task, whose output ``run_code`` shows to the model.
        namespace: the user's variables.
        run: runs code in it.
        secret: names for which no value is told.
    """
    folder = Path.cwd()

    def near(args: dict[str, Any]) -> Policy:
        path = (folder / str(args.get("path", "."))).resolve()
        looks_secret = path.name.startswith(".env") or secret(path.stem)
        return "allow" if path.is_relative_to(folder.resolve()) and not looks_secret else "ask"

    def list_variables(name_contains: str = "") -> list[dict[str, str]]:
        """The variables of the notebook with their types and a short form of their values.

        Args:
            name_contains: only variables whose name contains this.
        """
        found = [item for item in list(namespace.items()) if name_contains in item[0]]
        return [_about(name, value, secret) for name, value in found if _is_users(name, value)]

    def show_variable(name: str) -> str:
        """A variable of the notebook: its type, shape, and its value as text.

        Args:
            name: the variable's name.
        """
        if name not in namespace:
            raise KeyError(f"there is no variable {name}")
        if secret(name):
            return "(hidden: it looks like a secret)"
        value = _without_secrets(namespace[name], secret)
        if inspect.isfunction(value) or inspect.isclass(value):
            try:
                return inspect.getsource(value)[:_LONG]
            except (OSError, TypeError):
                pass  # made where no source is kept
        return f"{_kind(value)}\n{safe_repr(value, _LONG)}"

    def list_files(path: str = ".", pattern: str = "*") -> list[str]:
        """Files and folders (these end in /) below a folder, with sizes in bytes.

        Args:
            path: the folder, relative to the notebook's.
            pattern: a glob, say "*.csv" or "**/*.py".
        """
        if ".." in Path(pattern).parts:
            raise ValueError("a pattern looks below the folder only")
        root = folder / path
        found = []
        for one in islice(root.glob(pattern), _FILES):
            size = "/" if one.is_dir() else f"  {one.stat().st_size}"
            found.append(f"{one.relative_to(root)}{size}")
        return sorted(found)

    def read_file(path: str, first_line: int = 1, lines: int = 200) -> str:
        """Lines of a text file.

        Args:
            path: relative to the notebook's folder.
            first_line: counts from 1.
            lines: how many.
        """
        with (folder / path).open("rb") as file:
            text = file.read(_READ_BYTES).decode("utf-8", "replace")
        start = max(1, first_line) - 1
        return "\n".join(text.splitlines()[start : start + max(1, lines)])

    async def run_code(code: str) -> dict[str, Any]:
        """Run Python code in the notebook's namespace, as a cell: it reads and changes the
        notebook's variables. Gives back what it printed and the value of the last expression.

        Args:
            code: one or more lines.
        """
        with port.overhear() as printed:
            try:
                value = await in_thread(lambda: run(code), "run_code")
                if inspect.isawaitable(value):
                    value = await value
            except (TaskCancelled, Exception) as error:
                error.add_note("".join(printed)[-_LONG:])
                raise
        out = "".join(printed)
        shown = {"printed": out if len(out) <= _LONG else f"…{out[-_LONG:]}"} if out else {}
        return {**shown, "value": None if value is None else safe_repr(value, _LONG)}

    return [
        Tool(name="list_variables", function=list_variables, policy="allow"),
        Tool(name="show_variable", function=show_variable, policy="allow"),
        Tool(name="list_files", function=list_files, policy=near),
        Tool(name="read_file", function=read_file, policy=near),
        Tool(name="run_code", function=run_code, policy="ask"),
    ]


def run_in(namespace: MutableMapping[str, Any]) -> Run:
    """Runs code in ``namespace`` where there is no IPython: top-level ``await`` works, and the
    value of the last expression comes back.

    >>> run_in({"x": 2})("x + 1")
    3
    """

    def run(code: str) -> Any:
        tree = ast.parse(code)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        parts: list[ast.AST] = [tree]
        if isinstance(last, ast.Expr):
            parts.append(ast.Expression(last.value))
        codes = [_compiled(part) for part in parts]
        if any(one.co_flags & inspect.CO_COROUTINE for one in codes):
            return _run_async(codes, namespace)
        value = None
        for one in codes:
            value = eval(one, namespace)  # type: ignore[arg-type]  # the user's own namespace
        return value

    return run


async def _run_async(codes: list[Any], namespace: MutableMapping[str, Any]) -> Any:
    value = None
    for one in codes:
        value = eval(one, namespace)  # type: ignore[arg-type]  # the user's own namespace
        if one.co_flags & inspect.CO_COROUTINE:
            value = await value
    return value


def _compiled(part: ast.AST) -> Any:
    mode = "eval" if isinstance(part, ast.Expression) else "exec"
    return compile(part, "<agent>", mode, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)  # type: ignore[call-overload]  # an AST


def _is_users(name: str, value: Any) -> bool:
    return not (name.startswith("_") or name in _HIDDEN or isinstance(value, ModuleType))


def _about(name: str, value: Any, secret: Callable[[str], bool]) -> dict[str, str]:
    shown = _without_secrets(value, secret)
    text = "(hidden: it looks like a secret)" if secret(name) else safe_repr(shown, _SHORT)
    return {"name": name, "type": _kind(value), "value": text}


def _without_secrets(value: Any, secret: Callable[[str], bool]) -> Any:
    return mask(value, secret) if type(value) is dict else value


def _kind(value: Any) -> str:
    """The type, with shape or length where the value has one."""
    kind = type(value).__name__
    if isinstance(shape := getattr(value, "shape", None), tuple):
        return f"{kind} of shape {shape}"
    if isinstance(value, str | bytes | list | tuple | dict | set | frozenset):
        return f"{kind} of length {len(value)}"
    return kind

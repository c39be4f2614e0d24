"""A notebook cell, or an expression, → work in the user's namespace.

The cell reads and writes the same variables as other cells, top-level ``await`` works, and the
value of the last expression is the result. ``task`` is visible to its code only (cell_names.py).
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, MutableMapping
from types import CodeType
from typing import Any, Final

from sparky_nb.errors import InvalidArgument
from sparky_nb.events.model import JsonObject
from sparky_nb.ids import new_nonce
from sparky_nb.tasks.calls import check_name
from sparky_nb.tasks.capture import displays
from sparky_nb.tasks.cell_names import rename_global
from sparky_nb.tasks.context import TaskContext
from sparky_nb.tasks.current import CURRENT
from sparky_nb.tasks.execution import Work
from sparky_nb.tasks.masking import Rule, mask_source

SOURCE_MAX: Final = 20_000
_NAME_CHARS: Final = 60
_FUTURE: Final = 0x1FE0000
"""The compiler flags of ``from __future__ import …``."""


def cell_work(
    source: str,
    *,
    shell: Any,
    chat_id: str,
    title: str | None = None,
    name: str | None = None,
    kind: str = "cell",
    origin: JsonObject | None = None,
    rule: Rule | None = None,
) -> Work:
    """The work of running the cell ``source``.

    Args:
        source: as typed, IPython's own syntax included.
        shell: the ``InteractiveShell`` whose namespace it runs in.
        kind: ``cell``, or ``call`` for a single expression.
        chat_id, title, name, origin, rule: as for ``call_work``.

    Raises:
        SyntaxError: before anything starts.
    """
    if not source.strip():
        raise InvalidArgument("cell", "some code", source)
    hidden = f"_sparky_task_{new_nonce()}"
    body, last, uses_task = _compile(source, shell, hidden)
    namespace: MutableMapping[str, Any] = shell.user_ns

    def call(context: TaskContext) -> Any:
        if uses_task:
            namespace[hidden] = CellTask(context)
            shell.user_ns_hidden[hidden] = namespace[hidden]
        return _execute(body, last, namespace, displays.flush_figures)

    first = next(line for line in source.splitlines() if line.strip()).strip()
    return Work(
        call=call,
        name=check_name(name) or first[:_NAME_CHARS],
        kind=kind,
        chat_id=chat_id,
        title=title,
        instruction=mask_source(source, rule)[:SOURCE_MAX],
        origin=origin,
        shows_result=True,
    )


class CellTask:
    """``task`` in a cell's code. Functions that the cell defines may be called later, by another
    task: then it is that one."""

    def __init__(self, context: TaskContext) -> None:
        object.__setattr__(self, "_context", context)

    def __getattr__(self, name: str) -> Any:
        context: TaskContext = object.__getattribute__(self, "_context")
        if context.ended and (execution := CURRENT.get()) is not None:
            context = execution.context
        return getattr(context, name)

    def __repr__(self) -> str:
        return repr(object.__getattribute__(self, "_context"))


def _compile(source: str, shell: Any, hidden: str) -> tuple[CodeType, CodeType | None, bool]:
    transformed = shell.transform_cell(source)
    filename = shell.compile.cache(transformed, shell.execution_count, raw_code=source)
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | (shell.compile.flags & _FUTURE)
    tree = compile(transformed, filename, "exec", flags | ast.PyCF_ONLY_AST, dont_inherit=True)
    for transformer in shell.ast_transformers:
        tree = transformer.visit(tree)
    uses_task = rename_global(tree, "task", hidden)
    last: ast.Expression | None = None
    if tree.body and isinstance(tree.body[-1], ast.Expr) and not _silenced(transformed):
        last = ast.Expression(tree.body.pop().value)
    ast.fix_missing_locations(tree)

    body = _code(tree, filename, "exec", flags)
    return body, None if last is None else _code(last, filename, "eval", flags), uses_task


def _code(tree: ast.Module | ast.Expression, filename: str, mode: str, flags: int) -> CodeType:
    code: CodeType = compile(tree, filename, mode, flags, dont_inherit=True)
    return code


def _silenced(source: str) -> bool:
    """A cell that ends in ``;`` shows no value, as elsewhere in IPython."""
    from IPython.core.displayhook import DisplayHook

    return bool(DisplayHook.semicolon_at_end_of_expression(source))  # type: ignore[no-untyped-call]


def _execute(
    body: CodeType,
    last: CodeType | None,
    namespace: MutableMapping[str, Any],
    after: Callable[[], None],
) -> Any:
    codes = [body] if last is None else [body, last]
    if any(code.co_flags & inspect.CO_COROUTINE for code in codes):
        return _execute_async(codes, namespace, after)
    value = None
    for code in codes:
        value = eval(code, namespace)  # type: ignore[arg-type]  # the user's own code and namespace
    after()
    return value if last is not None else None


async def _execute_async(
    codes: list[CodeType], namespace: MutableMapping[str, Any], after: Callable[[], None]
) -> Any:
    value = None
    for code in codes:
        value = eval(code, namespace)  # type: ignore[arg-type]  # the user's own code and namespace
        if code.co_flags & inspect.CO_COROUTINE:
            value = await value
    after()
    return value

"""A cell for another process: its source, and the variables of the notebook that it reads.

The other process gets copies. What the cell assigns stays there; only its result comes back.
"""

from __future__ import annotations

import ast
import inspect
import types
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

from sparky_nb.errors import InvalidArgument
from sparky_nb.process import pack
from sparky_nb.process.names import names_bound, names_read
from sparky_nb.tasks.cell_names import rename_global

_SHELLS_OWN: Final = frozenset("In Out get_ipython exit quit open display".split())
_HIDDEN: Final = "_sparky_task"


def pack_cell(source: str, shell: Any, more: Mapping[str, Any]) -> bytes:
    """The cell and what it reads, pickled, with ``more``.

    Raises:
        InvalidArgument: a variable that the cell reads can't be pickled; ``field`` names it.
        Conflict: cloudpickle is not installed.
    """
    code = _compiled(source, shell)
    namespace: MutableMapping[str, Any] = shell.user_ns
    wanted = names_read(code) - _SHELLS_OWN
    variables = {name: namespace[name] for name in sorted(wanted) if name in namespace}
    # Functions of the notebook share their globals, there as here: this one brings them along.
    carrier = types.FunctionType((lambda: None).__code__, shell.user_ns)
    carrier.__module__ = "__main__"
    while True:
        try:
            return pack.dumps({**variables, " source": source, " carrier": carrier, **more})
        except InvalidArgument as error:
            name = _variable(error.field, variables)
            if name is None or name not in names_bound(code):
                raise
            # It was assigned by an earlier run of the same cell, which assigns it again.
            del variables[name]


def unpack_cell(parts: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The source and the namespace to run it in."""
    namespace: dict[str, Any] = parts[" carrier"].__globals__
    namespace.update({name: value for name, value in parts.items() if not name.startswith(" ")})
    return parts[" source"], namespace


def _variable(field: str, variables: Mapping[str, Any]) -> str | None:
    """The variable that a path begins with."""
    return next((n for n in variables if field == n or field.startswith((f"{n}.", f"{n}["))), None)


def _compiled(source: str, shell: Any) -> types.CodeType:
    tree = ast.parse(shell.transform_cell(source))
    rename_global(tree, "task", _HIDDEN)
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code = compile(tree, "<cell>", "exec", flags, dont_inherit=True)
    assert inspect.iscode(code)
    return code

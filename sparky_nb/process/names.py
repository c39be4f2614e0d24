"""Which variables code reads from its namespace, and which it binds there."""

from __future__ import annotations

import dis
import types
from collections.abc import Iterator
from typing import Final

_READS: Final = frozenset({"LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS"})
_DELETES: Final = frozenset({"DELETE_NAME", "DELETE_GLOBAL"})
_STORES: Final = frozenset({"STORE_NAME", "STORE_GLOBAL"})


def names_read(code: types.CodeType) -> set[str]:
    """The names that ``code``, or a function in it, looks up (or deletes) beyond its own locals.

    >>> sorted(names_read(compile("y = x.real; f = lambda: z", "", "exec")))
    ['x', 'z']
    """
    wanted = _READS | _DELETES
    return {i.argval for c in _all(code) for i in dis.get_instructions(c) if i.opname in wanted}


def names_bound(code: types.CodeType) -> set[str]:
    """The names that the top level of ``code`` binds.

    >>> sorted(names_bound(compile("y = x; import os", "", "exec")))
    ['os', 'y']
    """
    return {i.argval for i in dis.get_instructions(code) if i.opname in _STORES}


def _all(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _all(constant)

"""``task`` in a cell means the task, unless the code means another one."""

from __future__ import annotations

import ast
import builtins
from typing import Any

import pytest

from sparky_nb.tasks.cell_names import rename_global

MINE = [
    "out(task)",
    "out([task for _ in [0]][0])",
    "out({i: task for i in [0]}[0])",
    "out([x for x in [task]][0])",
    "def f():\n    return task\nout(f())",
    "def f(x=task):\n    return x\nout(f())",
    "def f():\n    def g():\n        return [task for _ in [0]]\n    return g()[0]\nout(f())",
    "f = lambda x: task\nout(f(1))",
    "class C:\n    a = task\n    def m(self): return task\nout(C.a); out(C().m())",
    "async def f():\n    return task\nimport asyncio\nout(asyncio.run(f()))",
    "def f():\n    global task\n    return other\nother = 1\nout('mine')",
    "out(f'{task}')",
    "def deco(x):\n    return lambda f: x\n@deco(task)\ndef f(): ...\nout(f)",
]
THEIRS = [
    "task = 'own'\nout(task)",
    "for task in ['own']: out(task)",
    "import os as task\nout('own')",
    "def f(task): return task\nout(f('own'))",
    "def f():\n    task = 'own'\n    return [task for _ in [0]][0]\nout(f())",
    "def f():\n    task = 'own'\n    def g():\n        nonlocal task\n        return task\n"
    "    return g()\nout(f())",
    "out([task for task in ['own']][0])",
    "out((lambda task: task)('own'))",
    "def f(*task): return task[0]\nout(f('own'))",
    "class C:\n    task = 'own'\nout(C.task)",
    "def task(): return 'own'\nout(task())",
    "if (task := 'own'): out(task)",
    "try:\n    1/0\nexcept ZeroDivisionError as task:\n    out('own')",
    "match 'own':\n    case task: out(task)",
    "with open('/dev/null') as task: out('own')",
    "out('task own'.split()[1])",
    "def f():\n    global task\n    task = 'own'\nf()\nout(task)",
]


def run(code: str, **names: Any) -> list[Any]:
    tree, seen = ast.parse(code), []
    rename_global(tree, "task", "_hidden")
    namespace = {"out": seen.append, "__builtins__": builtins, **names}
    exec(compile(tree, "cell", "exec"), namespace)
    return seen


@pytest.mark.parametrize("code", MINE)
def test_the_global_name_is_the_task(code: str) -> None:
    assert set(run(code, _hidden="mine", task="untouched")) == {"mine"}


@pytest.mark.parametrize("code", THEIRS)
def test_the_codes_own_name_stays_its_own(code: str) -> None:
    assert set(run(code, _hidden="mine")) == {"own"}


def test_whether_it_was_used_is_told() -> None:
    assert rename_global(ast.parse("task.id"), "task", "_t")
    assert not rename_global(ast.parse("x.task; task2"), "task", "_t")
    assert not rename_global(ast.parse("task = 1; task"), "task", "_t")

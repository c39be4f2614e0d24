"""Give one global name of a cell another name, in the cell's code only.

``task`` must be visible to the cell's code, in nested functions, comprehensions and threads too,
while a variable of that name in the user's namespace stays untouched. So references to the *global*
``task`` are renamed in the syntax tree; parameters, local variables and attributes of that name are
none of ours. A cell that binds the global ``task`` itself means its own.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def rename_global(tree: ast.Module, name: str, to: str) -> bool:
    """Rename the references to the global ``name`` in ``tree``, in place.

    Returns:
        Whether there were any; False also where the cell binds the name itself.

    >>> tree = ast.parse("[task.id for i in range(2)]\\ndef f(task): return task")
    >>> rename_global(tree, "task", "_t"), ast.unparse(tree).splitlines()[0]
    (True, '[_t.id for i in range(2)]')
    """
    if name in _bound_in(tree.body) or _assigned_as_global(tree, name):
        return False
    visitor = _Renamer(name, to)
    visitor.visit(tree)
    return visitor.found


class _Renamer(ast.NodeVisitor):
    def __init__(self, name: str, to: str) -> None:
        self._name, self._to = name, to
        self._local = False  # whether an enclosing function binds the name
        self._here = False  # whether this very scope does; differs in a class body
        self.found = False

    def visit_Name(self, node: ast.Name) -> None:
        if node.id == self._name and not self._here and not self._local:
            node.id, self.found = self._to, True

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        outer = [
            *node.decorator_list,
            *_outside(node.args),
            *([node.returns] if node.returns else []),
        ]
        self._visit_all(outer)
        self._scope(node.body, _parameters(node.args) | _bound_in(node.body), function=True)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._visit_all(_outside(node.args))
        self._scope([node.body], _parameters(node.args) | _bound_in([node.body]), function=True)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._visit_all([*node.decorator_list, *node.bases, *node.keywords])
        self._scope(node.body, _bound_in(node.body), function=False)

    def _visit_comprehension(self, node: ast.AST) -> None:
        generators: list[ast.comprehension] = node.generators  # type: ignore[attr-defined]
        self.visit(generators[0].iter)  # evaluated outside
        first, rest = generators[0], generators[1:]
        parts = [first.target, *first.ifs, *rest]
        parts += [getattr(node, f) for f in ("elt", "key", "value") if hasattr(node, f)]
        targets = {n.id for g in generators for n in ast.walk(g.target) if isinstance(n, ast.Name)}
        self._scope(parts, targets, function=True)

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _visit_comprehension  # noqa: N815

    def _scope(self, body: Iterable[ast.AST], bound: set[str], *, function: bool) -> None:
        before = self._local, self._here
        binds = self._name in bound
        if function:
            declared = _declared_global(body)
            self._local = (self._local or binds) and self._name not in declared
            self._here = False
        else:
            self._here = binds
        self._visit_all(body)
        self._local, self._here = before

    def _visit_all(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)


def _outside(args: ast.arguments) -> list[ast.AST]:
    """What of a function's parameters is evaluated outside of it."""
    every = [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]
    annotations = [a.annotation for a in every if a is not None and a.annotation is not None]
    return [*args.defaults, *(d for d in args.kw_defaults if d is not None), *annotations]


def _parameters(args: ast.arguments) -> set[str]:
    every = [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]
    return {a.arg for a in every if a is not None}


def _bound_in(body: Iterable[ast.AST]) -> set[str]:
    """The names that the statements of one scope bind, nested scopes left out."""
    names: set[str] = set()
    stack = list(body)
    while stack:
        node = stack.pop()
        match node:
            case ast.Name(ctx=ast.Store() | ast.Del(), id=name):
                names.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names.add(name)
                stack.extend([*node.decorator_list, *_outside(node.args)])
                continue
            case ast.ClassDef(name=name):
                names.add(name)
                stack.extend([*node.decorator_list, *node.bases, *node.keywords])
                continue
            case ast.Lambda():
                stack.extend(_outside(node.args))
                continue
            case ast.alias(name=name, asname=asname):
                names.add(asname or name.partition(".")[0])
            case ast.ExceptHandler(name=str(name)):
                names.add(name)
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                names.add(name)
            case ast.MatchMapping(rest=str(name)):
                names.add(name)
            case ast.Nonlocal(names=found):
                names.update(found)  # bound by an enclosing function
            case _ if isinstance(node, _COMPREHENSIONS):
                # Only what a walrus binds leaves a comprehension.
                walruses = (n for n in ast.walk(node) if isinstance(n, ast.NamedExpr))
                names.update(n.target.id for n in walruses)
                continue
        stack.extend(ast.iter_child_nodes(node))
    return names


def _declared_global(body: Iterable[ast.AST]) -> set[str]:
    """The names that this scope declares ``global``."""
    names: set[str] = set()
    stack = list(body)
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Global):
            names.update(node.names)
        elif not isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            stack.extend(ast.iter_child_nodes(node))
    return names


def _assigned_as_global(tree: ast.Module, name: str) -> bool:
    """Whether some function of the cell says ``global name``: then it is the user's own."""
    return any(isinstance(n, ast.Global) and name in n.names for n in ast.walk(tree))

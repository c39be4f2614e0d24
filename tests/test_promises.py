"""Every promise has a test that names it, and no test names another.

The files are read, not imported: so it holds whichever part of the suite runs, on every worker.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.promises import PROMISES

ROOT = Path(__file__).resolve().parent.parent
# The contract tests for backends ship with the package; tests/log/ runs them by inheritance.
PLACES = ("tests", "sparky_nb/testing")
FILES = sorted(path for place in PLACES for path in (ROOT / place).rglob("*.py"))

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Named:
    """A place where a test names a promise."""

    promise: str
    line: int
    counts: bool
    """False where the test never runs, or may fail: skipped or expected to fail."""


def marks(node: ast.AST, name: str) -> Iterator[ast.AST]:
    """Each ``pytest.mark.<name>`` or ``mark.<name>`` below a node, called or bare."""
    for below in ast.walk(node):
        if isinstance(below, ast.Attribute) and below.attr == name:
            owner = below.value
            if (isinstance(owner, ast.Attribute) and owner.attr == "mark") or (
                isinstance(owner, ast.Name) and owner.id == "mark"
            ):
                yield below


def calls(node: ast.AST) -> Iterator[ast.Call]:
    """Each call of ``pytest.mark.promise`` below a node."""
    found = set(marks(node, "promise"))
    for below in ast.walk(node):
        if isinstance(below, ast.Call) and below.func in found:
            yield below


def is_test(node: ast.stmt) -> bool:
    if isinstance(node, Function):
        return node.name.startswith("test")
    return isinstance(node, ast.ClassDef) and any(is_test(inner) for inner in node.body)


def markers_of(body: list[ast.stmt]) -> list[ast.expr]:
    """The value of ``pytestmark`` in a module or class, if it has one."""
    return [
        node.value
        for node in body
        if isinstance(node, ast.Assign)
        and any(
            isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets
        )
    ]


def named_in(source: str) -> Iterator[Named]:
    """Every naming of a promise in a file: on a test, on a class or module that has tests,
    in a case of a parametrized test, or around an assigned test case (``TestX = mark(...)``).

    Raises:
        ValueError: where a marker is bound to no test, or its ids are not plain strings.
    """
    tree = ast.parse(source)
    pending = set(calls(tree))

    def read(nodes: list[ast.expr], idle: bool) -> Iterator[Named]:
        for node in nodes:
            for call in calls(node):
                pending.discard(call)
                ids = [arg.value for arg in call.args if isinstance(arg, ast.Constant)]
                if not ids or len(ids) != len(call.args) or call.keywords:
                    raise ValueError(f"line {call.lineno}: write the ids out: promise('P1', 'P4')")
                for promise in ids:
                    yield Named(str(promise), call.lineno, counts=not idle)

    def stopped(nodes: list[ast.expr]) -> bool:
        return any(next(marks(node, name), None) for node in nodes for name in ("skip", "xfail"))

    def walk(body: list[ast.stmt], idle: bool) -> Iterator[Named]:
        shared = markers_of(body)
        idle = idle or stopped(shared)
        if any(is_test(node) for node in body):
            yield from read(shared, idle)
        for node in body:
            if isinstance(node, Function | ast.ClassDef) and is_test(node):
                off = idle or stopped(node.decorator_list)
                yield from read(node.decorator_list, off)
                if isinstance(node, ast.ClassDef):
                    yield from walk(node.body, off)
            elif isinstance(node, ast.Assign):
                target = node.targets[0]
                if isinstance(target, ast.Name) and target.id.startswith("Test"):
                    yield from read([node.value], idle or stopped([node.value]))

    yield from walk(tree.body, idle=False)
    if pending:
        lines = sorted(call.lineno for call in pending)
        raise ValueError(f"a promise is named, but by no test, in line {lines}")


@cache
def named(path: Path) -> list[Named]:
    return list(named_in(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("promise", PROMISES)
def test_each_promise_has_a_test_that_names_it(promise: str) -> None:
    assert any(n.promise == promise and n.counts for path in FILES for n in named(path)), (
        f"no test names {promise} ({PROMISES[promise]}): mark one with "
        f'@pytest.mark.promise("{promise}")'
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_named_promise_exists(path: Path) -> None:
    unknown = [(n.line, n.promise) for n in named(path) if n.promise not in PROMISES]
    assert not unknown, f"{path.relative_to(ROOT)} names promises that tests/promises.py lacks"


def test_ids_are_counted_without_a_hole() -> None:
    assert list(PROMISES) == [f"P{n}" for n in range(1, len(PROMISES) + 1)]


@pytest.mark.parametrize(
    "source, expected",
    [
        ("@pytest.mark.promise('P1')\ndef test_a(): ...", [("P1", True)]),
        ("@pytest.mark.promise('P1', 'P4')\nasync def test_a(): ...", [("P1", True), ("P4", True)]),
        ("@mark.promise('P99')\ndef test_a(): ...", [("P99", True)]),
        ("@pytest.mark.skip\n@pytest.mark.promise('P1')\ndef test_a(): ...", [("P1", False)]),
        ("@pytest.mark.promise('P1')\n@pytest.mark.xfail()\ndef test_a(): ...", [("P1", False)]),
        ("pytestmark = pytest.mark.promise('P2')\ndef test_a(): ...", [("P2", True)]),
        (
            "class Contract:\n  @pytest.mark.promise('P5')\n  def test_a(self): ...",
            [("P5", True)],
        ),
        (
            "@pytest.mark.skip\nclass TestA:\n  @pytest.mark.promise('P5')\n  def test(self): ...",
            [("P5", False)],
        ),
        ("TestA = pytest.mark.promise('P3')(Machine.TestCase)", [("P3", True)]),
        ("text = '@pytest.mark.promise(\"P1\")'", []),
    ],
)
def test_the_reader_sees_what_pytest_would_run(
    source: str, expected: list[tuple[str, bool]]
) -> None:
    assert [(n.promise, n.counts) for n in named_in(source)] == expected


@pytest.mark.parametrize(
    "source",
    [
        "@pytest.mark.promise('P1')\ndef helper(): ...",
        "@pytest.mark.promise(ID)\ndef test_a(): ...",
        "@pytest.mark.promise()\ndef test_a(): ...",
        "pytestmark = pytest.mark.promise('P2')",
    ],
)
def test_a_marker_that_proves_nothing_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match="line"):
        list(named_in(source))

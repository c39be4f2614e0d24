"""Whatever a task hands over becomes JSON."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import json
import pathlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparky_nb.events.jsonable import MAX_SAFE_INTEGER, jsonable, safe_repr


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int
    y: object


class Rude:
    def __repr__(self) -> str:
        raise RuntimeError("no")


class RudeMapping(dict):  # type: ignore[type-arg]
    def items(self) -> Any:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    "value,expected",
    [
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
        (2**53, str(2**53)),
        (MAX_SAFE_INTEGER, MAX_SAFE_INTEGER),
        ("a\ud83d\ude00b", "a😀b"),
        ("\ud800", "�"),
        (b"\xff\x41", "�A"),
        ({1: {2, 3}}, {"1": [2, 3]}),
        (Colour.RED, "red"),
        (Point(1, (2,)), {"x": 1, "y": [2]}),
        (datetime.date(2026, 1, 2), "2026-01-02"),
        (pathlib.PurePosixPath("/a"), "/a"),
        (True, True),
    ],
)
def test_odd_values_become_what_a_reader_expects(value: object, expected: object) -> None:
    assert jsonable(value) == expected


def test_an_integer_with_too_many_digits_for_python_itself_is_hexadecimal() -> None:
    assert jsonable(1 << 20_000) == hex(1 << 20_000)


def test_numpy_and_pandas_values_become_plain() -> None:
    numpy = pytest.importorskip("numpy", reason="an optional guest of the notebook")
    assert jsonable({"a": numpy.arange(3), "b": numpy.float64(0.5)}) == {"a": [0, 1, 2], "b": 0.5}


def test_objects_that_raise_cost_nothing() -> None:
    assert jsonable(Rude()) == "<Rude, whose __repr__ raised RuntimeError>"
    assert isinstance(jsonable(RudeMapping(a=1)), str)


def test_recursion_ends() -> None:
    loop: list[object] = [1]
    loop.append(loop)
    assert jsonable(loop) == [1, "…"]
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    json.dumps(jsonable(deep))


def test_a_shared_value_is_no_recursion() -> None:
    shared = [1]
    assert jsonable([shared, shared]) == [[1], [1]]


def test_a_long_repr_is_cut() -> None:
    assert len(safe_repr("x" * 100_000)) <= 10_000


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
        | st.text(st.characters(categories=["Cs"])),
        lambda inner: st.lists(inner) | st.dictionaries(st.integers() | st.text(), inner)
        | st.tuples(inner),
    )
)  # fmt: skip
def test_the_result_is_always_strict_json(value: object) -> None:
    text = json.dumps(jsonable(value), allow_nan=False, ensure_ascii=False)
    text.encode("utf-8")

"""What goes there and what comes back: by name where it can't, sealed where it must be."""

from __future__ import annotations

import functools
import pickle
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

import sparky_nb
from sparky_nb import api
from sparky_nb.errors import InvalidArgument
from sparky_nb.log.base import Log
from sparky_nb.process.pack import dumps
from sparky_nb.process.results import FIELD, kept, restored
from tests.process.started import events_of, start

LOCK = threading.Lock()


class Holder:
    def __init__(self, inner: Any) -> None:
        self.inner = inner


class Tag(bytes):
    """Something that marshal takes for plain bytes."""


class Odd:
    def __reduce__(self) -> Any:
        raise RuntimeError("not me")


def closure() -> Any:
    held = threading.Lock()
    return lambda: held


def with_constant(value: Any) -> Any:
    """A function that returns ``value``, which tools that rewrite code have put into it."""

    def made() -> Any:
        return "placeholder"

    constants = tuple(value if it == "placeholder" else it for it in made.__code__.co_consts)
    made.__code__ = made.__code__.replace(co_consts=constants)
    return made


@pytest.mark.parametrize(
    "value, path",
    [
        (LOCK, "it"),
        ([1, {"k": [LOCK]}], "it[1]['k'][0]"),
        (Holder(Holder(LOCK)), "it.inner.inner"),
        (closure(), "held (used by it)"),
        (lambda x=LOCK: x, "it.__defaults__[0]"),
        (functools.partial(print, LOCK), "it.args[0]"),
        (Holder(LOCK).__init__, "it.__self__.inner"),
        ({1, Odd()}, "an item of it"),
        (with_constant(LOCK), "a constant of it"),
        (with_constant((1, LOCK)), "a constant of it[1]"),
        ((i for i in "ab"), "it"),
    ],
)
def test_what_cannot_be_pickled_is_named_by_its_path(value: Any, path: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        dumps({"fine": [1, 2], "it": value})
    assert caught.value.field == path
    assert "something that can be pickled; it is a " in str(caught.value)


def test_start_names_the_argument_and_starts_nothing() -> None:
    with pytest.raises(InvalidArgument, match=r"^args\[1\]\.inner: .*_thread\.lock"):
        start(lambda a, b: None, 1, Holder(LOCK))
    with pytest.raises(InvalidArgument, match=r"^lock: "):
        start(lambda lock: None, lock=LOCK)
    assert api.find_tasks() == []


@pytest.mark.parametrize(
    "value",
    [Path("a") / "b", signal.SIGINT, Tag(b"x"), (1, frozenset({Tag(b"y")})), True, (1, "é")],
)
def test_a_constant_of_any_type_goes_with_its_code_and_is_what_it_was(value: Any) -> None:
    inner = with_constant(value)
    came = pickle.loads(dumps({"it": [inner, lambda: inner]}))["it"]
    for back in (came[0](), came[1]()()):
        assert (back, type(back)) == (value, type(value))
    assert came[0].__code__.co_filename == __file__
    assert came[0].__code__.co_firstlineno == inner.__code__.co_firstlineno


def test_what_the_arguments_share_is_shared_there_too() -> None:
    both: list[int] = []

    def work(a: list[int], b: list[int]) -> bool:
        return a is b

    assert start(work, both, both).result(40) is True


def test_a_result_that_cannot_be_sent_is_shown_and_the_task_has_completed() -> None:
    def work() -> Any:
        import threading

        return {"lock": threading.Lock()}

    handle = start(work)
    events_of(handle)
    with pytest.warns(RuntimeWarning, match=r"result\['lock'\]"):
        assert "_thread.lock" in handle.result()["lock"]
    assert handle.state == "completed"


def test_a_forged_object_in_the_log_is_never_loaded(tmp_path: Path) -> None:
    handle = start(lambda: {1, 2})
    handle.result(40)
    log: Log = sparky_nb.runner().log
    row = handle.row()

    class Bomb:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "loaded",))

    # What a stranger with a way into the log could do: other bytes under the true seal.
    class Forged:
        def __getattr__(self, name: str) -> Any:
            return getattr(log, name)

        def get_blob(self, chat_id: str, sha256: str) -> Any:
            forged = pickle.dumps({"result": Bomb()})
            blob = log.get_blob(chat_id, sha256)
            return type(blob)(sha256=sha256, media_type=blob.media_type, data=forged)

    stranger: Any = Forged()
    with pytest.warns(RuntimeWarning, match="not made by a process of this user"):
        assert restored(stranger, row) == [1, 2]
    assert not (tmp_path / "loaded").exists()
    assert restored(log, row) == {1, 2}


@pytest.mark.parametrize(
    "value, plain",
    [
        (None, True),
        ({"a": [1, 2.5, "ä", None, True]}, True),
        ((1, 2), False),
        ({1: 2}, False),
        (float("nan"), False),
        (2**60, False),
        ("\ud800", False),
        ("x" * 100_000, False),
    ],
)
def test_only_what_json_gives_back_exactly_goes_without_its_object(value: Any, plain: bool) -> None:
    blobs: list[bytes] = []

    def put(data: bytes, media_type: str) -> str:
        blobs.append(data)
        return "0" * 64

    found = kept(value, "task-000000000000", put)
    assert (found == {}) is plain
    assert (FIELD in found) is not plain
    assert len(blobs) == (0 if plain else 1)

"""Objects → bytes that another process can load, or the exact name of what can't be sent."""

from __future__ import annotations

import functools
import io
import marshal
import types
from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar, Final

from sparky_nb.errors import Conflict, InvalidArgument
from sparky_nb.process.names import names_read

_DEPTH: Final = 40
_REDUCE: Final = 4
_PLAIN: Final = (type(None), bool, int, float, complex, str, bytes, types.EllipsisType)
Part = tuple[str, Any]


def dumps(roots: Mapping[str, Any], named: Iterable[Part] | None = None) -> bytes:
    """``roots`` pickled together, so that what they share is still shared at the other end.

    Args:
        roots: what to send.
        named: the same for people: (name, object), to say what can't be pickled.

    Raises:
        InvalidArgument: part of it can't be pickled; ``field`` is the path to it.
        Conflict: cloudpickle is not installed.

    >>> import threading
    >>> dumps({"jobs": [{"lock": threading.Lock()}]})
    Traceback (most recent call last):
    sparky_nb.errors.InvalidArgument: jobs[0]['lock']: expected something that can be pickled; it is
    a _thread.lock (cannot pickle '_thread.lock' object)
    """
    if (error := _failure(dict(roots))) is None:
        return _dumps(dict(roots))
    for name, value in roots.items() if named is None else named:
        if (own := _failure(value)) is not None:
            path, culprit, error = _culprit(name, value, own)
            raise InvalidArgument(path, _rule(culprit, error))
    raise InvalidArgument("the task", _rule(dict(roots), error))


def _rule(culprit: object, error: Exception) -> str:
    kind = type(culprit)
    module = "" if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}."
    return f"something that can be pickled; it is a {module}{kind.__qualname__} ({_said(error)})"


def _said(error: Exception) -> str:
    try:
        return str(error) or type(error).__name__
    except Exception:  # noqa: BLE001  a user's exception may raise from __str__
        return type(error).__name__


def _dumps(value: Any) -> bytes:
    try:
        import cloudpickle
    except ImportError:
        raise Conflict(
            "a task in a process of its own needs cloudpickle: pip install 'sparky-nb[process]'; "
            "nothing was started"
        ) from None

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # it has no types
        dispatch_table: ClassVar[Any] = ChainMap(
            {types.CodeType: _code}, cloudpickle.Pickler.dispatch_table
        )

    file = io.BytesIO()
    Pickler(file).dump(value)
    return file.getvalue()


def _code(code: types.CodeType) -> tuple[Any, ...]:
    """Compiled code as it is, for the same interpreter: cloudpickle from 3.1.3 on leaves out which
    file it is from, and so the lines of a traceback."""
    if _is_plain(code):
        return marshal.loads, (marshal.dumps(code),)
    import cloudpickle

    make, parts = cloudpickle.Pickler.dispatch_table[types.CodeType](code)[:2]
    return _made, (make, parts, code.co_filename)


def _made(make: Callable[..., types.CodeType], parts: tuple[Any, ...], file: str) -> types.CodeType:
    return make(*parts).replace(co_filename=file)


def _is_plain(constant: object) -> bool:
    """Whether a compiler makes such constants. Tools that rewrite code put other objects there,
    which marshal refuses, or takes for plain bytes."""
    match constant:
        case types.CodeType():
            return all(map(_is_plain, constant.co_consts))
        case tuple() | frozenset():
            return type(constant) in (tuple, frozenset) and all(map(_is_plain, constant))
    return type(constant) in _PLAIN


def _failure(value: Any) -> Exception | None:
    try:
        _dumps(value)
    except Conflict:
        raise
    except Exception as error:  # noqa: BLE001  pickling runs the classes' own code
        return error
    return None


def _culprit(path: str, value: Any, error: Exception) -> tuple[str, Any, Exception]:
    """The innermost part of ``value`` that can't be pickled by itself."""
    seen = {id(value)}
    for _ in range(_DEPTH):
        for name, part in _parts(path, value):
            if id(part) not in seen and (own := _failure(part)) is not None:
                seen.add(id(part))
                path, value, error = name, part, own
                break
        else:
            break
    return path, value, error


def _parts(path: str, value: Any) -> Iterator[Part]:
    """What ``value`` is made of, each with the path that a person would write for it."""
    match value:
        case dict():
            for key, item in list(value.items()):
                yield f"{path}[{key!r}]", item
        case list() | tuple():
            yield from ((f"{path}[{i}]", item) for i, item in enumerate(value))
        case set() | frozenset():
            yield from ((f"an item of {path}", item) for item in value)
        case types.FunctionType():
            yield from _parts_of_function(path, value)
        case types.MethodType():
            yield from (
                (f"{path}.__self__", value.__self__),
                (f"{path}.__func__", value.__func__),
            )
        case functools.partial():
            yield f"{path}.func", value.func
            yield from ((f"{path}.args[{i}]", item) for i, item in enumerate(value.args))
            yield from ((f"{path}.keywords[{k!r}]", v) for k, v in value.keywords.items())
        case type():
            yield from ((f"{path}.{name}", item) for name, item in vars(value).items())
        case _:
            yield from _parts_of_instance(path, value)


def _parts_of_function(path: str, fn: types.FunctionType) -> Iterator[Part]:
    for name, cell in zip(fn.__code__.co_freevars, fn.__closure__ or (), strict=True):
        try:
            yield f"{name} (used by {path})", cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    for name in sorted(names_read(fn.__code__)):
        if name in fn.__globals__:
            yield f"{name} (used by {path})", fn.__globals__[name]
    for constant in fn.__code__.co_consts:
        if not isinstance(constant, types.CodeType) and not _is_plain(constant):
            yield f"a constant of {path}", constant
    for i, default in enumerate(fn.__defaults__ or ()):
        yield f"{path}.__defaults__[{i}]", default
    for name, default in (fn.__kwdefaults__ or {}).items():
        yield f"{path}.__kwdefaults__[{name!r}]", default
    yield from ((f"{path}.{name}", item) for name, item in vars(fn).items())


def _parts_of_instance(path: str, value: Any) -> Iterator[Part]:
    try:
        reduced = value.__reduce_ex__(_REDUCE)
    except Exception:  # noqa: BLE001  it is the culprit itself, then
        return
    if not isinstance(reduced, tuple):
        return
    made_of: list[Any] = [*reduced, None, None, None]
    _, arguments, state, items, pairs = made_of[:5]
    for part in state if isinstance(state, tuple) else (state,):
        if isinstance(part, dict):
            yield from ((f"{path}.{name}", item) for name, item in part.items())
        elif part is not None:
            yield f"the state of {path}", part
    yield from ((f"{path}[{i}]", item) for i, item in enumerate(items or ()))
    yield from ((f"{path}[{key!r}]", item) for key, item in pairs or ())
    yield from ((f"the making of {path}", item) for item in arguments or ())

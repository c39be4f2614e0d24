"""A failure as IPython would show it: colours, context lines, and only the user's frames."""

from __future__ import annotations

import traceback
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from sparky_nb.errors import SparkyError
from sparky_nb.events.jsonable import safe_text

TRACEBACK_CHARS: Final = 12 * 1024
MESSAGE_CHARS: Final = 4 * 1024
TYPE_CHARS: Final = 256
THEME: Final = "neutral"
"""Of IPython's: the one that can be read on light and on dark, since nobody knows who will look."""
_OURS: Final = str(Path(__file__).parent.parent)


def describe(error: BaseException) -> dict[str, Any]:
    """The ``error`` of a failed task: ``type`` (the code of an error of ours, else the exception's
    class), ``message`` and ``traceback`` (with ANSI colours; without it where the error's words are
    all that helps).

    Never raises, whatever the exception's own methods do.

    >>> describe(ValueError("no"))["message"]
    'no'
    """
    told = {
        "type": _code(error) or _type_name(type(error)),
        "message": _cut(_message(error), MESSAGE_CHARS),
    }
    if _speaks_for_itself(error):
        return told
    return {**told, "traceback": _cut(_traceback(error), TRACEBACK_CHARS)}


def user_frames(tb: TracebackType | None) -> TracebackType | None:
    """``tb`` without the frames of this package that lead to the user's code."""
    first = tb
    while tb is not None and _begins_here(tb):
        tb = tb.tb_next
    return tb or first


def _speaks_for_itself(error: BaseException) -> bool:
    if isinstance(error, SparkyError) and _begins_here(user_frames(error.__traceback__)):
        return True  # no line of the user's led to it
    try:
        return bool(getattr(type(error), "speaks_for_itself", False))
    except BaseException:  # noqa: BLE001  a metaclass that raises
        return False


def _begins_here(tb: TracebackType | None) -> bool:
    return tb is None or tb.tb_frame.f_code.co_filename.startswith(_OURS)


def _code(error: BaseException) -> str | None:
    """The stable name of an error of ours: modules and classes may move."""
    if isinstance(error, SparkyError) and error.code != SparkyError.code:
        return error.code
    return None


def _type_name(kind: type[BaseException]) -> str:
    try:
        module, name = kind.__module__, kind.__qualname__
        text = name if module in ("builtins", "__main__") else f"{module}.{name}"
    except BaseException:  # noqa: BLE001  made by `type()` without a module; a metaclass that raises
        text = type.__dict__["__name__"].__get__(kind)
    return _cut(safe_text(text), TYPE_CHARS)


def _message(error: BaseException) -> str:
    try:
        text = str(error)
    except BaseException as worse:  # noqa: BLE001  a user's __str__ may raise anything
        text = f"(the message can't be shown: __str__ raised {type(worse).__name__})"
    return safe_text(text)


def _traceback(error: BaseException) -> str:
    tb = user_frames(error.__traceback__)
    try:
        return safe_text(_as_ipython(error, tb))
    except BaseException:  # noqa: BLE001  no IPython, or a __repr__ that raises inside it
        pass
    try:
        return safe_text("".join(traceback.format_exception(type(error), error, tb)))
    except BaseException:  # noqa: BLE001  the same, for Python's own formatting
        return "".join(traceback.format_tb(tb)) + _type_name(type(error))


def _as_ipython(error: BaseException, tb: TracebackType | None) -> str:
    from IPython.core import ultratb  # 0.1 s, paid by the first failure only

    if isinstance(error, SyntaxError) and tb is not None and tb.tb_next is None:
        formatter: Any = ultratb.SyntaxTB(theme_name=THEME)  # type: ignore[no-untyped-call]
    else:
        make: Any = ultratb.FormattedTB
        formatter = make(mode="Context", theme_name=THEME, include_vars=False)
    return "\n".join(formatter.structured_traceback(type(error), error, tb))


def _cut(text: str, most: int) -> str:
    """``text`` with its middle left out where it is too long: both ends say the most."""
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"

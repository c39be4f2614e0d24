"""The value of a setting, from Python, a magic or an environment variable."""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Any, Final, get_args, get_origin

import msgspec

from sparky_nb.errors import InvalidArgument

_WORDS: Final = {
    int: "a whole number",
    float: "a number",
    str: "a text",
    tuple: "texts separated by commas",
    NoneType: "none",
}


def setting_value(name: str, kind: Any, given: object) -> Any:
    """``given`` as a value of the type ``kind``: a text is read as one (``none``, a number, texts
    separated by commas).

    Raises:
        InvalidArgument: it is none, or a number that is not above 0.

    >>> setting_value("max_steps", int | None, "5"), setting_value("max_steps", int | None, "none")
    (5, None)
    """
    kinds = get_args(kind) if isinstance(kind, UnionType) else (kind,)
    value = given
    if isinstance(given, str):
        if NoneType in kinds and given.lower() == "none":
            return None
        if get_origin(kind) is tuple:
            texts = () if given.lower() == "none" else given.split(",")
            value = [text.strip() for text in texts if text.strip()]
    try:
        value = msgspec.convert(value, kind, strict=not isinstance(value, str))
    except msgspec.ValidationError:
        rule = " or ".join(_WORDS[get_origin(it) or it] for it in kinds)
        raise InvalidArgument(name, rule, given) from None
    if isinstance(value, int | float) and value <= 0:
        raise InvalidArgument(name, "a number above 0", given)
    return value

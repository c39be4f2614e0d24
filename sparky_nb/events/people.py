"""Who did something, as people should read it."""

from __future__ import annotations

from typing import Any, Final

SOMEBODY: Final = "token"
"""Whoever came with the server's token, to which it knows no person."""


def person_of(name: Any) -> str:
    """The name of a person; empty where there is none.

    >>> person_of("user:ann"), person_of(SOMEBODY), person_of(None)
    ('ann', '', '')
    """
    known = name.removeprefix("user:") if isinstance(name, str) else ""
    return "" if known == SOMEBODY else known

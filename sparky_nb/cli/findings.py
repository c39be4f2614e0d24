"""What a check of ``sparky doctor`` has to say."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class Finding(Struct, frozen=True, kw_only=True):
    """What one check found. ``wrong`` needs the ``mend``; ``note`` is worth knowing."""

    check: str
    verdict: Literal["ok", "note", "wrong"]
    what: str
    mend: str | None = None


def ok(check: str, what: str) -> Finding:
    return Finding(check=check, verdict="ok", what=what)


def note(check: str, what: str, mend: str | None = None) -> Finding:
    return Finding(check=check, verdict="note", what=what, mend=mend)


def wrong(check: str, what: str, mend: str) -> Finding:
    return Finding(check=check, verdict="wrong", what=what, mend=mend)

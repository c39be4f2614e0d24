"""What a task has used up, in words: the tokens, and what they cost where that is known."""

from __future__ import annotations

import math
from typing import Any


def usage_text(usage: Any) -> str:
    """``usage`` of a status or progress in a few words; empty where it says nothing of the kind.

    >>> usage_text({"requests": 2, "input_tokens": 1200, "output_tokens": 34, "cost_usd": 0.0125})
    '1,234 tokens · $0.0125'
    >>> usage_text({"requests": 2}), usage_text({"cost_usd": 1.5}), usage_text(None)
    ('', '$1.50', '')
    """
    count, cost = tokens(usage), _count(usage, "cost_usd")
    words = [f"{count:,.0f} token{'' if count == 1 else 's'}"] if count else []
    return " · ".join([*words, _money(cost)] if cost else words)


def tokens(usage: Any) -> float:
    """All of them, in and out; 0 where nobody told."""
    return _count(usage, "input_tokens") + _count(usage, "output_tokens")


def _count(usage: Any, name: str) -> float:
    """A number that a task has told, whatever that is."""
    value = usage.get(name) if isinstance(usage, dict) else None
    told = isinstance(value, int | float) and not isinstance(value, bool)
    return value if told and math.isfinite(value) and 0 < value < 1e15 else 0  # type: ignore[operator,arg-type,return-value]  # told


def _money(usd: float) -> str:
    """Of a small sum also what is less than a cent."""
    if usd < 0.0001:
        return "< $0.0001"
    if usd >= 1:
        return f"${usd:,.2f}"
    whole, _, cents = f"{usd:.4f}".partition(".")
    return f"${whole}.{cents[:2]}{cents[2:].rstrip('0')}"

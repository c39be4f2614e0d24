"""Arguments whose names look like secrets are masked before they are stored."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

MASK: Final = "***"
_DEPTH: Final = 8
_SECRET = re.compile(
    r"pass(word|wd|phrase|code)|^pwd$|secret|token(?!s|i[zs])|api_?key|private_?key|access_?key"
    r"|credential|authori[sz]ation|^auth$|^cookie",
    re.IGNORECASE,
)
_ASSIGNED = re.compile(
    r"""(?P<name>['"]?\b\w+['"]?)(?P<is>\s*[=:]\s*)(?P<quote>['"])(?P<text>(?:\\.|(?!(?P=quote))[^\\\n])*)(?P=quote)"""
)

Rule = Callable[[str], bool]


def looks_secret(name: str) -> bool:
    """The built-in rule.

    >>> looks_secret("api_key"), looks_secret("OPENAI_API_KEY"), looks_secret("max_tokens")
    (True, True, False)
    """
    return _SECRET.search(name) is not None


def mask(args: Mapping[str, Any], rule: Rule | None = None) -> dict[str, Any]:
    """``args`` with the values of secret-looking names replaced, in nested mappings too.

    Numbers, booleans and None stay: ``tokens=3`` is no secret.

    >>> mask({"user": "ann", "password": "x", "more": {"token": "y"}})
    {'user': 'ann', 'password': '***', 'more': {'token': '***'}}
    """
    return {
        str(name): _masked(str(name), value, rule or looks_secret, 0)
        for name, value in args.items()
    }


def mask_source(source: str, rule: Rule | None = None) -> str:
    """Source code with the text literals that are assigned to secret-looking names replaced.

    >>> mask_source("login(user='ann', password='x')")
    "login(user='ann', password='***')"
    """
    secret = rule or looks_secret

    def replace(found: re.Match[str]) -> str:
        if not secret(found["name"].strip("'\"")):
            return found[0]
        return f"{found['name']}{found['is']}{found['quote']}{MASK}{found['quote']}"

    return _ASSIGNED.sub(replace, source)


def _masked(name: str, value: Any, rule: Rule, depth: int) -> Any:
    if rule(name) and not isinstance(value, bool | int | float | None):
        return MASK
    if isinstance(value, Mapping) and depth < _DEPTH:
        return {str(k): _masked(str(k), v, rule, depth + 1) for k, v in value.items()}
    nested = isinstance(value, list | tuple) and depth < _DEPTH
    if nested and any(isinstance(item, Mapping | list | tuple) for item in value[:1000]):
        return [_masked("", item, rule, depth + 1) for item in value]
    return value

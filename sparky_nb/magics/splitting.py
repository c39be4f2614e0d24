"""A magic's line → options and the rest.

Options come first and their values are quoted as in a shell; the rest is taken as it was typed, so
that an instruction may hold quotes, braces, dollars and question marks. ``--`` ends the options.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping

_FLAG = re.compile(r"--?[A-Za-z][\w-]*")
_ESCAPED = re.compile(r'\\(["\\$`])')


class LineError(Exception):
    """What is wrong with a line, as a sentence for who typed it."""


def first_word(line: str) -> tuple[str, str]:
    """The first word of ``line`` and what follows it.

    >>> first_word("task  Do it")
    ('task', 'Do it')
    """
    word, _, rest = line.strip().partition(" ")
    return word, rest.strip()


def split_options(line: str, options: Mapping[str, bool]) -> tuple[dict[str, str | None], str]:
    """The options at the beginning of ``line``, and the rest of it.

    Args:
        line: what follows the subcommand.
        options: each known option, and whether it takes a value.

    Raises:
        LineError: an unknown option, a value that is missing or not expected, an open quote.

    >>> split_options("--name='a b' Don't {stop}", {"--name": True})
    ({'--name': 'a b'}, "Don't {stop}")
    """
    found: dict[str, str | None] = {}
    rest = line.strip()
    while rest.startswith("-"):
        if rest == "--" or rest[:3] in ("-- ", "--\t"):
            return found, rest[2:].strip()
        flag = _FLAG.match(rest)
        if flag is None:
            break
        name, rest = flag[0], rest[flag.end() :]
        if name not in options:
            raise LineError(f"unknown option {name}{suggestion(name, options)}")
        if name in found:
            raise LineError(f"{name} is given twice")
        if options[name]:
            found[name], rest = _value(name, rest)
        elif rest[:1].strip():
            raise LineError(f"{name} takes no value")
        else:
            found[name] = None
        rest = rest.lstrip()
    return found, rest


def suggestion(word: str, known: Collection[str]) -> str:
    """``"; did you mean X?"`` or what there is to choose from.

    >>> suggestion("taks", ["tasks", "watch"])
    '; did you mean tasks?'
    """
    if close := difflib.get_close_matches(word, known, n=1, cutoff=0.6):
        return f"; did you mean {close[0]}?"
    return f"; known: {', '.join(sorted(known))}" if known else "; there are none here"


def _value(name: str, rest: str) -> tuple[str, str]:
    if rest.startswith("="):
        rest = rest[1:]
    elif rest[:1].strip():
        raise LineError(f"unknown option {name}{rest.split()[0]}")
    else:
        rest = rest.lstrip()
        if not rest:
            raise LineError(f"{name} needs a value")
    word = ""
    while rest and not rest[0].isspace():
        mark = rest[0]
        if mark in "'\"":
            end = _closing(rest, mark)
            if end is None:
                raise LineError(f"the value of {name} has an open quote ({mark})")
            inside = rest[1:end]
            word += _ESCAPED.sub(r"\1", inside) if mark == '"' else inside
            rest = rest[end + 1 :]
        elif mark == "\\" and len(rest) > 1:
            word, rest = word + rest[1], rest[2:]
        else:
            word, rest = word + mark, rest[1:]
    return word, rest


def _closing(text: str, mark: str) -> int | None:
    i = 1
    while i < len(text):
        if text[i] == mark:
            return i
        i += 2 if mark == '"' and text[i] == "\\" else 1
    return None

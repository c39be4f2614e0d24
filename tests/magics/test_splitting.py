"""A line → options and the rest, exactly."""

from __future__ import annotations

import shlex
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparky_nb.magics.question_marks import protect
from sparky_nb.magics.splitting import LineError, split_options

KNOWN = {"--chat": True, "--name": True, "--help": False}


@pytest.mark.parametrize(
    "line, options, rest",
    [
        ("", {}, ""),
        ("Don't {stop} $HOME 'now", {}, "Don't {stop} $HOME 'now"),
        ("--name x do it", {"--name": "x"}, "do it"),
        ("--name=x do it", {"--name": "x"}, "do it"),
        ("--name 'a b' --chat=c  do  it ", {"--name": "a b", "--chat": "c"}, "do  it"),
        ('--name="a \\"b\\" \\n" it', {"--name": 'a "b" \\n'}, "it"),
        ("--name a' 'b it", {"--name": "a b"}, "it"),
        ("--name '' it", {"--name": ""}, "it"),
        ("-- --name x", {}, "--name x"),
        ("do --name x", {}, "do --name x"),
        ("- one\n- two", {}, "- one\n- two"),
        ("-1 is a number", {}, "-1 is a number"),
        ("--help", {"--help": None}, ""),
        ("--name größe", {"--name": "größe"}, ""),
    ],
)
def test_options_come_first_and_the_rest_is_verbatim(
    line: str, options: dict[str, str | None], rest: str
) -> None:
    assert split_options(line, KNOWN) == (options, rest)


@pytest.mark.parametrize(
    "line, message",
    [
        ("--nam x", "unknown option --nam; did you mean --name?"),
        ("--zzz", "unknown option --zzz; known: --chat, --help, --name"),
        ("--name", "--name needs a value"),
        ("--name 'a b", "the value of --name has an open quote (')"),
        ("--name a --name b", "--name is given twice"),
        ("--help=3", "--help takes no value"),
    ],
)
def test_what_is_wrong_is_said_exactly(line: str, message: str) -> None:
    with pytest.raises(LineError) as raised:
        split_options(line, KNOWN)
    assert str(raised.value) == message


safe = st.text(string.ascii_letters + string.digits + " '\"äß$`!?{}", min_size=1, max_size=20)


@given(safe, st.text(string.ascii_letters + " '\"{}$?", max_size=30))
def test_a_value_quoted_for_a_shell_comes_out_as_it_went_in(value: str, rest: str) -> None:
    line = f"--name {shlex.quote(value)} {rest}"
    assert split_options(line, KNOWN) == ({"--name": value}, rest.strip())


@pytest.mark.parametrize(
    "line, arguments",
    [
        ("%sparky task Why?", "task Why?"),
        ("  %sparky task Why??\n", "task Why??"),
        ("h = %sparky task 'Why'?", "task 'Why'?"),
        ("sparky task Why?", "task Why?"),
        ("%sparky answer task-1 why?", "answer task-1 why?"),
    ],
)
def test_a_line_that_ends_in_a_question_mark_reaches_the_magic(line: str, arguments: str) -> None:
    (made,) = protect([line])
    assert f"run_line_magic('sparky', {arguments!r})" in made


@pytest.mark.parametrize(
    "lines",
    [
        ["%sparky?"],
        ["%sparky task Why"],
        ["%other task Why?"],
        ["print?"],
        ["%%sparky task\n", "%sparky task Why?\n"],
        ['x = """\n', "%sparky task Why?\n", '"""\n'],
    ],
)
def test_other_lines_are_left_alone(lines: list[str]) -> None:
    assert protect(lines) == lines

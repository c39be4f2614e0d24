"""Terminal output becomes runs; nothing that a terminal obeys gets through."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparky_nb.view.ansi import plain, runs, tail

WORD = re.compile(r"[bdius]|[fg](1[0-5]|[0-9]|#[0-9a-f]{6})")
printed = st.text(
    st.one_of(st.characters(codec="utf-8"), st.sampled_from("\x1b[];m0138\r\b\n\x07\\K"))
)


@pytest.mark.promise("P11")
@given(printed)
def test_no_control_survives_and_styles_are_of_the_vocabulary(text: str) -> None:
    for run, style in runs(text):
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", run)
        assert all(WORD.fullmatch(word) for word in style.split())


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc",))))
def test_text_without_controls_stays_as_it_is(text: str) -> None:
    assert plain(text) == text


@given(printed, st.integers(0, 50))
def test_the_tail_is_the_end_of_the_text(text: str, chars: int) -> None:
    whole = plain(text)
    kept, cut = tail(runs(text), chars)
    assert "".join(run[0] for run in kept) == (whole[-chars:] if chars else "")
    assert cut == (len(whole) > chars)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("10%\r20%\r100%\ndone", "100%\ndone"),
        ("long line\r\x1b[Kshort", "short"),
        ("dos\r\nlines\r\n", "dos\nlines\n"),
        ("abc\b\bX", "aXc"),
        ("\x1b]0;title\x07a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "alink"),
        ("\x1bP1;2q…\x1b\\b\x1b[2J\x1b[H\x9b31mc", "b31mc"),
        ("a\tb", "a\tb"),
    ],
)
def test_the_text_is_what_would_stand_on_the_screen(text: str, expected: str) -> None:
    assert plain(text) == expected


def test_colours_of_all_kinds_are_kept() -> None:
    found = runs("\x1b[38;5;196mA\x1b[48;2;1;2;300mB\x1b[0;7mC\x1b[0;1;91;44mD\x1b[22;39;49mE")
    assert found == [
        ["A", "f#ff0000"],
        ["B", "f#ff0000 g#0102ff"],
        ["C", "g8"],
        ["D", "b f9 g4"],
        ["E", ""],
    ]


def test_colours_for_dark_terminals_can_be_read_on_white() -> None:
    assert runs("\x1b[38;2;248;248;242mwhite\x1b[38;5;254mtoo") == [["whitetoo", ""]]
    ((_, yellow),) = runs("\x1b[38;2;230;219;116myellow")
    assert max(int(yellow[n : n + 2], 16) for n in (2, 4, 6)) < 0xD0

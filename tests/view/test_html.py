"""Saved html: what a task printed stays text, whatever it printed (P11)."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparky_nb.view.html import html
from sparky_nb.view.model import picture
from tests.view.tasks import T0, TASK, folded, printed, progress, status, tool

TAGS = {"div", "span", "b", "code", "pre", "details", "summary"}
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</pre></div><iframe srcdoc='<script>1</script>'>",
    "javascript:alert(1)",
    "' style='background:url(//x)",
    "\x1b[31;1m<b onmouseover=1>\x1b[0m\x1b]8;;javascript:alert(1)\x07here\x1b]8;;\x07",
    "<style>*{display:none}</style>",
    "&lt;script&gt; ]]> <!--",
]


class Reader(HTMLParser):
    """What a browser would make of it: tags, attributes, text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.open = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        self.open += 1

    def handle_endtag(self, tag: str) -> None:
        self.open -= 1

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")


def read(*events: tuple[str, dict[str, Any]]) -> Reader:
    found = picture(folded(*events), TASK, chat_id="c")
    assert found is not None
    reader = Reader()
    reader.feed(html(found, T0 + 60_000))
    reader.close()
    return reader


def everywhere(words: str) -> list[tuple[str, dict[str, Any]]]:
    """A task that says ``words`` wherever a task can say something."""
    error = {"type": words, "message": words, "traceback": words}
    return [
        status("running", name=words, kind=words, attempt=2),
        progress(1, 2, key=words, message=words, unit=words),
        *tool(words, words, {words: words, "deep": [words]}, {words: [words]}),
        ("thought", {"message_id": "t", "text": words, "final": True}),
        ("message_sent", {"message_id": "m", "text": words, "final": False}),
        ("message_received", {"message_id": "r", "text": words, "from": words}),
        ("output", {"stream": "display", "mime": {"text/html": words, "text/plain": words}}),
        ("output", {"stream": "display", "mime": {words: words, "image/png": words}}),
        (words, {words: words}),
        printed(words),
        printed(words, "stderr"),
        ("question", {"question_id": words, "prompt": words, "choices": [words]}),
        status("waiting"),
        status("failed", error=error, result=words, reason=words),
    ]


def assert_inert(reader: Reader) -> None:
    assert reader.tags <= TAGS
    assert reader.open == 0
    for name, value in reader.attributes:
        assert name == "style"
        assert value is not None
        assert "url" not in value
        assert "expression" not in value


@pytest.mark.promise("P11")
@pytest.mark.parametrize("words", HOSTILE)
@pytest.mark.parametrize("shown", [slice(None), slice(-1)], ids=["ended", "waiting"])
def test_nothing_that_a_task_says_becomes_markup(words: str, shown: slice) -> None:
    assert_inert(read(*everywhere(words)[shown]))


@pytest.mark.promise("P11")
@settings(max_examples=40, deadline=None)
@given(st.text(st.one_of(st.characters(codec="utf-8"), st.sampled_from("<>&\"'/=\x1b[31m;"))))
def test_no_text_at_all_becomes_markup(words: str) -> None:
    assert_inert(read(*everywhere(words)))


def test_what_a_task_says_is_there_to_read() -> None:
    reader = read(*everywhere("<b>5 & 6</b>"))
    assert "<b>5 & 6</b>" in reader.text
    assert "Failed" in reader.text


@pytest.mark.promise("P8", "P11")
def test_a_line_of_five_megabytes_is_cut() -> None:
    reader = read(status("running"), printed("<x>" * (5 << 20)))
    assert len(reader.text) < 6000
    assert_inert(reader)

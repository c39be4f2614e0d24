from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparky_nb.errors import InvalidArgument
from sparky_nb.stream import Start, parse_start

STARTS = st.one_of(
    st.builds(
        Start,
        epoch=st.text("0123456789abcdef", min_size=1, max_size=16),
        offset=st.integers(0, (1 << 53) - 1),
        go_on=st.booleans(),
    ),
    st.builds(Start, last=st.integers(1, 10_000), go_on=st.booleans()),
    st.builds(Start, now=st.booleans(), go_on=st.booleans()),
)


@given(STARTS)
def test_a_start_survives_its_query(start: Start) -> None:
    assert parse_start({name: [value] for name, value in start.query().items()}) == start


@given(st.dictionaries(st.sampled_from("epoch offset last from on_gap".split()), st.text()))
def test_any_query_is_a_start_or_names_the_field(query: dict[str, str]) -> None:
    try:
        parse_start({name: [value] for name, value in query.items()})
    except InvalidArgument as error:
        named = error.field
    else:
        named = None
    assert named in (None, "epoch", "offset", "last", "from", "on_gap")


@pytest.mark.parametrize(
    "text", ["1e99", "-1", "1.0", " 1", "+1", "1_0", "１", "", "9" * 16, "nan"]
)
def test_only_plain_digits_are_an_offset(text: str) -> None:
    with pytest.raises(InvalidArgument, match="offset"):
        parse_start({"epoch": ["ab"], "offset": [text]})


def test_a_value_that_is_given_twice_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="at most one"):
        parse_start({"offset": ["0", "1"]})

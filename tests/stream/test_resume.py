from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparky_nb.log.base import Ancestor, Position
from sparky_nb.stream import Start, resume
from tests.stream.support import at


@pytest.mark.promise("P4", "P10")
@pytest.mark.parametrize(
    "cursor, after, missed, lost, reason",
    [
        (20, 20, 0, None, None),
        (12, 12, 8, None, None),
        (10, 10, 10, None, None),
        (9, 10, 11, (10, 10), "trimmed"),
        (0, 10, 20, (1, 10), "trimmed"),
        (21, 10, 0, (21, 21), "ahead"),
        (1 << 50, 10, 0, (21, 1 << 50), "ahead"),
    ],
)
def test_the_cursor_rule_at_its_edges(
    cursor: int, after: int, missed: int, lost: tuple[int, int] | None, reason: str | None
) -> None:
    how = resume(at(20, earliest=11), Start(epoch="e1", offset=cursor))
    assert (how.after, how.missed, how.recovered) == (after, missed, reason is None)
    assert how.close == (reason is not None)
    if how.gap is None:
        assert reason is None
    else:
        assert (how.gap.reason, how.gap.lost) == (reason, lost)


@pytest.mark.promise("P2", "P4")
@pytest.mark.parametrize("cursor, recovered", [(0, True), (7, True), (8, False)])
def test_a_cursor_of_the_part_that_lived_on_resumes_in_the_new_life(
    cursor: int, recovered: bool
) -> None:
    line = (Ancestor(epoch="e1", valid_to=7), Ancestor(epoch="e0", valid_to=3))
    position = Position(epoch="e2", earliest=1, head=9, lineage=line)
    how = resume(position, Start(epoch="e1", offset=cursor))
    assert how.recovered is recovered
    if not recovered:
        assert how.gap is not None
        assert (how.gap.reason, how.gap.lost) == ("epoch_changed", (8, 8)), "exactly"


def test_with_nothing_kept_the_head_is_still_a_good_cursor() -> None:
    assert resume(at(20, earliest=21), Start(epoch="e1", offset=20)).recovered
    assert resume(at(0), Start()).gap is None


@given(
    st.integers(0, 50),
    st.integers(0, 50),
    st.builds(
        Start,
        epoch=st.sampled_from(["e1", "other", None]),
        offset=st.integers(0, 60),
        go_on=st.booleans(),
    ),
)
@pytest.mark.promise("P4")
def test_it_goes_on_inside_the_chat_or_tells(trimmed: int, kept: int, start: Start) -> None:
    position = at(trimmed + kept, earliest=trimmed + 1)
    how = resume(position, start)
    assert position.earliest - 1 <= how.after <= position.head
    if how.recovered:
        assert how.gap is None
        assert (start.epoch, how.after) == ("e1", start.offset)
        assert how.missed == position.head - start.offset
    elif start.epoch is not None:
        assert how.gap is not None

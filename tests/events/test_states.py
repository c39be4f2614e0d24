"""The task state table."""

from __future__ import annotations

import itertools

import pytest

from sparky_nb.errors import IllegalMove
from sparky_nb.events.states import ACTIVE, MOVES, STATES, TERMINAL, check_move

# protocol.md, written down a second time on purpose: the table must agree with it.
ARROWS = {
    (None, "queued"), (None, "running"),
    ("queued", "running"), ("queued", "failed"), ("queued", "cancelled"), ("queued", "lost"),
    ("running", "waiting"), ("running", "completed"), ("running", "failed"),
    ("running", "cancelled"), ("running", "lost"),
    ("waiting", "running"), ("waiting", "completed"), ("waiting", "failed"),
    ("waiting", "cancelled"), ("waiting", "lost"),
}  # fmt: skip


@pytest.mark.parametrize(
    "before,after", list(itertools.product([None, *sorted(STATES)], sorted(STATES)))
)
def test_exactly_the_drawn_arrows_are_legal(before: str | None, after: str) -> None:
    if (before, after) in ARROWS:
        check_move("task-x", before, after)
    else:
        with pytest.raises(IllegalMove) as caught:
            check_move("task-x", before, after)
        assert (caught.value.before, caught.value.after) == (before, after)


@pytest.mark.promise("P6")
def test_nothing_follows_a_terminal_state() -> None:
    assert {"completed", "failed", "cancelled", "lost"} == TERMINAL
    assert not any(MOVES[state] for state in TERMINAL)
    for state in TERMINAL:
        with pytest.raises(IllegalMove):
            check_move("task-x", state, "running", new_attempt=True)


def test_every_active_state_can_end() -> None:
    for state in ACTIVE:
        assert MOVES[state] & TERMINAL


def test_a_new_attempt_may_begin_while_the_old_one_runs_or_waits() -> None:
    for before in ("running", "waiting"):
        check_move("task-x", before, "running", new_attempt=True)
        with pytest.raises(IllegalMove):
            check_move("task-x", before, "completed", new_attempt=True)

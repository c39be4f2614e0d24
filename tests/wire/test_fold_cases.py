"""The golden cases of the fold; labextension/test/fold.test.ts runs the same files (P9)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sparky_nb.events import Fold
from sparky_nb.events.codec import event_from_dict

CASES = sorted((Path(__file__).parent / "cases" / "fold").glob("*.json"))


def _get(node: Any, path: str) -> Any:
    for key in path.split("."):
        if isinstance(node, list):
            node = len(node) if key == "length" else node[int(key)]
        else:
            node = node[key]
    return node


def _check(case: dict[str, Any], state: dict[str, Any]) -> None:
    if "state" in case:
        assert state == case["state"]
    for path, expected in case.get("where", {}).items():
        assert _get(state, path) == expected, path


@pytest.mark.promise("P9")
@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_folding_the_events_gives_the_state(path: Path) -> None:
    case = json.loads(path.read_text("utf-8"))
    fold = Fold()
    for event in case["events"]:
        fold.apply(event_from_dict(event))
    _check(case, fold.state)


@pytest.mark.promise("P9")
@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_state_that_was_stored_goes_on_to_the_same_end(path: Path) -> None:
    case = json.loads(path.read_text("utf-8"))
    before = Fold()
    for event in case["events"][: case["split"]]:
        before.apply(event_from_dict(event))
    after = Fold(json.loads(json.dumps(before.state)))
    for event in case["events"][case["split"] :]:
        after.apply(event_from_dict(event))
    _check(case, after.state)


def test_there_are_cases() -> None:
    assert len(CASES) > 15

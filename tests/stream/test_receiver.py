"""The receiver against the cases that its TypeScript twin runs, too.

A case: ``{name, start: {query…}, random: [numbers in turn, the last one again and again],
steps: [{at: ms, in: stimulus, out: [instruction…], deadline: ms or null}]}``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sparky_nb.stream import Receiver, parse_start
from sparky_nb.stream.stimuli import Connection, Stimulus

CASES = Path(__file__).parents[1] / "wire" / "cases" / "receiver"
_STIMULUS: msgspec.json.Decoder[Stimulus] = msgspec.json.Decoder(Stimulus)


def play(case: dict[str, Any]) -> list[tuple[list[Any], float | None]]:
    """What the receiver does at each step, and its deadline."""
    random = list(case["random"])
    start = parse_start({name: [value] for name, value in case["start"].items()})
    receiver = Receiver(start, random=lambda: random.pop(0) if len(random) > 1 else random[0])
    done = []
    for step in case["steps"]:
        told = _STIMULUS.decode(json.dumps(step["in"]))
        out = json.loads(msgspec.json.encode(receiver.handle(step["at"], told)))
        done.append((out, receiver.deadline))
    return done


@pytest.mark.promise("P1", "P4", "P10")
@pytest.mark.parametrize("path", sorted(CASES.glob("*.json")), ids=lambda path: path.stem)
def test_the_receiver_does_what_the_case_says(path: Path) -> None:
    case = json.loads(path.read_text("utf-8"))
    for step, (out, deadline) in zip(case["steps"], play(case), strict=True):
        assert out == step["out"], step
        assert deadline == step["deadline"], step


def test_the_cases_show_every_stimulus_state_and_instruction() -> None:
    cases = [json.loads(path.read_text("utf-8")) for path in CASES.glob("*.json")]
    steps = [step for case in cases for step in case["steps"]]
    told = {step["in"]["kind"] for step in steps}
    done = {it["do"] for step in steps for it in step["out"]}
    shown = {it["state"] for step in steps for it in step["out"] if it["do"] == "connection"}
    assert told == set(
        "open received closed refused lost tick wake offline online snapshot stop".split()
    )
    assert done == set(
        "connect reconnect abandon ping begin deliver snapshot connection give_up pass".split()
    )
    assert shown | {"connecting"} == set(Connection.__args__)

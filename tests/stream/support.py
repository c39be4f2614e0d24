"""What the stream's tests share: a clock that stands still, positions, frames."""

from __future__ import annotations

import json
from typing import Any

from sparky_nb.log.base import Position
from sparky_nb.stream import Batch, Sender, Start
from sparky_nb.stream.sender import Close, Instruction, Send


class StillClock:
    """Time passes when the test says so."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def now_ms(self) -> int:
        return round(self.seconds * 1000)

    def monotonic(self) -> float:
        return self.seconds


def at(head: int, earliest: int = 1, epoch: str = "e1") -> Position:
    return Position(epoch=epoch, earliest=earliest, head=head)


def batch(first: int, count: int, head: int, earliest: int = 1, epoch: str = "e1") -> Batch:
    frame = json.dumps(
        {
            "t": "events",
            "offset": first,
            "events": [{"offset": n} for n in range(first, first + count)],
        }
    ).encode()
    return Batch(
        epoch=epoch,
        earliest=earliest,
        head=head,
        first=first,
        count=count,
        frame=frame if count else b"",
    )


def sender(clock: StillClock, start: Start | None = None) -> Sender:
    return Sender(chat="a", viewer="v", user="u", start=start or Start(), clock=clock)


def frames(instructions: list[Instruction]) -> list[dict[str, Any]]:
    """The frames that are sent, a close as ``{"close": code}``."""
    out: list[dict[str, Any]] = []
    for it in instructions:
        if isinstance(it, Send):
            out.append(json.loads(it.text))
        elif isinstance(it, Close):
            out.append({"close": int(it.code)})
    return out


def kinds(instructions: list[Instruction]) -> list[str]:
    return [f.get("t") or f"close {f['close']}" for f in frames(instructions)]

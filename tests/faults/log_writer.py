"""A bare process that writes to a log and says on standard output what was acknowledged.

    python -m tests.faults.log_writer URL CHAT SEED

It goes on from what it finds in the log, as a runner's outbox would: the last number it may have
written is written again under the same id.
"""

from __future__ import annotations

import contextlib
import random
import sys

from sparky_nb.errors import LogUnavailable, NotFound
from sparky_nb.events.codec import decode_event
from sparky_nb.events.model import NewEvent
from sparky_nb.ids import derived_id
from sparky_nb.log import Append, open_log


def numbered(chat: str, number: int) -> NewEvent:
    """Event ``number`` of ``chat``: the same from whoever makes it."""
    return NewEvent(
        id=derived_id("kill", chat, str(number)),
        type="thought",
        time=number,
        task_id=None,
        actor="system",
        data={"message_id": "m", "text": f"{number} " * (number % 60), "n": number},
    )


def main(url: str, chat: str, seed: str) -> None:
    rng = random.Random(seed)
    out = sys.stdout.buffer
    with open_log(url) as log:
        try:
            last = log.read_before(chat, before=2**52, limit=1).events
            number = decode_event(last[0]).data["n"] if last else 0
        except NotFound:
            number = 0
        while True:
            size = rng.choice((1, 1, 1, 2, 7, 40))
            # The one before once more: it may have been stored without being acknowledged.
            first = max(1, number)
            events = tuple(numbered(chat, n) for n in range(first, number + size + 1))
            try:
                done = log.commit(Append(chat=chat, events=events))
            except LogUnavailable:  # as an outbox would: the same again
                continue
            number += size
            out.write(b"%d %d\n" % (number, done.offsets[-1]))
            out.flush()
            if rng.random() < 0.02:
                with contextlib.suppress(LogUnavailable):  # later, then
                    log.maintain()


if __name__ == "__main__":
    main(*sys.argv[1:4])

from __future__ import annotations

import pytest

from sparky_nb.log.base import Log
from tests.server.support import Connect, append


@pytest.mark.promise("P1")
async def test_a_viewer_gets_hello_then_all_events_then_live(connect: Connect, log: Log) -> None:
    append(log, "a", 700)
    socket = await connect("a")
    hello = await socket.next()
    assert hello is not None
    position = log.position("a")
    assert (hello["t"], hello["v"], hello["chat"]) == ("hello", 1, "a")
    assert (hello["epoch"], hello["earliest"], hello["head"]) == (position.epoch, 1, 700)
    assert (hello["next"], hello["missed"], hello["gap"]) == (1, 0, None)
    assert hello["heartbeat_ms"] == 15_000
    live = await socket.until("live")
    assert live["offset"] == 700
    assert await socket.offsets(700) == list(range(1, 701))
    sizes = [len(f["events"]) for f in socket.frames if f["t"] == "events"]
    assert max(sizes) <= 256
    append(log, "a", 3)
    assert await socket.offsets(703) == list(range(1, 704))
    assert [f["t"] for f in socket.frames].count("live") == 1

from __future__ import annotations

import asyncio

from sparky_nb.fanout import Hub


def test_a_ring_wakes_who_watches_that_chat_and_the_overview() -> None:
    async def main() -> None:
        hub = Hub()
        with hub.subscribe("a") as a, hub.subscribe("b") as b, hub.subscribe("_index") as index:
            hub.ring("a")
            assert await a.wait(1)
            assert await index.wait(1)
            assert not await b.wait(0.001)
            assert not await a.wait(0.001), "a flag goes down as wait returns"

    asyncio.run(main())


def test_many_rings_cost_one_flag() -> None:
    async def main() -> None:
        hub = Hub()
        with hub.subscribe("a") as a:
            for _ in range(1000):
                hub.ring("a")
            assert await a.wait(1)
            assert not await a.wait(0.001)

    asyncio.run(main())


def test_leaving_forgets_the_flag() -> None:
    async def main() -> None:
        hub = Hub()
        with hub.subscribe("a"):
            assert hub.watched == {"a"}
        assert hub.watched == set()
        hub.ring("a")
        hub.ring_all()

    asyncio.run(main())


def test_ring_all_wakes_everybody() -> None:
    async def main() -> None:
        hub = Hub()
        with hub.subscribe("a") as a, hub.subscribe("b") as b:
            hub.ring_all()
            assert await a.wait(1)
            assert await b.wait(1)

    asyncio.run(main())

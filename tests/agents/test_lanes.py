"""Agent tasks of one chat run one after the other: they share its memory."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from sparky_nb.testing.agent_contract import Stage, stage


@pytest.fixture
def here() -> Iterator[Stage]:
    with stage() as made:
        yield made


class Turns:
    """Agents that run until they are told to go on."""

    def __init__(self) -> None:
        self.running: list[str] = []
        self._go: dict[str, tuple[asyncio.AbstractEventLoop, asyncio.Event]] = {}

    @property
    def namespace(self) -> dict[str, Any]:
        return {"player": self._player}

    async def _player(self, assignment: Any) -> str:
        text, event = assignment.instruction, asyncio.Event()
        self._go[text] = (asyncio.get_running_loop(), event)
        self.running.append(text)
        await event.wait()
        return f"{text} after {len(assignment.earlier)}"

    def go(self, instruction: str) -> None:
        loop, event = self._go[instruction]
        loop.call_soon_threadsafe(event.set)


def test_the_second_is_queued_until_the_first_has_ended(here: Stage) -> None:
    turns = Turns()
    played = ("agent:player", turns.namespace)
    first, second = (here.start(played, text) for text in ("first", "second"))
    here.until(first, lambda: turns.running == ["first"])
    assert second.state == "queued"
    turns.go("first")
    here.finish(first)
    here.until(second, lambda: turns.running == ["first", "second"])
    turns.go("second")
    assert here.finish(second)[-1].data["result"] == "second after 1"


def test_one_that_waits_for_an_answer_keeps_its_turn(here: Stage) -> None:
    async def player(assignment: Any) -> str:
        return str(await assignment.permit("c1", "look", {}))

    first = here.start(("agent:player", {"player": player}))
    here.question(first)
    second = here.start(("agent:player", {"player": player}))
    assert (first.state, second.state) == ("waiting", "queued")
    here.answer(first, "allow")
    here.finish(first)
    here.answer(second, "allow")
    assert here.finish(second)[-1].data["state"] == "completed"


def test_those_of_another_chat_and_code_run_beside_it(here: Stage) -> None:
    turns = Turns()
    played = ("agent:player", turns.namespace)
    one, two = here.start(played, "one", chat="a"), here.start(played, "two", chat="b")
    here.until(one, lambda: sorted(turns.running) == ["one", "two"])
    turns.go("two")
    here.finish(two)
    turns.go("one")
    here.finish(one)


def test_one_that_waits_its_turn_can_be_cancelled(here: Stage) -> None:
    turns = Turns()
    played = ("agent:player", turns.namespace)
    first, second = (here.start(played, text) for text in ("first", "second"))
    here.until(first, lambda: turns.running == ["first"])
    here.command(second, "cancel")
    assert here.finish(second)[-1].data["state"] == "cancelled"
    turns.go("first")
    assert here.finish(first)[-1].data["state"] == "completed"


def test_it_waits_for_one_of_another_process_too(here: Stage) -> None:
    other = Stage(here.log)
    turns = Turns()
    played = ("agent:player", turns.namespace)
    first = other.start(played, "first")
    other.until(first, lambda: turns.running == ["first"])
    second = here.start(played, "second")
    assert second.state == "queued"
    turns.go("first")
    other.finish(first)
    here.until(second, lambda: turns.running == ["first", "second"])
    turns.go("second")
    here.finish(second)
    other.runner.close()

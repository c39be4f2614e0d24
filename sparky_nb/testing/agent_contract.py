"""What every agent adapter keeps, as tests: derive from :class:`AgentContract` and say how to play.

    class TestMyAdapter(AgentContract):
        @contextmanager
        def play(self, moves): ...

The tests run agents in a real runner over a log in memory; what is asserted is read from the log.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from msgspec import Struct

from sparky_nb.agents import AgentSettings, agent_work
from sparky_nb.clock import SystemClock
from sparky_nb.events.codec import decode_event
from sparky_nb.events.model import Event
from sparky_nb.ids import new_nonce
from sparky_nb.log import open_log
from sparky_nb.log.base import Log
from sparky_nb.log.liveness import RunnerIdentity
from sparky_nb.tasks import Execution, Runner, capture

PATIENCE = 30.0
"""Seconds that anything may take on a busy machine."""


class Say(Struct, frozen=True):
    """The agent says (or thinks) a text in pieces."""

    pieces: tuple[str, ...]
    thought: bool = False


class Use(Struct, frozen=True):
    """The agent uses the tool ``look`` with ``{"at": at}``; ``asks``: it needs permission first."""

    at: str = "the sky"
    asks: bool = False


class Hang(Struct, frozen=True):
    """The agent does nothing, for ever."""


class Fail(Struct, frozen=True):
    """The agent fails."""


Move = Say | Use | Hang | Fail
Played = tuple[str, dict[str, Any]]
"""The model's name for ``agent_work``, and the notebook's variables."""


class Stage:
    """A runner on which agents are run, over ``log`` or one in memory."""

    def __init__(self, log: Log | None = None) -> None:
        self.clock = SystemClock()
        self.log = log or open_log(f"memory://{new_nonce()}", clock=self.clock)
        identity = RunnerIdentity.current(new_nonce())
        self.runner = Runner(log=self.log, clock=self.clock, runner_id=identity.runner_id)

    def close(self) -> None:
        self.runner.close()
        capture.uninstall()
        self.log.close()

    def start(
        self,
        played: Played,
        instruction: str = "Look around",
        *,
        chat: str = "chat",
        **settings: Any,
    ) -> Execution:
        """Start an agent task."""
        model, namespace = played
        work = agent_work(
            instruction,
            model=model,
            chat_id=chat,
            log=self.log,
            clock=self.clock,
            asked_by="ann",
            namespace=namespace,
            settings=AgentSettings(**settings),
        )
        capture.install()
        return self.runner.start(work)

    def finish(self, execution: Execution) -> list[Event]:
        """Wait for the end; the task's events."""
        assert execution.done.wait(PATIENCE), self.shown(execution)
        return self.events(execution)

    def events(self, execution: Execution, type_: str | None = None) -> list[Event]:
        """The task's events so far."""
        page = self.log.read(execution.chat_id, limit=10_000)
        found = [decode_event(raw) for raw in page.events]
        mine = [event for event in found if event.task_id == execution.task_id]
        return [event for event in mine if type_ in (None, event.type)]

    def shown(self, execution: Execution) -> str:
        return "\n".join(f"{e.offset} {e.type} {e.data}" for e in self.events(execution))

    def until(self, execution: Execution, condition: Callable[[], Any]) -> Any:
        """Wait until ``condition()`` is true, and return it."""
        tick = threading.Event()
        deadline = self.clock.monotonic() + PATIENCE
        while not (value := condition()):
            assert self.clock.monotonic() < deadline, self.shown(execution)
            tick.wait(0.01)
        return value

    def question(self, execution: Execution) -> dict[str, Any]:
        """Wait for a question that is not answered yet."""

        def asked() -> Any:
            answered = {e.data.get("in_reply_to") for e in self.events(execution)}
            found = [e.data for e in self.events(execution, "question")]
            return [q for q in found if q["question_id"] not in answered]

        question: dict[str, Any] = self.until(execution, asked)[0]
        return question

    def command(self, execution: Execution, name: str, **args: Any) -> None:
        """Give a command, as a viewer does."""
        self.runner.submit(execution.chat_id, execution.task_id, name, args)

    def answer(self, execution: Execution, text: str) -> dict[str, Any]:
        """Answer the next question."""
        question = self.question(execution)
        args = {"question_id": question["question_id"], "answer": text}
        self.command(execution, "answer", **args)
        return question


@contextmanager
def stage() -> Iterator[Stage]:
    """A stage for the ``with`` block."""
    made = Stage()
    try:
        yield made
    finally:
        made.close()


def texts(events: Sequence[Event], type_: str = "message_sent") -> list[str]:
    """The whole texts of that type, in order."""
    found: dict[str, str] = {}
    for event in events:
        if event.type == type_:
            key = event.data["message_id"]
            found[key] = found.get(key, "") + event.data["text"]
    return list(found.values())


class AgentContract(ABC):
    """See the module."""

    allow, deny = "allow", "deny"
    """What the adapter's questions for permission are answered with."""

    @abstractmethod
    def play(self, moves: Sequence[Move]) -> AbstractContextManager[Played]:
        """An agent that makes ``moves``, one after the other, and ends."""

    def test_the_instruction_is_the_first_message(self) -> None:
        with stage() as here, self.play([Say(("done",))]) as played:
            events = here.finish(here.start(played, "Look around"))
            assert [e.type for e in events[:2]] == ["status", "message_received"]
            assert events[0].data["kind"] == "agent"
            assert events[0].data["model"] == played[0]
            assert events[1].data["text"] == "Look around"
            assert events[1].actor == "user:ann"

    def test_pieces_of_a_text_are_one_message_and_the_last_is_the_result(self) -> None:
        moves = [Say(("Let me ", "see"), thought=True), Say(("It is ", "blue"))]
        with stage() as here, self.play(moves) as played:
            events = here.finish(here.start(played))
            assert texts(events, "thought") == ["Let me see"], events
            assert texts(events) == ["It is blue"]
            said = [e for e in events if e.type == "message_sent"]
            assert [e.data["final"] for e in said][-1] is True
            assert {e.actor for e in said} == {"agent"}
            assert events[-1].data["state"] == "completed", events[-1]
            assert events[-1].data["result"] == "It is blue"

    def test_a_tool_call_stands_between_what_was_said_before_and_after(self) -> None:
        with stage() as here, self.play([Say(("before",)), Use(), Say(("after",))]) as played:
            events = here.finish(here.start(played))
            use = next(e for e in events if e.type == "tool_use")
            result = next(e for e in events if e.type == "tool_result")
            assert use.data["name"] == "look"
            assert use.data["args"] == {"at": "the sky"}
            assert result.data["tool_call_id"] == use.data["tool_call_id"]
            assert result.data["status"] == "success"
            assert texts([e for e in events if e.offset < use.offset]) == ["before"]
            assert texts([e for e in events if e.offset > result.offset]) == ["after"]

    def test_permission_is_a_question_about_the_call_and_is_waited_for(self) -> None:
        with stage() as here, self.play([Use(asks=True), Say(("done",))]) as played:
            execution = here.start(played)
            here.question(execution)
            assert execution.state == "waiting"
            question = here.answer(execution, self.allow)
            events = here.finish(execution)
            use = next(e for e in events if e.type == "tool_use")
            assert question["approval"] == {"tool_call_id": use.data["tool_call_id"]}
            assert next(e for e in events if e.type == "tool_result").data["status"] == "success"
            assert events[-1].data["state"] == "completed"

    def test_what_was_denied_is_not_done_and_the_agent_goes_on(self) -> None:
        with stage() as here, self.play([Use(asks=True), Say(("so be it",))]) as played:
            execution = here.start(played)
            here.answer(execution, self.deny)
            events = here.finish(execution)
            result = next(e for e in events if e.type == "tool_result")
            assert result.data["status"] in ("denied", "error")
            assert texts(events) == ["so be it"]

    def test_a_question_that_nobody_answers_in_time_allows_nothing(self) -> None:
        with stage() as here, self.play([Use(asks=True), Say(("pity",))]) as played:
            events = here.finish(here.start(played, approval_timeout=0.2))
            assert "expires" in next(e for e in events if e.type == "question").data
            result = next(e for e in events if e.type == "tool_result")
            assert result.data["status"] in ("denied", "error")
            assert texts(events) == ["pity"]

    @pytest.mark.promise("P6")
    def test_cancel_ends_it_and_closes_what_was_open(self) -> None:
        with stage() as here, self.play([Use(), Say(("I am ",)), Hang()]) as played:
            execution = here.start(played)
            here.until(execution, lambda: here.events(execution, "message_sent"))
            here.command(execution, "cancel")
            events = here.finish(execution)
            self.check_closed(events, "cancelled")

    @pytest.mark.promise("P6")
    def test_a_failure_is_told_and_closes_what_was_open(self) -> None:
        with stage() as here, self.play([Say(("I am ",)), Fail()]) as played:
            events = here.finish(here.start(played, attempts=1))
            self.check_closed(events, "failed")
            assert events[-1].data["error"]["message"]

    @pytest.mark.promise("P6")
    def test_the_time_limit_ends_it(self) -> None:
        with stage() as here, self.play([Say(("I am ",)), Hang()]) as played:
            events = here.finish(here.start(played, max_seconds=2.5))
            self.check_closed(events, "failed")
            assert "max_seconds" in events[-1].data["error"]["message"]

    @staticmethod
    def check_closed(events: Sequence[Event], state: str) -> None:
        """One ending, of that state; every text is final and every call has its result."""
        endings = ("completed", "failed", "cancelled", "lost")
        ends = [e for e in events if e.type == "status" and e.data["state"] in endings]
        assert [e.data["state"] for e in ends] == [state], events[-1]
        assert events[-1] == ends[0]
        used = {e.data["tool_call_id"] for e in events if e.type == "tool_use"}
        returned = {e.data["tool_call_id"] for e in events if e.type == "tool_result"}
        assert used == returned
        for type_ in ("thought", "message_sent"):
            said = {e.data["message_id"] for e in events if e.type == type_}
            final = {e.data["message_id"] for e in events if e.type == type_ and e.data["final"]}
            assert said == final

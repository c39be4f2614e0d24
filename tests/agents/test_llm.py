"""The built-in agent over real HTTP: steering, tries, limits, cancel, what the model is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

import sparky_nb
from sparky_nb.testing.agent_contract import Played, Stage, stage, texts
from tests.agents.openai_server import OpenAIServer, Reply, Script

SOON = {"retry-after-ms": "10"}


@pytest.fixture
def here() -> Iterator[Stage]:
    with stage() as made:
        yield made


@contextmanager
def model(script: Script, **namespace: Any) -> Iterator[tuple[OpenAIServer, Played]]:
    with pytest.MonkeyPatch.context() as patch, OpenAIServer(script) as server:
        patch.setenv("OPENAI_BASE_URL", server.base_url)
        yield server, ("openai:scripted", namespace)


def notes(here: Stage, execution: Any) -> list[str]:
    return [e.data["text"] for e in here.events(execution, "output") if e.data["stream"] == "log"]


def user_texts(messages: Sequence[dict[str, Any]]) -> list[str]:
    return [message["content"] for message in messages if message["role"] == "user"]


def test_tokens_are_counted_in_the_ending(here: Stage) -> None:
    with model([Reply(text=["done"])]) as (_, played):
        usage = here.finish(here.start(played))[-1].data["usage"]
    assert usage == {"requests": 1, "tool_calls": 0, "input_tokens": 11, "output_tokens": 7}


def test_what_is_used_up_is_told_with_each_answer_while_the_task_runs(here: Stage) -> None:
    seen: list[Any] = []

    @sparky_nb.tool(policy="allow")
    def look() -> str:
        "Look."
        (task,) = here.log.snapshot("chat").state["tasks"].values()
        seen.append(task.get("usage"))
        return "nothing"

    replies = [Reply(tools=[("look", {})]), Reply(tools=[("look", {})]), Reply(text=["done"])]
    with model(replies, look=look) as (_, played):
        execution = here.start(played)
        events = here.finish(execution)
    assert [(it["requests"], it["input_tokens"]) for it in seen] == [(1, 11), (2, 22)]
    told = [e.data["usage"] for e in events if e.type == "progress"]
    assert [it["requests"] for it in told] == [1, 2, 3]
    assert told[-1] == events[-1].data["usage"]
    assert here.log.task(execution.task_id).progress is None, "what it costs is no progress"


def test_tokens_that_a_server_does_not_tell_are_unknown_and_not_none(here: Stage) -> None:
    with model([Reply(text=["done"], usage=None)]) as (_, played):
        usage = here.finish(here.start(played))[-1].data["usage"]
    assert usage == {"requests": 1, "tool_calls": 0}


def test_the_cost_of_a_model_whose_price_is_known_is_in_the_ending(here: Stage) -> None:
    with model([Reply(text=["done"])]) as (_, (_, namespace)):
        usage = here.finish(here.start(("openai:gpt-4o-mini", namespace)))[-1].data["usage"]
    assert usage["cost_usd"] > 0


def test_a_message_that_is_sent_meanwhile_steers_the_next_step(here: Stage) -> None:
    @sparky_nb.tool
    def look() -> str:
        """Look."""
        return "clouds"

    script = [Reply(tools=[("look", {})]), Reply(text=["cloudy"])]
    with model(script, look=look) as (server, played):
        execution = here.start(played)
        here.question(execution)
        here.command(execution, "message", text="in French, please")
        here.answer(execution, "allow")
        here.finish(execution)
    assert "in French, please" in user_texts(server.asked(1))


def test_a_message_makes_an_agent_go_on_that_was_about_to_end(here: Stage) -> None:
    arrived = threading.Event()

    def script(body: dict[str, Any]) -> Reply:
        if "wait" in user_texts(body["messages"]):
            return Reply(text=["as you like"])
        here.command(execution, "message", text="wait")
        here.until(execution, lambda: here.events(execution, "message_received")[1:])
        arrived.set()
        return Reply(text=["done"])

    with model(script) as (_, played):
        execution = here.start(played)
        events = here.finish(execution)
    assert arrived.is_set()
    assert texts(events) == ["done", "as you like"]


def test_a_model_of_another_vendor_is_asked_by_several_tasks(
    here: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each task has an event loop of its own, which the vendor's client must not outlive."""
    with OpenAIServer(lambda _: Reply(text=["hi"])) as server:
        monkeypatch.setenv("OLLAMA_BASE_URL", server.base_url)
        for _ in range(3):
            assert here.finish(here.start(("ollama:llama3", {})))[-1].data["result"] == "hi"


def test_no_vendors_client_tries_again_unseen(here: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    with OpenAIServer(lambda _: Reply(status=500, headers=SOON)) as server:
        monkeypatch.setenv("OLLAMA_BASE_URL", server.base_url)
        execution = here.start(("ollama:llama3", {}), attempts=2)
        assert here.finish(execution)[-1].data["state"] == "failed"
        assert len(notes(here, execution)) == 1
    assert len(server.requests) == 2


def test_cancel_while_it_waits_for_permission(here: Stage) -> None:
    with model([Reply(tools=[("run_code", {"code": "1"})])]) as (_, played):
        execution = here.start(played)
        here.question(execution)
        here.command(execution, "cancel")
        events = here.finish(execution)
    assert events[-1].data["state"] == "cancelled"
    assert next(e for e in events if e.type == "tool_result").data["result"] == "cancelled"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_request_that_may_succeed_later_is_tried_again_and_that_is_said(
    here: Stage, status: int
) -> None:
    with model([Reply(status=status, headers=SOON), Reply(text=["done"])]) as (server, played):
        execution = here.start(played)
        assert here.finish(execution)[-1].data["result"] == "done"
        assert f"(HTTP {status}); try 2 of 4 in 0.01 s" in notes(here, execution)[0]
    assert len(server.requests) == 2


def test_the_pause_that_the_vendor_asks_for_is_kept_or_the_task_fails_and_says_so(
    here: Stage,
) -> None:
    with model([Reply(status=429, headers={"retry-after": "3600"})]) as (server, played):
        error = here.finish(here.start(played))[-1].data["error"]
    told = "too many requests (HTTP 429: scripted 429; it asks to wait 3600 s, longer than "
    assert told in error["message"]
    assert len(server.requests) == 1


def test_tries_are_bounded(here: Stage) -> None:
    script = [Reply(status=500, headers=SOON)] * 9
    with model(script) as (server, played):
        events = here.finish(here.start(played, attempts=3))
    assert "its server failed (HTTP 500" in events[-1].data["error"]["message"]
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    "status, words",
    [
        (401, "the credentials were refused; check the API key (HTTP 401"),
        (404, "there is no such model at this endpoint (HTTP 404"),
        (400, "the request was rejected (HTTP 400"),
    ],
)
def test_a_request_that_can_never_succeed_fails_at_once_in_plain_words(
    here: Stage, status: int, words: str
) -> None:
    with model([Reply(status=status)]) as (server, played):
        error = here.finish(here.start(played))[-1].data["error"]
    assert words in error["message"]
    assert "openai:scripted" in error["message"]
    assert error["type"] == "model_failed"
    assert len(server.requests) == 1


def test_an_answer_that_breaks_off_is_asked_for_again(here: Stage) -> None:
    with model([Reply(text=["Hel"], cut=True), Reply(text=["Hello"])]) as (server, played):
        execution = here.start(played)
        events = here.finish(execution)
        assert "the model's answer broke off" in notes(here, execution)[0]
    assert texts(events) == ["Hel", "Hello"]
    assert events[-1].data["result"] == "Hello"
    assert server.asked(0) == server.asked(1)


def test_a_model_that_is_silent_for_too_long_is_a_timeout(here: Stage) -> None:
    with model(lambda _: Reply(stall=True)) as (_, played):
        error = here.finish(here.start(played, silence=0.3, attempts=1))[-1].data["error"]
    assert "it did not answer in time" in error["message"]


def test_an_endpoint_that_is_not_there_is_told(here: Stage, monkeypatch: Any) -> None:
    with OpenAIServer([]) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
    error = here.finish(here.start(("openai:scripted", {}), attempts=1))[-1].data["error"]
    assert "the connection failed or broke off" in error["message"]


@pytest.mark.parametrize(
    "call, words",
    [(("look", '{"at": '), "Invalid JSON"), (("lok", {}), "Unknown tool name: 'lok'")],
)
def test_a_call_that_can_not_be_made_is_told_to_the_model_which_mends_it(
    here: Stage, call: tuple[str, Any], words: str
) -> None:
    @sparky_nb.tool(policy="allow")
    def look(at: str) -> str:
        """Look."""
        return "blue"

    with model([Reply(tools=[call]), Reply(text=["sorry"])], look=look) as (server, played):
        events = here.finish(here.start(played))
        told = server.asked(1)[-1]
    result = next(e for e in events if e.type == "tool_result").data
    assert (result["name"], result["status"]) == (call[0], "error")
    assert words in json.dumps(result["result"])
    assert told["role"] == "tool"
    assert words in told["content"]
    assert events[-1].data["result"] == "sorry"


def test_a_model_that_only_makes_nonsense_calls_fails(here: Stage) -> None:
    with model(lambda _: Reply(tools=[("nothing", {})])) as (_, played):
        error = here.finish(here.start(played))[-1].data["error"]
    assert "its answers could not be used" in error["message"]


def test_steps_are_bounded(here: Stage) -> None:
    @sparky_nb.tool(policy="allow")
    def look() -> str:
        """Look."""
        return "nothing"

    with model(lambda _: Reply(tools=[("look", {})]), look=look) as (server, played):
        error = here.finish(here.start(played, max_steps=3))[-1].data["error"]
    assert error["type"] == "limit_reached"
    words = "the agent asked the model 3 times, as often as it may (setting max_steps)"
    assert error["message"] == words
    assert len(server.requests) == 3


def test_tokens_are_bounded(here: Stage) -> None:
    with model(lambda _: Reply(tools=[("list_variables", {})])) as (server, played):
        error = here.finish(here.start(played, max_tokens=40))[-1].data["error"]
    assert error["message"].endswith("(setting max_tokens)")
    assert len(server.requests) == 3


def test_cost_is_bounded(here: Stage) -> None:
    dear = {"prompt_tokens": 10**6, "completion_tokens": 10**6, "total_tokens": 2 * 10**6}
    script = lambda _: Reply(tools=[("list_variables", {})], usage=dear)  # noqa: E731
    with model(script) as (server, _):
        error = here.finish(here.start(("openai:gpt-4o-mini", {}), max_cost=0.01))[-1].data["error"]
    assert error["message"].endswith("(setting max_cost)")
    assert len(server.requests) == 1


def test_no_key_and_no_endpoint_is_told_with_what_to_set(here: Stage) -> None:
    error = here.finish(here.start(("openai:gpt-5-mini", {})))[-1].data["error"]
    assert "OPENAI_API_KEY" in error["message"]


def test_a_base_url_can_be_a_setting(here: Stage) -> None:
    with OpenAIServer([Reply(text=["local"])]) as server:
        execution = here.start(("openai:llama3", {}), base_url=server.base_url)
        assert here.finish(execution)[-1].data["result"] == "local"
    assert server.requests[0]["model"] == "llama3"


def test_what_a_long_result_lacks_for_the_model_is_whole_in_the_log(here: Stage) -> None:
    @sparky_nb.tool(policy="allow")
    def look() -> str:
        """Look."""
        return "x" * 5000

    script = [Reply(tools=[("look", {})]), Reply(text=["long"])]
    with model(script, look=look) as (server, played):
        events = here.finish(here.start(played, result_chars=100))
        assert len(server.asked(1)[-1]["content"]) < 200
    assert next(e for e in events if e.type == "tool_result").data["result"] == "x" * 5000


def test_cancel_while_a_tool_runs_stops_the_tool_too(here: Stage) -> None:
    stopped: list[str] = []

    @sparky_nb.tool(policy="allow")
    def work() -> None:
        """Work for ever."""
        task = sparky_nb.current_task()
        assert task is not None
        try:
            done = 0
            while True:
                task.progress(done)
                done += 1
        finally:
            stopped.append("work")

    with model([Reply(tools=[("work", {})])], work=work) as (_, played):
        execution = here.start(played)
        here.until(execution, lambda: here.events(execution, "progress"))
        here.command(execution, "cancel")
        events = here.finish(execution)
    assert stopped == ["work"]
    assert events[-1].data["state"] == "cancelled"
    result = next(e for e in events if e.type == "tool_result").data
    assert (result["status"], result["result"]) == ("error", "cancelled")


def test_cancel_while_it_waits_before_the_next_try(here: Stage) -> None:
    with model([Reply(status=429, headers={"retry-after": "100"})]) as (_, played):
        execution = here.start(played)
        here.until(execution, lambda: notes(here, execution))
        here.command(execution, "cancel")
        assert here.finish(execution)[-1].data["state"] == "cancelled"

"""Agents behind a real Jupyter server: approval by a viewer, memory after the kernel's end."""

from __future__ import annotations

from pathlib import Path

import pytest

import sparky_nb
from sparky_nb.log import open_log
from sparky_nb.testing.agent_contract import Stage
from tests.agents.openai_server import OpenAIServer, Reply
from tests.live import live_server, wait_for


@pytest.mark.timeout(180)
def test_an_approval_survives_the_server_and_is_given_by_any_viewer(tmp_path: Path) -> None:
    done: list[str] = []

    @sparky_nb.tool
    def wipe(path: str) -> str:
        """Wipe."""
        done.append(path)
        return "wiped"

    script = [Reply(tools=[("wipe", {"path": "x"})]), Reply(text=["clean"])]
    with live_server(tmp_path) as server, OpenAIServer(script) as model:
        here = Stage(open_log(server.log_url))
        execution = here.start(("openai:x", {"wipe": wipe}), base_url=model.base_url)
        viewer = server.socket("chat")
        question = viewer.until_type("question")["data"]
        assert question["approval"]["tool_call_id"]
        server.kill()
        server.start()
        state = server.api("chats/chat/snapshot")["state"]
        assert list(state["questions"]) == [question["question_id"]]
        assert state["tasks"][execution.task_id]["state"] == "waiting"
        assert done == []
        answer = {"question_id": question["question_id"], "answer": "allow"}
        path = f"sparky/api/v1/tasks/{execution.task_id}/answer"
        assert server.http("POST", path, answer)[0] == 202
        events = here.finish(execution)
        here.close()
    assert done == ["x"]
    assert events[-1].data["result"] == "clean"


@pytest.mark.timeout(180)
def test_the_chat_remembers_after_its_kernel_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def script(body: dict[str, list[dict[str, str]]]) -> Reply:
        asked = [m["content"] for m in body["messages"] if m["role"] == "user"]
        if asked[-1] == "hang":
            return Reply(text=["I am at it"], hang=True)
        return Reply(text=[" | ".join(asked)])

    with OpenAIServer(script) as model:
        monkeypatch.setenv("OPENAI_BASE_URL", model.base_url)
        monkeypatch.setenv("SPARKY_MODEL", "openai:x")
        with live_server(tmp_path) as server:
            first = server.kernel("first.ipynb")
            first.run("h = %sparky task --chat mine My name is Ann")
            assert "My name is Ann" in first.run("h.result(60)")
            first.run("%sparky task --chat mine hang")
            assert model.hanging.wait(60)
            first.kill()
            wait_for(lambda: server.api("tasks?chat=mine&state=lost"), "the agent's task is lost")
            second = server.kernel("second.ipynb")
            said = second.run("h = %sparky task --chat mine Who am I?\nprint(h.result(60))")
    assert "My name is Ann | hang | Who am I?" in said
    told = [m["content"] for m in model.requests[-1]["messages"]]
    assert any("(This task ended as lost.)" in str(text) for text in told)

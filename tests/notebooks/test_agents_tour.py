"""The tour of the agents, executed against a model that is played over real HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from sparky_nb.events import Event, decode_event
from sparky_nb.ids import DEFAULT_CHAT
from sparky_nb.log import open_log
from tests.agents.openai_server import OpenAIServer, Reply

TOUR = Path(__file__).parents[2] / "notebooks" / "agents.ipynb"
JUNK = ["build.log", "old.tmp"]


def model(body: dict[str, Any]) -> Reply:
    """What a model with sense would say to the tour's instructions."""
    messages = body["messages"]
    asked = [m["content"] for m in messages if m["role"] == "user"][-1]
    results = []
    for message in reversed(messages):
        if message["role"] == "user":
            break
        if message["role"] == "tool":
            results.insert(0, message["content"])
    if asked.startswith("Find what is not worth keeping"):
        if not results:
            call = ("list_folder", {"folder": "playground"})
            return Reply(reasoning=["What ", "is there?"], text=["I look around."], tools=[call])
        if len(results) == 1:
            names = [name for name in json.loads(results[0]) if name in JUNK]
            call = ("delete_files", {"folder": "playground", "names": sorted(names)})
            return Reply(tools=[call])
        return Reply(text=["That freed ", f"{results[1]} bytes."])
    if asked.startswith("Which files"):
        calls = [call["function"] for m in messages for call in m.get("tool_calls") or ()]
        deleted = [
            json.loads(c["arguments"])["names"] for c in calls if c["name"] == "delete_files"
        ]
        return Reply(text=[f"I deleted {', '.join(deleted[-1])}."])
    if asked.startswith("Add up"):
        if not results:
            code = "totals = {region: sum(values) for region, values in sales.items()}\ntotals"
            return Reply(tools=[("run_code", {"code": code})])
        return Reply(text=[f"The sums are {json.loads(results[0])['value']}."])
    return Reply(reasoning=["Seven ", "…"], hang=True)


@pytest.mark.timeout(300)
def test_the_tour_of_the_agents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARKY_LOG_URL", f"sqlite:///{tmp_path / 'log.db'}")
    monkeypatch.setenv("SPARKY_MODEL", "openai:scripted")
    notebook = nbformat.read(TOUR, as_version=4)
    with OpenAIServer(model) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        resources = {"metadata": {"path": str(tmp_path)}}
        NotebookClient(notebook, timeout=240, resources=resources).execute()
        assert server.left.wait(10)
    with open_log() as log:
        wires = log.read(DEFAULT_CHAT, limit=10_000).events
        rows = {row.name: row for row in log.tasks()}
    events = [decode_event(wire) for wire in wires]
    assert {name: row.state for name, row in rows.items()} == {
        "Tidy": "completed",
        "Recall": "completed",
        "Sum": "completed",
        "Ponder": "cancelled",
        "Count": "completed",
    }

    def of(name: str, type_: str) -> list[Event]:
        mine = rows[name].task_id
        return [e for e in events if e.task_id == mine and e.type == type_]

    assert [e.data["name"] for e in of("Tidy", "tool_use")] == ["list_folder", "delete_files"]
    (question,) = of("Tidy", "question")
    assert (
        question.data["approval"]["tool_call_id"] == of("Tidy", "tool_use")[1].data["tool_call_id"]
    )
    bars = [it.data for it in of("Tidy", "progress") if it.data["key"] != "usage"]
    assert bars[-1]["done"] == 2
    assert rows["Tidy"].result == "That freed 130000 bytes."
    assert sorted(path.name for path in (tmp_path / "playground").iterdir()) == [
        "notes.md",
        "report.csv",
    ]
    assert rows["Recall"].result == "I deleted build.log, old.tmp."
    assert "'north': 400" in rows["Sum"].result
    assert rows["Count"].result == "How(3) long(4) are(3) these(5) words(5) "
    printed = "".join(
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", ())
    )
    assert "That freed 130000 bytes." in printed
    assert "Tidy {'requests': 3, 'tool_calls': 2, 'input_tokens': 33" in printed

"""The tours are executed as a reader would; what they claim is asserted from the log."""

from __future__ import annotations

from collections import Counter
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from sparky_nb.events import Event, decode_event
from sparky_nb.ids import DEFAULT_CHAT
from sparky_nb.log import open_log
from sparky_nb.log.base import Log, TaskRow

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


class Toured:
    """A notebook that was executed, and the log that it left."""

    def __init__(self, name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SPARKY_LOG_URL", f"sqlite:///{folder / 'log.db'}")
        self.notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
        client = NotebookClient(
            self.notebook, timeout=600, resources={"metadata": {"path": str(folder)}}
        )
        client.execute()
        self.log: Log = open_log()

    def named(self, name: str) -> list[TaskRow]:
        """The tasks of that name, oldest first."""
        return [row for row in reversed(self.log.tasks()) if row.name == name]

    def events(self, task: TaskRow) -> list[Event]:
        """The task's events, in order; the chat's offsets must be contiguous."""
        wires = self.log.read(DEFAULT_CHAT, limit=10_000).events
        events = [decode_event(wire) for wire in wires]
        assert [event.offset for event in events] == list(range(1, len(events) + 1))
        return [event for event in events if event.task_id == task.task_id]

    def results(self) -> list[dict[str, Any]]:
        """The MIME bundles that its cells returned, in order."""
        return [
            output["data"]
            for cell in self.notebook.cells
            for output in cell.get("outputs", ())
            if output["output_type"] == "execute_result"
        ]


@pytest.mark.timeout(900)
@pytest.mark.promise("P1", "P3")
def test_the_quickstart_audits_this_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tour = Toured("quickstart.ipynb", tmp_path, monkeypatch)
    (audit,) = tour.named("Environment audit")
    assert audit.state == "completed"
    events = tour.events(audit)
    kinds = Counter(event.type for event in events)
    installed = len(list(distributions()))
    assert kinds["tool_use"] == kinds["tool_result"] == installed
    report = events[-1].data["result"]
    assert report["distributions"] == installed
    assert report["files"] > 1000
    assert sum(report["licences"].values()) == installed
    assert [m["statements"] for m in report["biggest_modules"]] == sorted(
        (m["statements"] for m in report["biggest_modules"]), reverse=True
    )
    audited = sum(e.data["result"]["files"] for e in events if e.type == "tool_result")
    assert audited == report["files"]
    progress = [e.data for e in events if e.type == "progress"]
    assert progress[-1]["done"] == progress[-1]["total"] == installed
    (collatz,) = tour.named("Collatz")
    assert tour.events(collatz)[-1].data["result"] == {"start": 26623, "steps": 307}
    bundles = tour.results()
    assert any("application/vnd.sparky-nb.task.v1+json" in bundle for bundle in bundles)


@pytest.mark.promise("P6", "P10")
def test_the_second_tour_fails_cancels_asks_and_looks_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tour = Toured("tour.ipynb", tmp_path, monkeypatch)
    failed, again = tour.named("Fails")
    assert (failed.state, again.state) == ("failed", "failed")
    assert again.retry_of == failed.task_id
    ending = tour.events(failed)[-1]
    assert ending.data["error"]["type"] == "KeyError"
    assert "prices" in ending.data["error"]["traceback"]
    (endless,) = tour.named("Endless")
    assert endless.state == "cancelled"
    outcomes = [e.data["outcome"] for e in tour.events(endless) if e.type == "command"]
    assert outcomes == ["accepted", "applied"]
    (careful,) = tour.named("Careful")
    states = [e.data["state"] for e in tour.events(careful) if e.type == "status"]
    assert states == ["running", "waiting", "running", "completed"]
    assert careful.result == "no"
    for task in tour.log.tasks():
        statuses = [e for e in tour.events(task) if e.type == "status"]
        assert sum(e.data["state"] == task.state for e in statuses[-1:]) == 1
        assert tour.events(task)[-1] == statuses[-1]

"""The tour of the schedules, executed; what it claims is looked up in the log."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from sparky_nb.ids import DEFAULT_CHAT
from sparky_nb.log import open_log

TOUR = Path(__file__).parents[2] / "notebooks" / "schedules.ipynb"


@pytest.mark.timeout(300)
def test_the_tour_of_the_schedules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    monkeypatch.setenv("SPARKY_LOG_URL", url)
    notebook = nbformat.read(TOUR, as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": tmp_path}}).execute()
    shown = {cell.id: json.dumps(cell.get("outputs", [])) for cell in notebook.cells}
    assert "every second" in shown["schedule"]
    assert "count the files" in shown["list"]
    assert "paused" in shown["pause"]
    assert "at 08:00 on Monday through Friday (Europe/Berlin)" in shown["agent-words"]
    assert "no schedules" in shown["remove"]
    with open_log(url) as log:
        assert log.schedules() == []
        tasks = [it for it in log.tasks(chat_id=DEFAULT_CHAT) if it.schedule_id is not None]
        assert len(tasks) >= 3
        assert {it.state for it in tasks} <= {"completed", "queued", "cancelled"}
        assert sum(it.state == "completed" for it in tasks) >= 3
        assert len({it.schedule_id for it in tasks}) == 1
        assert list(log.verify()) == []

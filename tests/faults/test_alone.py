"""Without a server, without a browser, without a model: tasks run, the log has everything."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from sparky_nb.events.codec import decode_event
from sparky_nb.log import open_log
from sparky_nb.log.base import Log, TaskRow

PATIENCE = 120.0
ROOT = Path(__file__).parents[2]

SCRIPT = """
import sparky_nb

def clean(task, days):
    for day in task.track(range(days)):
        with task.tool("remove", day=day) as call:
            call.result = day * 10
    print("cleaned")
    return days

print(sparky_nb.start(clean, 3, name="nightly").result())
"""


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    return tmp_path / "log" / "log.db"


def _kept(log: Log) -> tuple[TaskRow, list[str]]:
    (row,) = log.tasks()
    return row, [decode_event(it).type for it in log.read(row.chat_id, limit=1000).events]


def test_a_script_under_cron_runs_its_task_and_leaves_all_of_it_in_the_log(
    tmp_path: Path, log_file: Path
) -> None:
    script = tmp_path / "nightly.py"
    script.write_text(SCRIPT)
    # What cron gives: hardly any variables, no terminal, no input, no home to speak of.
    environment = {
        "PATH": "/usr/bin:/bin",
        "SHELL": "/bin/sh",
        "HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
        "SPARKY_LOG_URL": f"sqlite://{log_file}",
    }
    ran = subprocess.run(
        [sys.executable, "-W", "error", str(script)], env=environment, cwd="/",
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE,
        start_new_session=True, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "3\n", "")
    with open_log(f"sqlite://{log_file}") as log:
        row, types = _kept(log)
        assert log.runners() == []
    assert (row.state, row.name, row.result, row.chat_id) == ("completed", "nightly", 3, "default")
    assert types.count("tool_use") == types.count("tool_result") == 3
    assert {"progress", "output"} <= set(types)


CELLS = (
    ("parameters", "days = 1"),
    ("", "%load_ext sparky_nb"),
    (
        "",
        "%%sparky task --name nightly\n"
        "for day in task.track(range(days)):\n"
        "    with task.tool('remove', day=day) as call:\n"
        "        call.result = day * 10\n"
        "days",
    ),
    ("", "handle = _\nprint('all of', handle.result(60))"),
)


@pytest.mark.timeout(180)
def test_papermill_runs_a_notebook_with_its_parameters_and_the_log_has_its_task(
    tmp_path: Path, log_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = {"name": "python3", "language": "python", "display_name": "Python 3"}
    book = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
    for tag, source in CELLS:
        cell = nbformat.v4.new_code_cell(source)
        cell.metadata["tags"] = [tag] if tag else []
        book.cells.append(cell)
    nbformat.write(book, tmp_path / "nightly.ipynb")
    monkeypatch.setenv("SPARKY_LOG_URL", f"sqlite://{log_file}")
    ran = subprocess.run(
        [sys.executable, "-m", "papermill", "nightly.ipynb", "out.ipynb", "-p", "days", "3"],
        cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert "all of 3" in (tmp_path / "out.ipynb").read_text()
    with open_log(f"sqlite://{log_file}") as log:
        row, types = _kept(log)
    assert (row.state, row.name, row.result) == ("completed", "nightly", 3)
    assert types.count("tool_result") == 3

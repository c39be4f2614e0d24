from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

import sparky_nb.api as api


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """A real IPython with the extension loaded, over a log of its own."""
    monkeypatch.setenv("SPARKY_LOG_URL", f"sqlite://{tmp_path}/log.db")
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    shell.history_manager.enabled = False
    shell.run_line_magic("load_ext", "sparky_nb")
    yield shell
    api.shutdown()
    shell.run_line_magic("unload_ext", "sparky_nb")
    shell.history_manager.end_session()
    InteractiveShell.clear_instance()


@pytest.fixture
def cell(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> Callable[[str], Any]:
    """Runs a cell; its value, or what was printed as its error."""

    def run(source: str) -> Any:
        capsys.readouterr()
        result = shell.run_cell(source)
        if result.error_in_exec is not None:
            return capsys.readouterr().err.strip()
        if result.error_before_exec is not None:
            raise result.error_before_exec
        return result.result

    return run

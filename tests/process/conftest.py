from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import sparky_nb
from sparky_nb import api


@pytest.fixture(autouse=True)
def log_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A log of the test's own, and a runner of this process over it, as a script has one."""
    url = f"sqlite://{tmp_path}/log/log.db"
    monkeypatch.setenv("SPARKY_LOG_URL", url)
    sparky_nb.shutdown()
    before = api.configure()
    yield url
    for row in api.find_tasks():
        handle = sparky_nb.task(row.task_id)
        if row.state in ("queued", "running", "waiting") and hasattr(handle, "kill"):
            handle.kill()
    sparky_nb.shutdown()
    api.configure(cancel_grace=before.cancel_grace)

"""The server is killed, its kernels die with it: the task in its own process goes on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import sparky_nb
from tests.live import live_server
from tests.process.started import events_of, is_gone, printed, until_says, wait_for

CELL = """%%sparky task --process --name outlives
import os, pathlib
task.message("ready")
while not pathlib.Path({path!r}).exists():
    task.receive(timeout=0.02)
print("still here")
import fractions
fractions.Fraction(1, 3)
"""


@pytest.mark.promise("P3", "P6")
@pytest.mark.timeout(120)
def test_it_goes_on_when_its_server_and_its_kernel_are_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fractions import Fraction

    with live_server(tmp_path) as server:
        monkeypatch.setenv("SPARKY_LOG_URL", server.log_url)
        kernel = server.kernel()
        said = kernel.run(CELL.format(path=str(tmp_path / "go")))
        found = re.search(r"task-\w{12}", said)
        assert found, said
        handle = sparky_nb.task(found[0])
        until_says(handle, "ready")
        server.kill()
        wait_for(lambda: is_gone(kernel.pid), "the kernel has died with its server")
        assert handle.state == "running"
        (tmp_path / "go").touch()
        assert handle.result(40) == Fraction(1, 3)
        assert printed(events_of(handle)) == "still here\n"

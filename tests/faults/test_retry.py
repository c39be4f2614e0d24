"""A code task is retried over HTTP by the kernel that has its code, and by no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.live import TERMINAL, LiveServer, live_server, wait_for


def ended(server: LiveServer, task_id: str) -> dict[str, object]:
    def row() -> dict[str, object] | None:
        found = server.api(f"tasks/{task_id}")
        return found if found["state"] in TERMINAL else None

    found: dict[str, object] = wait_for(row, f"{task_id} has ended")
    return found


@pytest.mark.promise("P6")
def test_a_retry_over_http_runs_where_the_code_is(tmp_path: Path) -> None:
    with live_server(tmp_path) as server:
        kernel = server.kernel()
        kernel.run("calls = []\ndef work():\n    calls.append(1)\n    return len(calls)")
        code = "import sparky_nb; h = sparky_nb.start(work, chat='again'); print(h.task_id)"
        first = ended(server, kernel.run(code).strip())
        assert (first["state"], first["result"]) == ("completed", 1)
        status, again, _ = server.http("POST", f"sparky/api/v1/tasks/{first['task_id']}/retry")
        assert (status, again["retry_of"]) == (201, first["task_id"])
        second = ended(server, again["task_id"])
        assert (second["state"], second["result"], second["attempt"]) == ("completed", 2, 1)
        kernel.kill()

        def refused() -> bool:
            path = f"sparky/api/v1/tasks/{second['task_id']}/retry"
            status, answer, _ = server.http("POST", path)
            if status == 201:  # accepted before the death was noticed: it must end, as lost
                assert ended(server, answer["task_id"])["state"] == "lost"
                return False
            assert (status, answer["error"]["code"]) == (409, "conflict")
            return True

        wait_for(refused, "the retry is refused, as the code is gone")

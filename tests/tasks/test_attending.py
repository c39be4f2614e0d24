"""Who is known as one that takes what is queued."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sparky_nb.errors import LogUnavailable
from sparky_nb.log import Log
from sparky_nb.log.base import RunnerRow
from sparky_nb.worker.attending import Attendant
from tests.tasks.running import Bench, wait_for


def test_a_runner_is_known_by_its_chat_once_it_attends_and_not_for_tasks_of_its_own(
    log: Log, make_bench: Callable[..., Bench]
) -> None:
    bench = make_bench()

    def known() -> list[tuple[str, str | None]]:
        return [(row.role, row.chat_id) for row in log.runners()]

    bench.run(print, "x")
    assert known() == [("kernel", None)]
    bench.runner.attend(lambda: None)
    assert known() == [("kernel", bench.runner.chat_id)]
    bench.runner.attend(lambda: None)
    assert known() == [("kernel", bench.runner.chat_id)]


def test_a_kernel_attends_as_soon_as_the_log_can_be_written(
    log: Log, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    register, tries = log.register, list[str]()

    def fail_once(row: RunnerRow) -> None:
        tries.append(row.runner_id)
        if len(tries) == 1:
            raise LogUnavailable("down for the test")
        register(row)

    monkeypatch.setattr(log, "register", fail_once)
    Attendant(bench.runner, []).start()
    wait_for(lambda: [row.chat_id for row in log.runners()] == [bench.runner.chat_id], "it attends")

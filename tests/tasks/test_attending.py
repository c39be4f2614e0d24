"""Who is known as one that takes what is queued."""

from __future__ import annotations

from collections.abc import Callable

from sparky_nb.log import Log
from tests.tasks.running import Bench


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

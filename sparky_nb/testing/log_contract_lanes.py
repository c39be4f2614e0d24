"""The part of a log's contract that is about lanes: agent tasks of one chat take turns, and the
transaction that lets one begin decides whose turn it is. log_contract.py has the rest."""

from __future__ import annotations

import threading

import pytest

from sparky_nb.errors import LaneTaken
from sparky_nb.log.base import Log
from sparky_nb.testing.log_contract_chats import LogCase, Opener
from sparky_nb.testing.log_samples import (
    OTHER,
    RUNNER,
    all_events,
    append,
    fence,
    queue,
    runner_row,
    start,
    status,
    task_id,
)

_PATIENCE = 30.0


def run_agent(log: Log, chat: str, number: int, runner: str = RUNNER) -> str:
    """An agent task that begins at once."""
    return start(log, chat, number, runner, kind="agent")


def claim(log: Log, chat: str, task: str, runner: str = RUNNER) -> None:
    """Take ``task`` out of the queue for ``runner``."""
    taken = status(f"{task} taken by {runner}", task, "running", runner=runner)
    append(log, chat, taken, fence=fence(task, runner=runner))


def end(log: Log, chat: str, task: str, runner: str = RUNNER) -> None:
    append(log, chat, status(f"{task} ends", task, "completed"), fence=fence(task, runner=runner))


class LaneContract(LogCase):
    """Whose turn it is."""

    def test_a_second_agent_task_of_a_chat_cannot_begin_before_the_first_has_ended(
        self, log: Log, open_log: Opener
    ) -> None:
        first, other = run_agent(log, "c", 1), open_log()
        with pytest.raises(LaneTaken) as refused:
            run_agent(other, "c", 2, OTHER)
        assert refused.value.holder == first
        assert log.tasks(chat_id="c") == [log.task(first)]
        end(log, "c", first)
        assert other.task(run_agent(other, "c", 2, OTHER)).state == "running"

    def test_what_is_queued_is_taken_when_its_turn_has_come(self, log: Log) -> None:
        first, second = queue(log, "c", 1), queue(log, "c", 2)
        claim(log, "c", first)
        with pytest.raises(LaneTaken):
            claim(log, "c", second, OTHER)
        assert (log.task(second).state, log.task(second).runner) == ("queued", None)
        end(log, "c", first)
        claim(log, "c", second, OTHER)
        assert log.task(second).runner == OTHER

    def test_one_that_waits_for_an_answer_keeps_its_turn_and_goes_on(self, log: Log) -> None:
        first, second = run_agent(log, "c", 1), queue(log, "c", 2)
        append(log, "c", status("waits", first, "waiting"), fence=fence(first))
        with pytest.raises(LaneTaken):
            claim(log, "c", second, OTHER)
        append(log, "c", status("goes on", first, "running"), fence=fence(first))
        assert log.task(first).state == "running"

    def test_two_cannot_begin_in_one_transaction_either(self, log: Log) -> None:
        events = [
            status(f"b{n}", task_id(n), "running", runner=RUNNER, kind="agent") for n in (1, 2)
        ]
        with pytest.raises(LaneTaken):
            append(log, "c", *events)
        assert log.tasks() == []

    def test_other_chats_and_other_kinds_of_task_run_beside_it(self, log: Log) -> None:
        run_agent(log, "c", 1)
        for task in (start(log, "c", 2), run_agent(log, "d", 3), start(log, "c", 4, kind="cell")):
            assert log.task(task).state == "running"

    @pytest.mark.promise("P5")
    def test_beginning_again_after_a_lost_answer_is_no_error(self, log: Log) -> None:
        first = queue(log, "c", 1)
        claim(log, "c", first)
        claim(log, "c", first)
        end(log, "c", first)
        second = run_agent(log, "c", 2)
        claim(log, "c", first)  # stored long ago: it says nothing about whose turn it is now
        assert (log.task(first).state, log.task(second).state) == ("completed", "running")

    @pytest.mark.promise("P6")
    def test_the_turn_of_a_dead_runner_ends_with_it(self, log: Log, open_log: Opener) -> None:
        log.register(runner_row())
        first, second, other = run_agent(log, "c", 1), queue(log, "c", 2), open_log()
        assert other.declare_lost(RUNNER, reason="died", now_ms=9) == [first]
        claim(other, "c", second, OTHER)
        assert (log.task(first).state, log.task(second).state) == ("lost", "running")

    def test_of_several_that_begin_at_once_one_does(self, log: Log, open_log: Opener) -> None:
        runners = [f"boot:1:{n}:3:aaaaaaaa" for n in range(1, 5)]
        logs = [open_log() for _ in runners]
        together = threading.Barrier(len(runners))

        def play(number: int) -> None:
            mine, runner = logs[number], runners[number]
            for turn in range(8):
                task = task_id(100 * number + turn)
                together.wait(_PATIENCE)
                while True:
                    try:
                        run_agent(mine, "c", 100 * number + turn, runner)
                        break
                    except LaneTaken:
                        continue
                end(mine, "c", task, runner)

        threads = [threading.Thread(target=play, args=(n,)) for n in range(len(runners))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(_PATIENCE)
        told = all_events(log, "c")
        assert len(told) == len(runners) * 8 * 2
        for begins, ends in zip(told[::2], told[1::2], strict=True):
            assert begins.task_id == ends.task_id
            assert (begins.data["state"], ends.data["state"]) == ("running", "completed")

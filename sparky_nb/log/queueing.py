"""The transaction that puts a task into the queue, for a runner that has time.

The command line, servers and schedules all queue by it; runners take what is queued
(sparky_nb/worker).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sparky_nb.errors import Conflict, InvalidArgument
from sparky_nb.events.model import JsonObject, NewEvent
from sparky_nb.events.states import QUEUED, TERMINAL
from sparky_nb.ids import check_chat_id, check_model, derived_id, new_event_id, new_task_id
from sparky_nb.log.base import Append, RunnerRow, TaskRow
from sparky_nb.log.liveness import is_alive

_INSTRUCTION_MAX: Final = 100_000
NAME_MAX: Final = 200
WAITS: Final = "waits for a runner"
CALL_END: Final = "()"
_OWN_AGENT: Final = "agent:"


def check_instruction(instruction: str) -> None:
    """Raise InvalidArgument unless somebody could follow ``instruction``."""
    if not instruction.strip() or len(instruction) > _INSTRUCTION_MAX:
        raise InvalidArgument("instruction", f"1 to {_INSTRUCTION_MAX} characters", instruction)


def needs(kind: str | None, instruction: str | None, model: str | None) -> str | None:
    """What a queued task needs beside a runner; None: nothing.

    >>> needs("call", "refresh()", None)
    'its notebook, which has refresh()'
    >>> needs("agent", "Tidy up", "agent:mine")
    'a process that has the agent mine'
    """
    if kind == "call" and instruction is not None and instruction.endswith(CALL_END):
        return f"its notebook, which has {instruction}"
    if kind == "agent" and model is not None and model.startswith(_OWN_AGENT):
        return f"a process that has the agent {model.removeprefix(_OWN_AGENT)}"
    return None


def queued_task(
    chat_id: str,
    *,
    asked_by: str,
    now_ms: int,
    instruction: str | None,
    name: str | None = None,
    model: str | None = None,
    kind: str = "agent",
    task_id: str | None = None,
    schedule_id: str | None = None,
    retry_of: str | None = None,
    runner: str | None = None,
    origin: JsonObject | None = None,
    title: str | None = None,
) -> tuple[str, Append]:
    """(the task's id, what to commit).

    Args:
        chat_id: the chat; it comes into being where it is not there.
        asked_by: whose words the instruction is; for an agent it is also the first message.
        now_ms: ms UTC.
        instruction: what to do; for ``kind="call"`` the call as people read it; None: the code
            that ``runner`` has.
        name, model: of the task.
        task_id: where it is given, so are the events' ids by it: repeating stores it once.
        schedule_id: what made it.
        retry_of, runner, origin: the task that it repeats, who alone can do it, where it began.
        title: of a chat that is created by it.

    Raises:
        InvalidArgument: the chat's name, an instruction that is empty or too long, a model's name
            that is none.
    """
    check_chat_id(chat_id)
    if instruction is not None:
        check_instruction(instruction)
    if name is not None and not 0 < len(name) <= NAME_MAX:
        raise InvalidArgument("name", f"1 to {NAME_MAX} characters", name)
    if model is not None:
        check_model(model)
    status: dict[str, Any] = {"state": QUEUED, "attempt": 1, "kind": kind}
    given = {
        "name": name,
        "instruction": instruction,
        "model": model,
        "schedule_id": schedule_id,
        "retry_of": retry_of,
        "runner": runner,
        "origin": origin,
    }
    status |= {key: value for key, value in given.items() if value is not None}
    needed = needs(kind, instruction, model) if runner is None else None
    status["reason"] = WAITS if needed is None else f"waits for {needed}"
    chosen = task_id or new_task_id()

    def event(part: str, kind_: str, actor: str, data: dict[str, Any]) -> NewEvent:
        key = derived_id(task_id, part) if task_id is not None else new_event_id(now_ms)
        return NewEvent(id=key, type=kind_, time=now_ms, task_id=chosen, actor=actor, data=data)

    events = [event("queued", "status", "system" if schedule_id else f"user:{asked_by}", status)]
    if kind == "agent" and instruction is not None:
        said = {"text": instruction, "from": asked_by}
        first = event("said", "message_received", f"user:{asked_by}", said)
        said["message_id"] = first.id
        events.append(first)
    return chosen, Append(chat=chat_id, events=tuple(events), title=title)


def retried_task(
    row: TaskRow, runners: Sequence[RunnerRow], *, asked_by: str, now_ms: int
) -> tuple[str, Append]:
    """The work of ``row`` once more: (the new task's id, what to commit).

    An instruction can be carried out by anybody; code only by the process that has it, one of
    ``runners``.

    Raises:
        Conflict: it has not ended, or that process is gone.
    """
    return queued_task(
        row.chat_id,
        asked_by=asked_by,
        now_ms=now_ms,
        instruction=row.instruction,
        name=row.name,
        model=row.model,
        kind=row.kind,
        retry_of=row.task_id,
        runner=_runner_to_retry(row, runners),
        origin=row.origin,
    )


def _runner_to_retry(row: TaskRow, runners: Sequence[RunnerRow]) -> str | None:
    if row.state not in TERMINAL:
        raise Conflict(f"task {row.task_id} has not ended ({row.state})")
    if row.kind == "agent" and row.instruction is not None:
        return None
    known = {it.runner_id for it in runners}
    if row.runner is None or row.runner not in known or is_alive(row.runner) is False:
        raise Conflict(
            f"the process that ran task {row.task_id} is gone, and its code with it: "
            "run its cell again"
        )
    return row.runner

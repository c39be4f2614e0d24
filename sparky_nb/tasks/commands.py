"""What a command does to a task that runs here; each ends in one outcome (protocol.md §5)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import msgspec

from sparky_nb.clock import Clock
from sparky_nb.errors import Conflict, Fenced, InvalidArgument, NotFound, UsageError
from sparky_nb.events.jsonable import safe_text
from sparky_nb.events.model import NewEvent
from sparky_nb.events.states import RUNNING, WAITING
from sparky_nb.ids import derived_id
from sparky_nb.log.base import CommandRow
from sparky_nb.tasks.execution import Execution
from sparky_nb.tasks.questions import Answer, check_answer

_log = logging.getLogger(__name__)


def carry_out(row: CommandRow, execution: Execution, clock: Clock) -> None:
    """Do what ``row`` asks, and store its outcome with the events that it causes."""
    act = _ACTS.get(row.command.name)
    try:
        if act is None:
            raise InvalidArgument("name", f"one of {', '.join(_ACTS)}", row.command.name)
        act(row, execution, clock)
    except Fenced:
        _log.debug("a command came for task %s, which is fenced", row.task_id)
    except UsageError as error:
        try:
            event = _outcome(row, "rejected", clock, reason=str(error))
            execution.emitter.append([event], commands=[row.key])
        except (Conflict, Fenced):
            _log.debug("a command came for task %s, which has ended", row.task_id)


def _cancel(row: CommandRow, execution: Execution, clock: Clock) -> None:
    execution.emitter.append([_outcome(row, "applied", clock)], commands=[row.key])
    by = row.command.from_
    execution.cancel(str(row.command.args.get("reason") or f"cancelled by {by}"))


def _message(row: CommandRow, execution: Execution, clock: Clock) -> None:
    text = _arg(row, "text")
    events = [_received(row, text, None, clock), _outcome(row, "applied", clock)]
    execution.emitter.append(events, commands=[row.key])
    execution.deliver(text)


def _answer(row: CommandRow, execution: Execution, clock: Clock) -> None:
    question = execution.questions.find(row.command.args.get("question_id"))
    text = check_answer(question, _arg(row, "answer"))
    if not question.claim(Answer(text=text, from_=row.command.from_)):
        raise NotFound("question", question.question_id)
    goes_on = execution.questions.close(question) == 0 and execution.state == WAITING
    events = [
        _received(row, text, question.question_id, clock),
        _outcome(row, "applied", clock),
    ]
    if goes_on:
        status = {"state": RUNNING, "attempt": execution.attempt}
        key = derived_id("command", row.key, "running")
        events.append(_event(row, key, "status", status, "task", clock))
    try:
        execution.emitter.append(events, commands=[row.key])
        if goes_on:
            execution.moved_to(RUNNING)
    finally:
        question.release()


_ACTS: dict[str, Callable[[CommandRow, Execution, Clock], None]] = {
    "cancel": _cancel,
    "message": _message,
    "answer": _answer,
}


def _arg(row: CommandRow, name: str) -> str:
    text = row.command.args.get(name)
    if not isinstance(text, str):
        raise InvalidArgument(f"args.{name}", "a text", text)
    return safe_text(text)


def _received(row: CommandRow, text: str, in_reply_to: str | None, clock: Clock) -> NewEvent:
    key = derived_id("command", row.key, "received")
    data: dict[str, Any] = {"message_id": key, "text": text, "from": row.command.from_}
    if in_reply_to is not None:
        data["in_reply_to"] = in_reply_to
    return _event(row, key, "message_received", data, f"user:{row.command.from_}", clock)


def _outcome(row: CommandRow, outcome: str, clock: Clock, **more: str) -> NewEvent:
    data = {**msgspec.to_builtins(row.command), "outcome": outcome, **more}
    key = derived_id("command", row.key, "ended")
    return _event(row, key, "command", data, "system", clock)


def _event(
    row: CommandRow, key: str, type_: str, data: dict[str, Any], actor: str, clock: Clock
) -> NewEvent:
    now = clock.now_ms()
    return NewEvent(id=key, type=type_, time=now, task_id=row.task_id, actor=actor, data=data)

"""Commands of people to tasks: checked, authorised one by one, submitted to the log."""

from __future__ import annotations

from typing import Any, Final, Literal

from sparky_nb.errors import Forbidden, InvalidArgument
from sparky_nb.events.model import Command
from sparky_nb.ids import new_event_id
from sparky_nb.log.base import Log, Submitted
from sparky_nb.server.access import Access
from sparky_nb.stream.frames import CommandFrame

TASKS: Final = "sparky_nb:tasks"
TEXT_MAX: Final = 60_000


async def submit(handler: Access, chat_id: str, frame: CommandFrame) -> Submitted:
    """Submit ``frame`` for the user of ``handler``.

    Raises:
        InvalidArgument: naming the field of ``args``; or as the log says.
        Forbidden: the user has no right to this command.
        NotFound, Conflict, IdConflict, LogUnavailable: as the log says.
    """
    args = _checked(frame.name, frame.args)
    await _authorise(handler, chat_id, frame)
    service = handler.service
    now = service.clock.now_ms()
    command = Command(
        command_id=frame.id,
        name=frame.name,
        args=args,
        from_=handler.user,
        outcome="accepted",
    )
    done = await service.call(
        Log.submit, chat_id, frame.task_id, command, now_ms=now, event_id=new_event_id(now)
    )
    await service.listener.ring(chat_id)
    return done


def _checked(name: Literal["cancel", "message", "answer"], args: dict[str, Any]) -> dict[str, Any]:
    """The arguments that ``name`` takes, and no others."""
    match name:
        case "cancel":
            reason = args.get("reason")
            return {} if reason is None else {"reason": _text(args, "reason")}
        case "message":
            return {"text": _text(args, "text")}
        case "answer":
            return {"question_id": _text(args, "question_id"), "answer": _text(args, "answer")}


def _text(args: dict[str, Any], field: str) -> str:
    text = args.get(field)
    if not isinstance(text, str) or not text or len(text) > TEXT_MAX:
        raise InvalidArgument(field, f"a text of 1 to {TEXT_MAX} characters", text)
    return text


async def _authorise(handler: Access, chat_id: str, frame: CommandFrame) -> None:
    if frame.name == "cancel":
        await handler.allow("execute", TASKS)
        return
    await handler.allow("write", TASKS)
    if frame.name == "answer" and not await handler.may("execute", TASKS):
        # Only an approval needs the right to execute; who has it need not be asked which it is.
        snapshot = await handler.service.call(Log.snapshot, chat_id)
        question = snapshot.state["questions"].get(frame.args.get("question_id"))
        if question is None or "approval" in question:
            raise Forbidden("an approval needs the right to execute")

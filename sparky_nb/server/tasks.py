"""Tasks: queue an instruction, list, show, cancel, message, answer, retry."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec
from tornado.web import authenticated

from sparky_nb.errors import InvalidArgument
from sparky_nb.events.model import MessageReceived, NewEvent, Origin, Status
from sparky_nb.events.states import QUEUED, STATES
from sparky_nb.ids import check_chat_id, check_model, new_event_id, new_task_id
from sparky_nb.log.base import Append, Log, TaskRow
from sparky_nb.log.queueing import runner_to_retry
from sparky_nb.server.commands import submit
from sparky_nb.server.models import AnswerTask, CancelTask, CommandAnswer, MessageTask, NewTask
from sparky_nb.server.routing import RouteHandler, query_of
from sparky_nb.stream.frames import CommandFrame
from sparky_nb.stream.start import one, parse_number

LIST_LIMIT: Final = 100
LIST_MAX: Final = 1_000


class Tasks(RouteHandler):
    """``tasks``"""

    @authenticated
    async def get(self) -> None:
        """Newest first."""
        query = query_of(self)
        chat_id = one(query, "chat")
        states = [s for value in query.get("state", ()) for s in value.split(",") if s]
        for state in states:
            if state not in STATES:
                raise InvalidArgument("state", f"one of {', '.join(sorted(STATES))}", state)
        limit = parse_number(query, "limit", low=1, high=LIST_MAX) or LIST_LIMIT
        rows = await self.service.call(
            Log.tasks,
            chat_id=None if chat_id is None else check_chat_id(chat_id),
            states=states or None,
            limit=limit,
        )
        self.answer(rows)


class Task(RouteHandler):
    """``tasks/{task}``"""

    @authenticated
    async def get(self, task_id: str) -> None:
        """One task, by its id or a unique beginning of it."""
        self.answer(await self.service.door.read(Log.task, task_id))


class NewTasks(RouteHandler):
    """``chats/{chat}/tasks``"""

    @authenticated
    async def post(self, chat_id: str) -> None:
        """Queue an instruction; whichever runner is first takes it."""
        check_chat_id(chat_id)
        wanted = self.body(NewTask)
        if wanted.model is not None:
            check_model(wanted.model)
        fields: dict[str, Any] = {"kind": "agent", "instruction": wanted.instruction}
        for name in ("name", "model"):
            if getattr(wanted, name) is not None:
                fields[name] = getattr(wanted, name)
        self.answer(await queue(self, chat_id, fields), 201)


class TaskRetry(RouteHandler):
    """``tasks/{task}/retry``"""

    @authenticated
    async def post(self, task_id: str) -> None:
        """Queue it again, for a runner that can do it again."""
        row = await self.service.door.read(Log.task, task_id)
        runner = runner_to_retry(row, await self.service.call(Log.runners))
        fields: dict[str, Any] = {"kind": row.kind, "retry_of": row.task_id}
        for name in ("name", "instruction", "model"):
            if getattr(row, name) is not None:
                fields[name] = getattr(row, name)
        if row.origin is not None:
            fields["origin"] = msgspec.convert(row.origin, Origin)
        if runner is not None:
            fields["runner"] = runner
        self.answer(await queue(self, row.chat_id, fields), 201)


class TaskCommand(RouteHandler):
    """What the three commands share."""

    async def command(
        self,
        task_id: str,
        name: Literal["cancel", "message", "answer"],
        command_id: str | None,
        args: dict[str, Any],
    ) -> None:
        """Submit it and answer 202."""
        row = await self.service.door.read(Log.task, task_id)
        own = command_id or new_event_id(self.service.clock.now_ms())
        frame = CommandFrame(id=own, name=name, task_id=row.task_id, args=args)
        done = await submit(self, row.chat_id, frame)
        self.answer(CommandAnswer(command_id=own, offset=done.offset), 202)


class TaskCancel(TaskCommand):
    """``tasks/{task}/cancel``"""

    @authenticated
    async def post(self, task_id: str) -> None:
        """Cancel."""
        wanted = self.body(CancelTask)
        args = {} if wanted.reason is None else {"reason": wanted.reason}
        await self.command(task_id, "cancel", wanted.command_id, args)


class TaskMessage(TaskCommand):
    """``tasks/{task}/message``"""

    @authenticated
    async def post(self, task_id: str) -> None:
        """Say something to it."""
        wanted = self.body(MessageTask)
        await self.command(task_id, "message", wanted.command_id, {"text": wanted.text})


class TaskAnswer(TaskCommand):
    """``tasks/{task}/answer``"""

    @authenticated
    async def post(self, task_id: str) -> None:
        """Answer its question."""
        wanted = self.body(AnswerTask)
        args = {"question_id": wanted.question_id, "answer": wanted.answer}
        await self.command(task_id, "answer", wanted.command_id, args)


async def queue(handler: RouteHandler, chat_id: str, fields: dict[str, Any]) -> TaskRow:
    """Store a queued task; its instruction, if it has one, is also the first message."""
    service = handler.service
    now, task_id = service.clock.now_ms(), new_task_id()
    actor = f"user:{handler.user}"

    def event(type_: str, data: Any) -> NewEvent:
        return NewEvent(
            id=new_event_id(now), type=type_, time=now, task_id=task_id, actor=actor, data=data
        )

    events = [event("status", Status(state=QUEUED, attempt=1, **fields))]
    if "instruction" in fields:
        said = MessageReceived(
            message_id=new_event_id(now), text=fields["instruction"], from_=handler.user
        )
        events.append(event("message_received", said))
    owner = handler.user if service.settings.trust_identities else None
    await service.call(Log.commit, Append(chat=chat_id, events=tuple(events), owner=owner))
    await service.listener.ring(chat_id)
    return await service.call(Log.task, task_id)

"""Tasks: queue an instruction, list, show, cancel, message, answer, retry."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec
from tornado.web import authenticated

from sparky_nb.errors import InvalidArgument
from sparky_nb.events.states import STATES
from sparky_nb.ids import check_chat_id, new_event_id
from sparky_nb.log.base import Append, Log
from sparky_nb.log.queueing import queued_task, retried_task
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


class QueueHandler(RouteHandler):
    """What the two that queue share."""

    async def queue(self, task_id: str, append: Append) -> None:
        """Store it and answer 201 with the task."""
        if self.service.settings.trust_identities:
            append = msgspec.structs.replace(append, owner=self.user)
        await self.service.call(Log.commit, append)
        await self.service.listener.ring(append.chat)
        self.answer(await self.service.call(Log.task, task_id), 201)


class NewTasks(QueueHandler):
    """``chats/{chat}/tasks``"""

    @authenticated
    async def post(self, chat_id: str) -> None:
        """Queue an instruction; whichever runner is first takes it."""
        check_chat_id(chat_id)
        wanted = self.body(NewTask)
        await self.queue(
            *queued_task(
                chat_id,
                asked_by=self.user,
                now_ms=self.service.clock.now_ms(),
                instruction=wanted.instruction,
                name=wanted.name,
                model=wanted.model,
            )
        )


class TaskRetry(QueueHandler):
    """``tasks/{task}/retry``"""

    @authenticated
    async def post(self, task_id: str) -> None:
        """Queue it again, for a runner that can do it again."""
        row = await self.service.door.read(Log.task, task_id)
        runners, now = await self.service.call(Log.runners), self.service.clock.now_ms()
        await self.queue(*retried_task(row, runners, asked_by=self.user, now_ms=now))


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

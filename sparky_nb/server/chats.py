"""Chats: list, create, rename, delete, redact, trim."""

from __future__ import annotations

from typing import Final

from tornado.web import authenticated

from sparky_nb.errors import Conflict, Fenced, InvalidArgument, NotFound
from sparky_nb.events.model import Command
from sparky_nb.events.states import ACTIVE
from sparky_nb.ids import derived_id, new_event_id, new_task_id
from sparky_nb.log.base import Append, ChatInfo, Log, TaskRow
from sparky_nb.log.rules import lost_event
from sparky_nb.server.models import (
    ChatAnswer,
    ChatPatch,
    NewChat,
    PositionAnswer,
    Redact,
    RedactAnswer,
    Trim,
)
from sparky_nb.server.routing import RouteHandler, query_of
from sparky_nb.stream.start import one

FORCE_SECONDS: Final = 10.0
LOOK_SECONDS: Final = 0.25


class ChatHandler(RouteHandler):
    """What the handlers of one chat share."""

    def shown(self, info: ChatInfo) -> ChatAnswer:
        """``info`` with its viewers."""
        return ChatAnswer.of(info, self.service.presence.count(info.chat_id))

    async def owned(self, chat_id: str) -> ChatInfo:
        """The chat, if it is this user's to change."""
        info = await self.service.door.read(Log.chat, chat_id)
        self.check_owner(info.owner)
        return info

    @property
    def actor(self) -> str:
        """Who does it, as events name them."""
        return f"user:{self.user}"


class Chats(ChatHandler):
    """``chats``"""

    @authenticated
    async def get(self) -> None:
        """List."""
        self.answer([self.shown(info) for info in await self.service.door.read(Log.chats)])

    @authenticated
    async def post(self) -> None:
        """Create; one that exists is returned as it is."""
        wanted = self.body(NewChat)
        info, is_new = await self.service.call(
            Log.create_chat,
            new_task_id().replace("task-", "chat-") if wanted.chat_id is None else wanted.chat_id,
            title=wanted.title,
            owner=self.user if self.service.settings.trust_identities else None,
            actor=self.actor,
            now_ms=self.service.clock.now_ms(),
        )
        await self.service.listener.ring(info.chat_id)
        self.answer(self.shown(info), 201 if is_new else 200)


class Chat(ChatHandler):
    """``chats/{chat}``"""

    @authenticated
    async def get(self, chat_id: str) -> None:
        """One chat."""
        self.answer(self.shown(await self.service.door.read(Log.chat, chat_id)))

    @authenticated
    async def patch(self, chat_id: str) -> None:
        """Rename."""
        title, now = self.body(ChatPatch).title, self.service.clock.now_ms()
        info = await self.service.call(
            Log.rename_chat, chat_id, title, actor=self.actor, now_ms=now
        )
        await self.service.listener.ring(chat_id)
        self.answer(self.shown(info))

    @authenticated
    async def delete(self, chat_id: str) -> None:
        """Delete, with ``?force=1`` also where tasks have not ended."""
        await self.owned(chat_id)
        force = one(query_of(self), "force")
        if force not in (None, "0", "1"):
            raise InvalidArgument("force", "0 or 1", force)
        if force == "1":
            await self._end_tasks(chat_id)
        now = self.service.clock.now_ms()
        await self.service.call(Log.delete_chat, chat_id, actor=self.actor, now_ms=now)
        self.service.feed.drop(chat_id)
        await self.service.listener.ring(chat_id)
        self.set_status(204)
        self.finish()

    async def _end_tasks(self, chat_id: str) -> None:
        """Ask each to stop, wait 10 s, then declare the rest lost."""
        for row in await self._active(chat_id):
            await self._cancel(row)
        await self.service.listener.ring(chat_id)
        until = self.service.clock.monotonic() + FORCE_SECONDS
        with self.service.feed.hub.subscribe(chat_id) as wake:
            while await self._active(chat_id) and self.service.clock.monotonic() < until:
                await wake.wait(LOOK_SECONDS)
        for row in await self._active(chat_id):
            await self._lose(row)

    async def _active(self, chat_id: str) -> list[TaskRow]:
        return await self.service.call(
            Log.tasks, chat_id=chat_id, states=sorted(ACTIVE), limit=1000
        )

    async def _cancel(self, row: TaskRow) -> None:
        now = self.service.clock.now_ms()
        command = Command(
            command_id=derived_id("delete", row.task_id),
            name="cancel",
            args={"reason": "its chat is deleted"},
            from_=self.user,
            outcome="accepted",
        )
        try:
            await self.service.call(
                Log.submit,
                row.chat_id,
                row.task_id,
                command,
                now_ms=now,
                event_id=new_event_id(now),
            )
        except (Conflict, NotFound):
            self.log.debug("task %s ended by itself", row.task_id)

    async def _lose(self, row: TaskRow) -> None:
        reason = "its chat was deleted and it did not stop"
        event = lost_event(row, reason=reason, now_ms=self.service.clock.now_ms())
        try:
            await self.service.call(Log.commit, Append(chat=row.chat_id, events=(event,)))
        except (Conflict, Fenced):
            self.log.debug("task %s ended by itself", row.task_id)


class ChatRedact(ChatHandler):
    """``chats/{chat}/redact``"""

    @authenticated
    async def post(self, chat_id: str) -> None:
        """Make tombstones."""
        await self.owned(chat_id)
        offsets, now = self.body(Redact).offsets, self.service.clock.now_ms()
        offset = await self.service.call(Log.redact, chat_id, offsets, actor=self.actor, now_ms=now)
        self.service.feed.drop(chat_id)
        await self.service.listener.ring(chat_id)
        self.answer(RedactAnswer(offset=offset))


class ChatTrim(ChatHandler):
    """``chats/{chat}/trim``"""

    @authenticated
    async def post(self, chat_id: str) -> None:
        """Remove the oldest events."""
        await self.owned(chat_id)
        at = await self.service.call(Log.trim, chat_id, self.body(Trim).before)
        self.service.feed.drop(chat_id)
        self.answer(PositionAnswer(epoch=at.epoch, earliest=at.earliest, head=at.head))

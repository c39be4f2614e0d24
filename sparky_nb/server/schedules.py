"""Schedules: list, make, pause, resume, run now, remove."""

from __future__ import annotations

from tornado.web import authenticated

from sparky_nb import schedules
from sparky_nb.errors import InvalidArgument
from sparky_nb.events.model import JsonObject
from sparky_nb.ids import check_chat_id
from sparky_nb.log.base import Log, ScheduleRow
from sparky_nb.schedules import make_rule
from sparky_nb.server.models import NewSchedule, ScheduleAnswer, SchedulePatch
from sparky_nb.server.routing import RouteHandler, query_of
from sparky_nb.stream.start import one


class _Answering(RouteHandler):
    """Shows schedules with their plain words."""

    async def tell(self, row: ScheduleRow, status: int = 200) -> None:
        """Answer with ``row``."""
        now_ms = self.service.clock.now_ms()
        fields = await self.service.call(schedules.described, row, now_ms)
        self.answer(_shown(fields), status)

    async def ring(self, row: ScheduleRow) -> None:
        """The schedule has changed: wake who watches."""
        await self.service.listener.ring(row.chat_id)


def _shown(fields: JsonObject) -> ScheduleAnswer:
    return ScheduleAnswer(**{"from_" if k == "from" else k: v for k, v in fields.items()})


class Schedules(_Answering):
    """``schedules``"""

    @authenticated
    async def get(self) -> None:
        """Oldest first."""
        chat_id = one(query_of(self), "chat")
        found = await self.service.call(
            schedules.listed,
            self.service.clock.now_ms(),
            chat_id=None if chat_id is None else check_chat_id(chat_id),
        )
        self.answer([_shown(fields) for fields in found])

    @authenticated
    async def post(self) -> None:
        """Make one."""
        wanted, now_ms = self.body(NewSchedule), self.service.clock.now_ms()
        rule = make_rule(
            now_ms=now_ms,
            every=wanted.every,
            cron=wanted.cron,
            at=wanted.at,
            timezone=wanted.timezone,
        )
        row = await self.service.call(
            schedules.add,
            rule,
            chat_id=wanted.chat_id,
            now_ms=now_ms,
            asked_by=self.user,
            instruction=wanted.instruction,
            call=wanted.call,
            name=wanted.name,
            model=wanted.model,
        )
        await self.ring(row)
        await self.tell(row, 201)


class Schedule(_Answering):
    """``schedules/{schedule}``"""

    @authenticated
    async def get(self, schedule_id: str) -> None:
        """One."""
        await self.tell(await self.service.call(Log.schedule, schedule_id))

    @authenticated
    async def patch(self, schedule_id: str) -> None:
        """Pause, resume, run now."""
        wanted = self.body(SchedulePatch)
        who, now_ms = self.user, self.service.clock.now_ms()
        if wanted.state is None and not wanted.run:
            raise InvalidArgument("state", "active or paused, or run")
        if wanted.state == "paused":
            await self.service.call(schedules.pause, schedule_id, asked_by=who, now_ms=now_ms)
        elif wanted.state == "active":
            await self.service.call(schedules.resume, schedule_id, asked_by=who, now_ms=now_ms)
        if wanted.run:
            await self.service.call(schedules.run_now, schedule_id, asked_by=who, now_ms=now_ms)
        row = await self.service.call(Log.schedule, schedule_id)
        await self.ring(row)
        await self.tell(row)

    @authenticated
    async def delete(self, schedule_id: str) -> None:
        """Remove it."""
        now_ms = self.service.clock.now_ms()
        removed = await self.service.call(
            schedules.remove, schedule_id, asked_by=self.user, now_ms=now_ms
        )
        await self.ring(removed)
        self.set_status(204)
        self.finish()

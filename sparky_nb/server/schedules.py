"""Schedules: list, make, pause, resume, run now, remove."""

from __future__ import annotations

from tornado.web import authenticated

from sparky_nb import schedules
from sparky_nb.errors import InvalidArgument
from sparky_nb.ids import check_chat_id
from sparky_nb.log.base import Log, ScheduleRow
from sparky_nb.schedules import make_rule
from sparky_nb.server.models import NewSchedule, ScheduleAnswer, SchedulePatch
from sparky_nb.server.routing import RouteHandler, query_of
from sparky_nb.stream.start import one


class _Answering(RouteHandler):
    """Shows schedules with their plain words."""

    def shown(self, row: ScheduleRow) -> ScheduleAnswer:
        """``row`` as it is told."""
        fields = schedules.described(row, self.service.clock.now_ms())
        return ScheduleAnswer(**{"from_" if k == "from" else k: v for k, v in fields.items()})


class Schedules(_Answering):
    """``schedules``"""

    @authenticated
    async def get(self) -> None:
        """Oldest first."""
        chat_id = one(query_of(self), "chat")
        rows = await self.service.call(
            Log.schedules, chat_id=None if chat_id is None else check_chat_id(chat_id)
        )
        self.answer([self.shown(row) for row in rows])

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
        self.answer(self.shown(row), 201)


class Schedule(_Answering):
    """``schedules/{schedule}``"""

    @authenticated
    async def get(self, schedule_id: str) -> None:
        """One."""
        self.answer(self.shown(await self.service.call(Log.schedule, schedule_id)))

    @authenticated
    async def patch(self, schedule_id: str) -> None:
        """Pause, resume, run now."""
        wanted, now_ms = self.body(SchedulePatch), self.service.clock.now_ms()
        if wanted.state is None and not wanted.run:
            raise InvalidArgument("state", "active or paused, or run")
        if wanted.state == "paused":
            await self.service.call(schedules.pause, schedule_id)
        elif wanted.state == "active":
            await self.service.call(schedules.resume, schedule_id, now_ms)
        if wanted.run:
            fired = await self.service.call(schedules.run_now, schedule_id, now_ms)
            await self.service.listener.ring(fired.chat_id)
        self.answer(self.shown(await self.service.call(Log.schedule, schedule_id)))

    @authenticated
    async def delete(self, schedule_id: str) -> None:
        """Remove it."""
        await self.service.call(schedules.remove, schedule_id)
        self.set_status(204)
        self.finish()

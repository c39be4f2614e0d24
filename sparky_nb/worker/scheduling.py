"""Schedules from a notebook or a script: ``sparky_nb.schedule`` and ``%sparky schedule``."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any, TypeVar

from sparky_nb import api, schedules
from sparky_nb.errors import InvalidArgument, NotFound
from sparky_nb.events.model import JsonObject
from sparky_nb.log.base import ScheduleRow
from sparky_nb.schedules import make_rule
from sparky_nb.tasks import TaskHandle
from sparky_nb.tasks.runner import user_name
from sparky_nb.view.brief import brief
from sparky_nb.worker.attending import attend
from sparky_nb.worker.works import namespace, scheduled_call

PREFIX = "sched-"
WHAT_MAX = 60
T = TypeVar("T")


class Schedule:
    """What ``sparky_nb.schedule`` returns; it looks into the log each time it is asked.

    Example:
        >>> nightly = sparky_nb.schedule(refresh, cron="0 3 * * *")  # doctest: +SKIP
        >>> nightly.pause()  # doctest: +SKIP
    """

    def __init__(self, schedule_id: str) -> None:
        self.schedule_id = schedule_id

    def row(self) -> ScheduleRow:
        """What the log knows of it. Raises NotFound once it was removed."""
        return api.runner().log.schedule(self.schedule_id)

    def pause(self) -> None:
        """It does not fire until it is resumed. Raises Conflict where it has ended."""
        self._do(schedules.pause)

    def resume(self) -> None:
        """It fires again, from now on. Raises Conflict where its time has passed."""
        self._do(schedules.resume)

    def run(self) -> TaskHandle:
        """Fire it now, beside its rule; the task. Raises Conflict while its task has not ended."""
        return api.task(self._do(schedules.run_now).task_id)

    def last(self) -> TaskHandle | None:
        """The task of the latest firing."""
        task_id = self.row().last_task
        return None if task_id is None else api.task(task_id)

    def remove(self) -> None:
        """Forget it; its tasks stay."""
        self._do(schedules.remove)

    def _do(self, change: Callable[..., T]) -> T:
        here = api.runner()
        return change(here.log, self.schedule_id, asked_by=user_name(), now_ms=here.clock.now_ms())

    def described(self) -> JsonObject:
        """Its fields, its rule and next firing in plain words, how its latest task goes."""
        here = api.runner()
        return schedules.described(here.log, self.row(), here.clock.now_ms())

    def __repr__(self) -> str:
        return f"<Schedule {self.schedule_id} {self._said()!r}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        said = self._said()
        shown = f"<p>{html.escape(said)} <code>{html.escape(self.schedule_id)}</code></p>"
        return {"text/plain": f"{said} ({self.schedule_id})", "text/html": shown}

    def _said(self) -> str:
        """``Tidy up: every 30 minutes, next in 29 minutes (Mon 2026-11-23 08:00)``."""
        try:
            it = self.described()
        except NotFound:
            return "removed"
        what = it["name"] or it["instruction"] or f"{it['call']}()"
        following = f"next {it['next_words']}" if it["state"] == "active" else it["next_words"]
        return f"{brief(' '.join(what.split()), WHAT_MAX)}: {it['words']}, {following}"


def schedule(
    what: str | Callable[[], Any],
    *,
    every: str | None = None,
    cron: str | None = None,
    at: str | None = None,
    timezone: str | None = None,
    chat: str | None = None,
    name: str | None = None,
    model: str | None = None,
) -> Schedule:
    """Do something by the clock: give one of ``every``, ``cron`` and ``at``.

    Args:
        what: an instruction for an agent; or a function of this notebook. A function needs its
            notebook: it is looked up by its name when the time has come, and while no kernel of the
            notebook has it, the task waits and says so.
        every: a number with s, m, h or d, at least ``1s``; the first time after one interval.
        cron: minute, hour, day, month and day of the week.
        at: once, at a date and time, or at a time of today or tomorrow.
        timezone: an IANA name; None: this machine's.
        chat: where its tasks go; None: the notebook's own.
        name: what people see of its tasks.
        model: of an agent, ``provider:model``.

    Raises:
        InvalidArgument: naming the field and its rule.

    Example:
        >>> sparky_nb.schedule("Run smart maintenance", every="30m")  # doctest: +SKIP
    """
    here = api.runner()
    attend()
    now_ms = here.clock.now_ms()
    rule = make_rule(now_ms=now_ms, every=every, cron=cron, at=at, timezone=timezone)
    given: JsonObject = {"instruction": what}
    if not isinstance(what, str):
        if chat not in (None, here.chat_id):
            raise InvalidArgument("chat", "the notebook's own: a function needs its notebook", chat)
        given = {"call": _name_of(what)}
        scheduled_call(what, chat_id=here.chat_id)  # one that needs arguments is refused now
    chat_id = chat or here.chat_id
    row = schedules.add(
        here.log,
        rule,
        chat_id=chat_id,
        title=here.title if chat_id == here.chat_id else None,
        now_ms=now_ms,
        asked_by=user_name(),
        name=name,
        model=model,
        **given,
    )
    return Schedule(row.schedule_id)


def find_schedules(chat: str | None = None) -> list[Schedule]:
    """The schedules in the log, oldest first."""
    return [Schedule(row.schedule_id) for row in api.runner().log.schedules(chat_id=chat)]


def find_schedule(schedule_id: str) -> Schedule:
    """The schedule of that id, or of a unique beginning of it. Raises NotFound, InvalidArgument."""
    whole = schedule_id if schedule_id.startswith(PREFIX) else PREFIX + schedule_id
    return Schedule(api.runner().log.schedule(whole).schedule_id)


def _name_of(function: Callable[[], Any]) -> str:
    found = getattr(function, "__name__", "")
    if namespace().get(found) is not function:
        raise InvalidArgument("what", "a function that the notebook has under its own name", found)
    return str(found)

"""A schedule as its log keeps it."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field


class ScheduleRow(Struct, frozen=True, kw_only=True):
    """A rule that creates tasks (sparky_nb/schedules says what the fields of the rule mean).

    Attributes:
        chat_id: where its tasks go; the schedule ends with the chat.
        kind: ``every``, ``cron`` or ``at``; ``spec``: what comes after that word.
        timezone: IANA name that ``spec`` and people's eyes go by.
        instruction: what the agent shall do; or ``call``: the function of the chat's notebook.
        name, model: of its tasks.
        from_: who made it.
        state: ``active``, ``paused`` or ``ended`` (it will not fire again).
        next_at: when it is due, ms UTC; None where it will not fire by itself.
        last_at, last_task: of the latest firing.
        fired: how many tasks it has made; ``coalesced``: firings that were missed or overlapped,
            and went into another one.
        revision: grows with each change; ``change_schedule`` compares it.
    """

    schedule_id: str
    chat_id: str
    kind: Literal["every", "cron", "at"]
    spec: str
    timezone: str
    instruction: str | None = None
    call: str | None = None
    name: str | None = None
    model: str | None = None
    from_: str = field(name="from")
    state: Literal["active", "paused", "ended"] = "active"
    created: int
    next_at: int | None
    last_at: int | None = None
    last_task: str | None = None
    fired: int = 0
    coalesced: int = 0
    revision: int = 1

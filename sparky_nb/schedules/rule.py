"""When: every so often, by cron, or at a time. Pure; all times are integer milliseconds UTC.

``every`` counts elapsed time and knows no daylight saving. ``cron`` goes by the wall clock of its
time zone as Debian's cron does: what falls into the hour that is skipped in spring runs once, right
after it; what falls into the hour that comes twice in autumn runs once.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Final, Literal
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from msgspec import Struct

from sparky_nb.errors import InvalidArgument

EVERY_RULE: Final = "a number with s, m, h or d, at least 1s (30s, 15m, 2h, 1d)"
AT_RULE: Final = "a date and time like 2030-01-31T08:00, or a time like 08:00, in the future"
ONE_RULE: Final = "exactly one of every, cron and at"
SKIPPED_MAX: Final = 10_000
"""Missed firings of a cron rule are counted so far."""

EVERY_MAX_MS: Final = 3650 * 86_400_000
_EVERY: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])")
_UNITS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_WORDS: Final = (("day", 86_400_000), ("hour", 3_600_000), ("minute", 60_000), ("second", 1_000))
_TIME: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")


class Rule(Struct, frozen=True, kw_only=True):
    """``kind`` and what comes after that word; ``timezone`` is an IANA name."""

    kind: Literal["every", "cron", "at"]
    spec: str
    timezone: str


def make_rule(
    *,
    now_ms: int,
    every: str | None = None,
    cron: str | None = None,
    at: str | None = None,
    timezone: str | None = None,
) -> Rule:
    """The rule that a person means.

    Args:
        now_ms: it must fire after this.
        every, cron, at: one of them.
        timezone: an IANA name; None: the system's.

    Raises:
        InvalidArgument: naming the field and its rule.

    >>> make_rule(now_ms=0, every="30m", timezone="UTC").spec
    '30m'
    """
    if sum(value is not None for value in (every, cron, at)) != 1:
        raise InvalidArgument("schedule", ONE_RULE)
    name = timezone or system_timezone()
    zone = _zone(name)
    if every is not None:
        interval_ms(every)
        return Rule(kind="every", spec=every.strip(), timezone=name)
    if cron is not None:
        rule = Rule(kind="cron", spec=" ".join(cron.split()), timezone=name)
        if _next_cron(rule, now_ms) is None:
            raise InvalidArgument("cron", "a rule that fires at some time", cron)
        return rule
    assert at is not None
    moment = _moment(at, now_ms, zone)
    return Rule(kind="at", spec=moment.isoformat(timespec="seconds"), timezone=name)


def first_after(rule: Rule, now_ms: int) -> int | None:
    """The first firing of a rule that begins at ``now_ms``; None: never.

    >>> first_after(Rule(kind="every", spec="30m", timezone="UTC"), 0)
    1800000
    """
    if rule.kind == "every":
        return now_ms + interval_ms(rule.spec)
    if rule.kind == "cron":
        return _next_cron(rule, now_ms)
    due = _ms(datetime.fromisoformat(rule.spec))
    return due if due > now_ms else None


def following(rule: Rule, due_ms: int, now_ms: int) -> tuple[int | None, int]:
    """(the firing after the one at ``due_ms`` that is still to come, how many lie between): those
    were missed, and go into the one that happens at ``now_ms``.

    >>> following(Rule(kind="every", spec="1m", timezone="UTC"), 60_000, 200_000)
    (240000, 2)
    """
    now_ms = max(due_ms, now_ms)
    if rule.kind == "every":
        interval = interval_ms(rule.spec)
        missed = (now_ms - due_ms) // interval
        return due_ms + (missed + 1) * interval, missed
    if rule.kind == "at":
        return None, 0
    missed = 0
    for at in _cron(rule, due_ms):
        if at > now_ms:
            return at, missed
        missed += 1
        if missed == SKIPPED_MAX:
            break
    return _next_cron(rule, now_ms), missed


def words(rule: Rule) -> str:
    """The rule as a person says it.

    >>> words(Rule(kind="cron", spec="0 8 * * 1-5", timezone="Europe/Berlin"))
    'at 08:00 on Monday through Friday (Europe/Berlin)'
    """
    if rule.kind == "every":
        return f"every {span(interval_ms(rule.spec), one=False)}"
    if rule.kind == "at":
        moment = datetime.fromisoformat(rule.spec).astimezone(_zone(rule.timezone))
        return f"once, at {moment:%Y-%m-%d %H:%M} ({rule.timezone})"
    said = CronSim(rule.spec, datetime(2000, 1, 1, tzinfo=UTC)).explain()
    return f"{said[:1].lower()}{said[1:]} ({rule.timezone})"


def moment_words(ms: int | None, now_ms: int, timezone: str) -> str:
    """``in 29 minutes (Mon 2026-11-23 08:00)``; a time of the past is ``now``, as it is due.

    Raises:
        InvalidArgument: there is no such time zone here.

    >>> moment_words(90_000, 30_000, "UTC")
    'in 1 minute (Thu 1970-01-01 00:01)'
    """
    if ms is None:
        return "never"
    zone = _zone(timezone)
    if ms <= now_ms:
        return "now"
    moment = datetime.fromtimestamp(ms / 1000, UTC).astimezone(zone)
    return f"in {span(ms - now_ms)} ({moment:%a %Y-%m-%d %H:%M})"


def span(ms: int, *, one: bool = True) -> str:
    """A length of time in its largest unit that fits (exactly, where ``one`` is false).

    >>> span(5_400_000), span(5_400_000, one=False), span(86_400_000, one=False)
    ('1 hour', '90 minutes', 'day')
    """
    for unit, size in _WORDS:
        if ms >= size and (one or ms % size == 0):
            count = ms // size
            if count == 1 and not one:
                return unit
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "a moment" if one else f"{ms / 1000:g} seconds"


def interval_ms(text: str) -> int:
    """The length of ``every``. Raises InvalidArgument."""
    found = _EVERY.fullmatch(text.strip().lower())
    size = int(float(found[1]) * _UNITS[found[2]]) if found and len(found[1]) < 15 else 0
    if not 1_000 <= size <= EVERY_MAX_MS:
        raise InvalidArgument("every", EVERY_RULE, text)
    return size


def system_timezone() -> str:
    """The IANA name of this machine's time zone, ``UTC`` where it can't be told."""
    for name in (os.environ.get("TZ", "").lstrip(":"), _localtime()):
        if name:
            try:
                return ZoneInfo(name).key
            except (OSError, ValueError, KeyError):
                continue
    return "UTC"


def _localtime() -> str:
    try:
        target = str(Path("/etc/localtime").resolve())
    except OSError:
        return ""
    return target.partition("/zoneinfo/")[2]


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # a name that is not found is a KeyError
        raise InvalidArgument("timezone", "an IANA name like Europe/Berlin", name) from None


def _next_cron(rule: Rule, after_ms: int) -> int | None:
    return next(_cron(rule, after_ms), None)


def _cron(rule: Rule, after_ms: int) -> Iterator[int]:
    """The firings after ``after_ms``, each later than the one before."""
    start = datetime.fromtimestamp(after_ms // 1000, UTC).astimezone(_zone(rule.timezone))
    try:
        coming = CronSim(rule.spec, start)
    except CronSimError as error:
        expected = "five fields: minute hour day-of-month month day-of-week"
        raise InvalidArgument("cron", f"{expected} ({error})", rule.spec) from None
    while True:
        try:
            found = _ms(next(coming))
        except (StopIteration, CronSimError, OverflowError):
            return
        if found > after_ms:  # where the clock is set back, the wall clock shows some times twice
            yield found
            after_ms = found


def _moment(text: str, now_ms: int, zone: tzinfo) -> datetime:
    now = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone)
    text = text.strip()
    try:
        if (time := _TIME.fullmatch(text)) is not None:
            hour, minute, second = (int(part or 0) for part in time.groups())
            moment = now.replace(hour=hour, minute=minute, second=second, microsecond=0, fold=0)
            if moment <= now:
                moment += timedelta(days=1)
        else:
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=zone)
        # Through UTC, so that a time that the wall clock skips becomes the one right after.
        moment = moment.astimezone(UTC).astimezone(zone)
    except (ValueError, OverflowError):
        raise InvalidArgument("at", AT_RULE, text) from None
    if _ms(moment) <= now_ms:
        raise InvalidArgument("at", AT_RULE, text)
    return moment


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)

"""When a rule fires."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparky_nb.errors import InvalidArgument
from sparky_nb.schedules.rule import (
    Rule,
    first_after,
    following,
    make_rule,
    moment_words,
    span,
    words,
)

BERLIN = "Europe/Berlin"
# Clocks that change at midnight, by half an hour, by two hours, in the south, never.
ZONES = (
    "Europe/Berlin", "Europe/Dublin", "America/New_York", "America/Havana", "America/Santiago",
    "Africa/Cairo", "Africa/Casablanca", "Asia/Beirut", "Asia/Kathmandu", "Australia/Lord_Howe",
    "Antarctica/Troll", "UTC",
)  # fmt: skip


def ms(text: str, zone: str = BERLIN, fold: int = 0) -> int:
    moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return round(moment.timestamp() * 1000)


def shown(at: int | None, zone: str = BERLIN) -> str:
    assert at is not None
    return datetime.fromtimestamp(at / 1000, UTC).astimezone(ZoneInfo(zone)).isoformat()


def cron(spec: str) -> Rule:
    return make_rule(cron=spec, timezone=BERLIN, now_ms=0)


@pytest.mark.parametrize(
    "text, size", [("30s", 30_000), ("1.5h", 5_400_000), (" 15 M ", 900_000), ("2d", 172_800_000)]
)
def test_every_takes_a_number_and_a_unit(text: str, size: int) -> None:
    rule = make_rule(every=text, now_ms=7, timezone="UTC")
    assert first_after(rule, 7) == 7 + size  # the first one after one interval


@pytest.mark.parametrize(
    "given_, field",
    [
        ({}, "schedule"),
        ({"every": "1m", "cron": "* * * * *"}, "schedule"),
        *[({"every": it}, "every") for it in ("0s", "500ms", "0.5s", "-1m", "m", "", "9" * 30 + "d",
                                             "99999d", "nan d", "1w")],
        *[({"cron": it}, "cron") for it in ("", "* * * *", "61 * * * *", "0 0 30 2 *", "@yearly")],
        *[({"at": it}, "at") for it in ("", "yesterday", "1999-01-01", "25:00", "08:61",
                                       "9999-12-31T23:59:59-23:00")],
        ({"every": "1m", "timezone": "Mars/Olympus"}, "timezone"),
        ({"every": "1m", "timezone": "../../etc/passwd"}, "timezone"),
    ],
)  # fmt: skip
def test_what_is_no_rule_is_refused_and_the_field_named(given_: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        make_rule(**({"timezone": BERLIN} | given_), now_ms=ms("2026-11-22"))
    assert refused.value.field == field


def test_sunday_is_sunday() -> None:
    assert "2026-11-29T09:00" in shown(first_after(cron("0 9 * * 0"), ms("2026-11-23")))
    assert "2026-11-29T09:00" in shown(first_after(cron("0 9 * * 7"), ms("2026-11-23")))


def test_a_day_of_the_wall_clock_is_23_hours_in_spring_and_25_in_autumn() -> None:
    daily = cron("0 8 * * *")
    spring = first_after(daily, ms("2026-03-28T09:00"))
    assert shown(spring) == "2026-03-29T08:00:00+02:00"
    autumn = first_after(daily, ms("2026-10-24T09:00"))
    assert shown(autumn) == "2026-10-25T08:00:00+01:00"


def test_what_falls_into_the_skipped_hour_runs_once_right_after_it() -> None:
    rule, now = cron("30 2 * * *"), ms("2026-03-28T12:00")
    first = first_after(rule, now)
    assert shown(first) == "2026-03-29T03:00:00+02:00"
    assert first is not None
    assert shown(following(rule, first, first)[0]) == "2026-03-30T02:30:00+02:00"


def test_what_falls_into_the_hour_that_comes_twice_runs_once() -> None:
    rule, now = cron("30 2 * * *"), ms("2026-10-24T12:00")
    first = first_after(rule, now)
    assert shown(first) == "2026-10-25T02:30:00+02:00"
    assert first is not None
    assert shown(following(rule, first, first)[0]) == "2026-10-26T02:30:00+01:00"


def test_every_half_hour_goes_on_through_both_changes() -> None:
    rule = cron("*/30 * * * *")
    for day in ("2026-03-29T01:00", "2026-10-25T01:00"):
        at, seen = ms(day), []
        for _ in range(8):
            at = following(rule, at, at)[0] or 0
            seen.append(at)
        assert [b - a for a, b in pairwise(seen)] == [1_800_000] * 7


def test_a_time_alone_is_today_or_tomorrow() -> None:
    now = ms("2026-11-23T10:00")
    for text, day in (("11:30", "2026-11-23T11:30"), ("9:30", "2026-11-24T09:30")):
        rule = make_rule(at=text, timezone=BERLIN, now_ms=now)
        assert day in shown(first_after(rule, now))
    rule = make_rule(at="2026-12-24T18:00", timezone=BERLIN, now_ms=now)
    assert following(rule, first_after(rule, now) or 0, ms("2027-01-01")) == (None, 0)


def test_a_time_that_the_clock_skips_is_moved_on_and_one_that_comes_twice_is_the_first() -> None:
    now = ms("2026-01-01")
    for text, moment in (
        ("2026-03-29T02:30", "2026-03-29T03:30:00+02:00"),
        ("2026-10-25T02:30", "2026-10-25T02:30:00+02:00"),
    ):
        rule = make_rule(at=text, timezone=BERLIN, now_ms=now)
        assert shown(first_after(rule, now)) == moment


def test_a_rule_is_said_in_plain_words() -> None:
    now = ms("2026-11-23T10:00")
    assert words(make_rule(every="30m", timezone="UTC", now_ms=now)) == "every 30 minutes"
    assert words(make_rule(every="1h", timezone="UTC", now_ms=now)) == "every hour"
    assert words(cron("0 8 * * *")) == "at 08:00 every day (Europe/Berlin)"
    assert words(make_rule(at="11:30", timezone=BERLIN, now_ms=now)).startswith(
        "once, at 2026-11-23"
    )
    assert moment_words(now + 1_740_000, now, BERLIN) == "in 29 minutes (Mon 2026-11-23 10:29)"
    assert span(1_000) == "1 second"


@given(
    st.sampled_from(["*/5 * * * *", "0 8 * * *", "30 2 * * *", "15 1-4 * * *", "0 0 1 * *"]),
    st.integers(ms("2026-01-01"), ms("2028-01-01")),
    st.integers(0, 2 * 86_400_000),
)
def test_firings_only_go_forward_and_none_is_both_missed_and_coming(
    spec: str, start: int, late: int
) -> None:
    rule = cron(spec)
    due = first_after(rule, start)
    assert due is not None
    assert due > start
    coming, missed = following(rule, due, due + late)
    assert coming is not None
    assert coming > due + late
    at, count = following(rule, due, due)[0] or 0, 0
    while at <= due + late and count < 50:
        at, count = following(rule, at, at)[0] or 0, count + 1
    assert count == min(missed, 50)


@given(st.integers(1, 10**6), st.integers(0, 10**12), st.integers(0, 10**10))
def test_an_interval_keeps_its_beat_however_late_it_is(seconds: int, due: int, late: int) -> None:
    rule = make_rule(every=f"{seconds}s", timezone="UTC", now_ms=0)
    coming, missed = following(rule, due, due + late)
    assert coming is not None
    assert (coming - due) % (seconds * 1000) == 0
    assert due + late < coming <= due + late + seconds * 1000
    assert coming == due + (missed + 1) * seconds * 1000


def wall(at: int, zone: str) -> datetime:
    """What a clock on the wall shows."""
    return datetime.fromtimestamp(at / 1000, UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)


@given(st.sampled_from(ZONES), st.times(), st.dates(date(2020, 1, 1), date(2030, 1, 1)))
def test_each_day_has_one_firing_when_the_wall_clock_first_shows_its_time(
    zone: str, daily: time, first: date
) -> None:
    daily = daily.replace(second=0, microsecond=0)
    rule = make_rule(cron=f"{daily.minute} {daily.hour} * * *", timezone=zone, now_ms=0)
    day = datetime.combine(first, daily)
    at = first_after(rule, ms(str(day - timedelta(hours=12)), zone)) or 0
    for _ in range(370):  # a year of it: both changes
        assert wall(at - 1000, zone) < day <= wall(at, zone)
        assert datetime.fromtimestamp(at / 1000, ZoneInfo(zone)).fold == 0
        at, day = following(rule, at, at)[0] or 0, day + timedelta(days=1)


@given(st.sampled_from(ZONES), st.integers(ms("2020-01-01"), ms("2030-01-01")))
def test_every_quarter_of_an_hour_is_that_in_every_zone(zone: str, start: int) -> None:
    rule = make_rule(cron="*/15 * * * *", timezone=zone, now_ms=0)
    at = first_after(rule, start) or 0
    for _ in range(100):
        before, at = at, following(rule, at, at)[0] or 0
        assert at - before == 900_000


def test_a_date_that_a_zone_has_skipped_is_made_up_for_once() -> None:
    rule = make_rule(cron="30 9 * * *", timezone="Pacific/Apia", now_ms=0)
    at = first_after(rule, ms("2011-12-29T12:00", "Pacific/Apia")) or 0
    assert shown(at, "Pacific/Apia") == "2011-12-31T00:00:00+14:00"  # for the 30th, there was none
    at = following(rule, at, at)[0] or 0
    assert shown(at, "Pacific/Apia") == "2011-12-31T09:30:00+14:00"

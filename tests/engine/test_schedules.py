"""When schedules are due: forms of expressions, zones, and both changes of the clock."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from graphstead.engine import schedules
from graphstead.problems import BadRequest, Unprocessable

NEW_YORK = "America/New_York"


def dates(schedule: str, start: str, count: int, zone: str | None = NEW_YORK) -> list[str]:
    """Return the first dates after a wall time of the zone, as wall times with their offset."""
    tz = ZoneInfo(zone or "UTC")
    at_ms = schedules.ms_of(datetime.fromisoformat(start).replace(tzinfo=tz))
    shown = []
    for _ in range(count):
        found = schedules.next_ms(schedule, zone, at_ms)
        assert found is not None
        at_ms = found
        shown.append(datetime.fromtimestamp(at_ms / 1000, tz).strftime("%m-%d %H:%M %z"))
    return shown


def test_a_daily_hour_stays_the_same_on_the_wall_through_both_changes() -> None:
    assert dates("0 9 * * *", "2026-03-07 12:00", 2) == ["03-08 09:00 -0400", "03-09 09:00 -0400"]
    assert dates("0 9 * * *", "2026-10-30 12:00", 3) == [
        "10-31 09:00 -0400",
        "11-01 09:00 -0500",
        "11-02 09:00 -0500",
    ]


def test_a_time_that_spring_leaves_out_is_due_at_the_jump_and_only_once() -> None:
    assert dates("30 2 * * *", "2026-03-07 12:00", 2) == ["03-08 03:00 -0400", "03-09 02:30 -0400"]


def test_a_time_that_autumn_repeats_is_due_the_first_time_alone() -> None:
    assert dates("30 1 * * *", "2026-10-31 12:00", 3) == [
        "11-01 01:30 -0400",
        "11-02 01:30 -0500",
        "11-03 01:30 -0500",
    ]
    assert dates("*/20 1 * * *", "2026-11-01 01:30", 2) == [
        "11-01 01:40 -0400",
        "11-02 01:00 -0500",
    ]
    assert dates("59 1 * * * 30", "2026-11-01 01:00", 2) == [
        "11-01 01:59 -0400",
        "11-02 01:59 -0500",
    ]


def test_a_schedule_of_every_hour_goes_by_elapsed_time_through_both_changes() -> None:
    assert dates("0 * * * *", "2026-11-01 00:30", 3) == [
        "11-01 01:00 -0400",
        "11-01 01:00 -0500",
        "11-01 02:00 -0500",
    ]
    assert dates("@hourly", "2026-03-08 00:30", 2) == ["03-08 01:00 -0500", "03-08 03:00 -0400"]
    assert dates("*/30 * * * *", "2026-11-01 01:10", 3) == [
        "11-01 01:30 -0400",
        "11-01 01:00 -0500",
        "11-01 01:30 -0500",
    ]


def test_a_change_of_half_an_hour_is_kept_too() -> None:
    assert dates("45 1 * * *", "2026-04-04 12:00", 2, "Australia/Lord_Howe") == [
        "04-05 01:45 +1100",
        "04-06 01:45 +1030",
    ]


@pytest.mark.parametrize(
    ("schedule", "first"),
    [
        ("0 9 * * MON-FRI", "2026-11-23T09:00:00+00:00"),
        ("@daily", "2026-11-22T00:00:00+00:00"),
        ("0 0 L * *", "2026-11-30T00:00:00+00:00"),
        ("0 12 * * * 30", "2026-11-21T12:00:30+00:00"),
        ("* * * * * *", "2026-11-21T12:00:01+00:00"),
        ("0 0 1 1 * 0 2030", "2030-01-01T00:00:00+00:00"),
        ("0 0 29 2 *", "2028-02-29T00:00:00+00:00"),
    ],
)
def test_five_to_seven_fields_and_names_are_read(schedule: str, first: str) -> None:
    noon_ms = schedules.ms_of(datetime(2026, 11, 21, 12, tzinfo=UTC))
    assert schedules.wire_date(schedules.next_ms(schedule, None, noon_ms)) == first


@pytest.mark.parametrize(
    "schedule",
    ["bad", "* * * *", "61 * * * *", "*/0 * * * *", "@reboot", "H * * * *", "\u0660 * * * *"],
)
def test_a_schedule_that_cannot_be_read_is_refused_with_the_reason(schedule: str) -> None:
    with pytest.raises(Unprocessable, match=r"Invalid cron schedule: '.*Reason: .+") as refused:
        schedules.check(schedule, None, 0)
    assert refused.value.errors[0]["loc"] == "body.schedule"


@pytest.mark.parametrize("schedule", ["0 0 30 2 *", "0 0 1 1 * 0 1980"])
def test_a_schedule_that_is_never_due_is_refused(schedule: str) -> None:
    with pytest.raises(BadRequest, match="never due"):
        schedules.check(schedule, None, schedules.ms_of(datetime(2026, 1, 1)))


@pytest.mark.parametrize(
    "zone", ["Mars/Olympus", "../UTC", "Europe", "\0", "x" * 5000, "localtime"]
)
def test_only_names_of_iana_zones_are_taken(zone: str) -> None:
    with pytest.raises(Unprocessable, match="is no IANA time zone") as refused:
        schedules.check("@daily", zone, 0)
    assert refused.value.errors[0]["loc"] == "body.timezone"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-12-31T23:59:59Z", "2026-12-31T23:59:59+00:00"),
        ("2026-12-31t23:59:59.5z", "2026-12-31T23:59:59.500000+00:00"),
        ("2026-12-31T23:59:60+01:00", "2026-12-31T22:59:59+00:00"),
        ("1960-01-01T00:00:00-05:00", "1960-01-01T05:00:00+00:00"),
    ],
)
def test_an_end_is_any_instant_of_rfc_3339(text: str, shown: str) -> None:
    assert schedules.wire_date(schedules.end_ms_of(text)) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("0001-01-01T00:00:00+12:00", "0001-01-01T00:00:00+00:00"),
        ("9999-12-31T23:59:59-12:00", "9999-12-31T00:00:00+00:00"),
    ],
)
def test_an_end_that_utc_has_no_date_for_is_the_nearest_it_has(text: str, shown: str) -> None:
    assert schedules.wire_date(schedules.end_ms_of(text)) == shown

"""When a schedule is due: expressions as croniter reads them, IANA zones, changes of the clock.

A date that the clock jumps over in spring comes due at the moment of the jump. A date in the hour
that autumn repeats comes due once, the first time; a schedule of every hour is due in both.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from croniter import CroniterBadDateError, CroniterError, croniter

from graphstead.problems import BadRequest, Unprocessable

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
FIRST_MS, LAST_MS = (
    (datetime(*day, tzinfo=UTC) - EPOCH) // MILLISECOND for day in ((1, 1, 1), (9999, 12, 31))
)
NOT_IANA = frozenset({"localtime", "Factory"})
EVERY_HOUR = ["*"]


def check(schedule: str, timezone: str | None, now_ms: int) -> None:
    """Refuse what cannot be read, or never comes due.

    Raises Unprocessable, which names the member, or BadRequest.
    """
    if next_ms(schedule, timezone, now_ms) is None:
        raise BadRequest(f"The schedule '{schedule}' is never due")


def next_ms(schedule: str, timezone: str | None, after_ms: int) -> int | None:
    """Return the first date after an instant, in epoch milliseconds; None where there is none.

    Raises Unprocessable for a schedule or a zone that cannot be read.
    """
    zone, start = zone_of(timezone), EPOCH + after_ms * MILLISECOND
    try:
        while True:
            dates = croniter(schedule, start.astimezone(zone))
            date: datetime = dates.get_next(datetime)
            if not date.fold or dates.expanded[1] == EVERY_HOUR:
                return ms_of(date)
            start = date.astimezone(UTC).replace(second=59)
    except CroniterBadDateError:
        return None
    except (CroniterError, ValueError, OverflowError) as fault:
        raise _unreadable(
            "schedule", f"Invalid cron schedule: '{schedule}'. Reason: {fault}"
        ) from fault


def zone_of(timezone: str | None) -> ZoneInfo:
    """Return the zone of that name, UTC for none. Raises Unprocessable."""
    if timezone is None:
        return ZoneInfo("UTC")
    if timezone not in _zones():
        raise _unreadable("timezone", f"Invalid timezone: '{timezone}' is no IANA time zone")
    return ZoneInfo(timezone)


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones() - NOT_IANA)


def end_ms_of(text: str | None) -> int | None:
    """Return an RFC 3339 instant in epoch milliseconds, rounded down. Raises Unprocessable.

    A leap second is the second before it; what UTC has no date for is the nearest it has.
    """
    if text is None:
        return None
    try:
        date = datetime.fromisoformat(text.upper().replace(":60", ":59", 1))
        return min(max(ms_of(date), FIRST_MS), LAST_MS)
    except ValueError as fault:
        raise _unreadable("end_time", f"Invalid end_time: '{text}'. Reason: {fault}") from fault


def ms_of(date: datetime) -> int:
    """Return an instant in epoch milliseconds; a date without an offset is in UTC."""
    aware = date if date.tzinfo else date.replace(tzinfo=UTC)
    return (aware - EPOCH) // MILLISECOND


def wire_date(at_ms: int | None) -> str | None:
    """Format an instant as ``2026-11-21T14:00:00+00:00``."""
    return None if at_ms is None else (EPOCH + at_ms * MILLISECOND).isoformat()


def _unreadable(name: str, detail: str) -> Unprocessable:
    return Unprocessable(detail, errors=[{"loc": f"body.{name}", "msg": detail}])

"""From the bodies of requests to what a cron remembers, and from there to the run it makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from graphstead.engine import schedules
from graphstead.engine.callers import Caller
from graphstead.engine.clock import Clock, wire_time
from graphstead.engine.drafts import Draft, Grants
from graphstead.engine.merging import open_metadata, refuse_both
from graphstead.engine.run_grants import granted
from graphstead.problems import BadRequest
from graphstead.storage.rows import CronRow, Json

NO_RULES = Grants()
APART = frozenset({"timezone", "end_time", "on_run_completed", "enabled"})
FIXED = frozenset({"assistant_id", "thread_id", "cron_id"})
RUN_MEMBERS = frozenset(
    {
        "input",
        "metadata",
        "config",
        "context",
        "interrupt_before",
        "interrupt_after",
        "multitask_strategy",
        "stream_mode",
        "stream_subgraphs",
        "stream_resumable",
        "checkpoint_during",
        "durability",
        "webhook",
    }
)


@dataclass(frozen=True, slots=True)
class Owner:
    """Who made a cron, as its runs see them; a `Caller` read back from a row."""

    identity: str = ""
    display_name: str = ""
    permissions: tuple[str, ...] = ()
    extras: Mapping[str, Any] = field(default_factory=dict)


def new_row(
    body: Mapping[str, Any],
    *,
    cron_id: str,
    assistant_id: str,
    thread_id: str | None,
    caller: Caller,
    clock: Clock,
) -> CronRow:
    """Return a cron with its first date.

    Raises Unprocessable, BadRequest for a schedule that is never due.
    """
    _check(body)
    now, now_ms = wire_time(), clock.now_ms()
    row = CronRow(
        cron_id=cron_id,
        assistant_id=assistant_id,
        thread_id=thread_id,
        user_id=caller.identity,
        caller=_remembered(caller),
        schedule=body["schedule"],
        timezone=body.get("timezone"),
        end_ms=schedules.end_ms_of(body.get("end_time")),
        payload=_payload({}, body, assistant_id, cron_id),
        metadata=open_metadata(body.get("metadata") or {}),
        on_run_completed=None if thread_id else body.get("on_run_completed") or "delete",
        enabled=body.get("enabled", True),
        next_run_ms=None,
        created_at=now,
        updated_at=now,
    )
    return _rescheduled(row, now_ms)


def changed(row: CronRow, body: Mapping[str, Any], now_ms: int) -> CronRow:
    """Return a cron after a patch. Raises as `new_row`, and BadRequest for what it cannot have."""
    _check(body)
    if row.thread_id and "on_run_completed" in body:
        raise BadRequest("body.on_run_completed: the thread of this cron is never removed by it")
    metadata = {**row.metadata, **open_metadata(body.get("metadata") or {})}
    given = {key: value for key, value in body.items() if key not in FIXED}
    if "metadata" in given:
        given["metadata"] = metadata
    after = replace(
        row,
        schedule=body.get("schedule", row.schedule),
        timezone=body.get("timezone", row.timezone),
        end_ms=schedules.end_ms_of(body["end_time"]) if "end_time" in body else row.end_ms,
        payload=_payload(row.payload, given, row.assistant_id, row.cron_id),
        metadata=metadata,
        on_run_completed=body.get("on_run_completed", row.on_run_completed),
        enabled=body.get("enabled", row.enabled),
        updated_at=wire_time(),
    )
    _refuse_contradiction(after)
    return _rescheduled(after, now_ms) if _timing(after) != _timing(row) else after


def _timing(row: CronRow) -> tuple[Any, ...]:
    return row.schedule, row.timezone, row.end_ms, row.enabled


def _check(body: Mapping[str, Any]) -> None:
    refuse_both(body.get("config") or {}, body.get("context"))


def _refuse_contradiction(row: CronRow) -> None:
    body = run_body(row)
    refuse_both(body.get("config") or {}, body.get("context"))


def _payload(old: Json, body: Mapping[str, Any], assistant_id: str, cron_id: str) -> Json:
    """Merge a body into the remembered request, one level deep."""
    given = {key: value for key, value in body.items() if key not in APART}
    merged = {**old, **given, "assistant_id": assistant_id}
    config = merged.get("config") or {}
    configurable = {**(config.get("configurable") or {}), "cron_id": cron_id}
    return {**merged, "config": {**config, "configurable": configurable}}


def _rescheduled(row: CronRow, now_ms: int) -> CronRow:
    schedules.check(row.schedule, row.timezone, now_ms)
    return replace(row, next_run_ms=next_run_ms(row, now_ms))


def next_run_ms(row: CronRow, now_ms: int) -> int | None:
    """Return the cron's first date after now; None where its end comes before."""
    date_ms = schedules.next_ms(row.schedule, row.timezone, now_ms)
    if date_ms is None or (row.end_ms is not None and date_ms > row.end_ms):
        return None
    return date_ms


def _remembered(caller: Caller) -> Json:
    return {
        "identity": caller.identity,
        "display_name": caller.display_name,
        "permissions": list(caller.permissions),
        "extras": dict(caller.extras),
    }


def owner_of(row: CronRow) -> Owner:
    """Return who made a cron, and for whom its runs are made."""
    return Owner(**{**row.caller, "permissions": tuple(row.caller["permissions"])})


def run_body(row: CronRow) -> Json:
    """Return the body of the runs that the cron makes."""
    body = {key: value for key, value in row.payload.items() if key in RUN_MEMBERS}
    config = body["config"]
    configurable = {k: v for k, v in config["configurable"].items() if k != "cron_id"}
    body["config"] = {**config, "configurable": configurable}
    body["on_completion"] = row.on_run_completed or "keep"
    return {**body, "metadata": row.metadata}


def draft_of(
    row: CronRow, clock: Clock, thread_ttl: Json | None, grants: Grants = NO_RULES
) -> Draft:
    """Return the run that is due now."""
    return Draft(
        run_id=clock.new_id(),
        thread_id=row.thread_id,
        assistant_id=row.assistant_id,
        body=granted(run_body(row), grants, stateless=row.thread_id is None),
        grants=grants,
        caller=owner_of(row),
        request_id=clock.new_id(),
        requested_ms=clock.now_ms(),
        thread_ttl=thread_ttl,
        cron_id=row.cron_id,
    )


def cron_body(row: CronRow) -> Json:
    """Return a cron in its wire form."""
    return {
        "cron_id": row.cron_id,
        "assistant_id": row.assistant_id,
        "thread_id": row.thread_id,
        "user_id": row.user_id,
        "end_time": schedules.wire_date(row.end_ms),
        "schedule": row.schedule,
        "timezone": row.timezone,
        "payload": row.payload,
        "next_run_date": schedules.wire_date(row.next_run_ms),
        "metadata": row.metadata,
        "on_run_completed": row.on_run_completed,
        "enabled": row.enabled,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }

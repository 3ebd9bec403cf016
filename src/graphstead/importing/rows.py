"""From the wire forms of another server to rows of ours; ids and times stay."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from graphstead.engine import schedules
from graphstead.engine.clock import wire_time
from graphstead.engine.merging import open_metadata
from graphstead.storage.rows import AssistantRow, CronRow, Json, StoreRow, ThreadRow, ThreadStatus

__all__ = ["assistant_row", "cron_row", "is_system", "item_row", "thread_row"]


def _time(text: Any) -> str:
    """Return a time as rows write it, now where there is none."""
    if not text:
        return wire_time()
    return wire_time(int(datetime.fromisoformat(str(text)).timestamp() * 1_000_000))


def is_system(assistant: Json) -> bool:
    """Tell whether the server made the assistant by itself, and nobody changed it since."""
    made = (assistant.get("metadata") or {}).get("created_by") == "system"
    return made and assistant.get("version", 1) == 1


def assistant_row(body: Json) -> AssistantRow:
    """Return an assistant in its newest version."""
    return AssistantRow(
        assistant_id=body["assistant_id"],
        graph_id=body["graph_id"],
        name=body.get("name") or "Untitled",
        description=body.get("description"),
        config=body.get("config") or {},
        context=body.get("context") or {},
        metadata=body.get("metadata") or {},
        version=body.get("version") or 1,
        created_at=_time(body.get("created_at")),
        updated_at=_time(body.get("updated_at")),
    )


def thread_row(body: Json) -> ThreadRow:
    """Return a thread without its values; one that was busy comes to rest."""
    return ThreadRow(
        thread_id=body["thread_id"],
        status=_resting(body.get("status")),
        metadata=body.get("metadata") or {},
        config=body.get("config") or {},
        created_at=_time(body.get("created_at")),
        updated_at=_time(body.get("updated_at")),
        state_updated_at=_time(body.get("state_updated_at") or body.get("updated_at")),
        values=body.get("values"),
        error=body.get("error") if isinstance(body.get("error"), dict) else None,
        interrupts=body.get("interrupts") or {},
    )


def _resting(status: str | None) -> ThreadStatus:
    """Return the status of a thread that no run is active on."""
    if status in ("interrupted", "error"):
        return cast(ThreadStatus, status)
    return "idle"


def cron_row(body: Json, now_ms: int) -> CronRow:
    """Return a cron with its next date from now on. Raises Problem for a schedule not known."""
    schedule, timezone = body["schedule"], body.get("timezone")
    schedules.check(schedule, timezone, now_ms)
    user_id = body.get("user_id") or ""
    return CronRow(
        cron_id=body["cron_id"],
        assistant_id=body["assistant_id"],
        thread_id=body.get("thread_id"),
        user_id=user_id,
        caller={"identity": user_id, "display_name": "", "permissions": [], "extras": {}},
        schedule=schedule,
        timezone=timezone,
        end_ms=schedules.end_ms_of(body.get("end_time")),
        payload=_payload(body),
        metadata=open_metadata(body.get("metadata") or {}),
        on_run_completed=None
        if body.get("thread_id")
        else body.get("on_run_completed") or "delete",
        enabled=body.get("enabled", True),
        next_run_ms=schedules.next_ms(schedule, timezone, now_ms),
        created_at=_time(body.get("created_at")),
        updated_at=_time(body.get("updated_at")),
    )


def _payload(body: Json) -> Json:
    """Return the remembered request with what runs of a cron rely on."""
    payload = {**(body.get("payload") or {}), "assistant_id": body["assistant_id"]}
    config = payload.get("config") or {}
    configurable = {**(config.get("configurable") or {}), "cron_id": body["cron_id"]}
    return {**payload, "config": {**config, "configurable": configurable}}


def item_row(body: Json) -> StoreRow:
    """Return an item of the store."""
    return StoreRow(
        namespace=".".join(body["namespace"]),
        key=body["key"],
        value=body["value"],
        created_at=_time(body.get("created_at")),
        updated_at=_time(body.get("updated_at")),
    )

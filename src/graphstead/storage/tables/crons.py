"""Crons: schedules and the runs they make."""

from __future__ import annotations

from typing import Any

from graphstead.storage.rows import CronFilter, CronRow, Page
from graphstead.storage.rules import as_json
from graphstead.storage.statements import Row, Statements, from_json, to_json


class StoredCrons:
    """Implements `base.Crons`."""

    __slots__ = ("_sql",)

    def __init__(self, sql: Statements) -> None:
        self._sql = sql

    def get(self, cron_id: str) -> CronRow | None:
        row = self._sql.row("crons.get", cron_id=cron_id)
        return _cron(row) if row else None

    def lock(self, cron_id: str) -> CronRow | None:
        row = self._sql.row("crons.lock", cron_id=cron_id)
        return _cron(row) if row else None

    def insert(self, row: CronRow) -> None:
        self._sql.execute("crons.insert", **_values(row))

    def replace(self, row: CronRow) -> None:
        self._sql.execute("crons.replace", **_values(row))

    def move(self, cron_id: str, next_run_ms: int | None) -> None:
        self._sql.execute("crons.move", cron_id=cron_id, next_run_ms=next_run_ms)

    def due(self, now_ms: int, limit: int) -> list[str]:
        rows = self._sql.rows("crons.due", now_ms=now_ms, limit=limit)
        return [cron_id for (cron_id,) in rows]

    def next_ms(self) -> int | None:
        found: int | None = self._sql.value("crons.next_ms")
        return found

    def search(self, match: CronFilter, page: Page) -> list[CronRow]:
        conditions, values = _conditions(match)
        way = "desc" if page.descending else "asc"
        sql = self._sql.composed("crons.search", conditions, f"crons.order_{page.sort_by}", way)
        values |= {"limit": page.limit, "offset": page.offset}
        return [_cron(row) for row in self._sql.rows_of(sql, values)]

    def count(self, match: CronFilter) -> int:
        conditions, values = _conditions(match)
        return int(self._sql.rows_of(self._sql.composed("crons.count", conditions), values)[0][0])

    def delete(self, cron_id: str) -> bool:
        return self._sql.execute("crons.delete", cron_id=cron_id) > 0

    def delete_of_thread(self, thread_id: str) -> None:
        self._sql.execute("crons.delete_of_thread", thread_id=thread_id)

    def delete_of_assistant(self, assistant_id: str) -> None:
        self._sql.execute("crons.delete_of_assistant", assistant_id=assistant_id)


def _cron(row: Row) -> CronRow:
    cron_id, assistant_id, thread_id, user_id, caller, schedule, timezone, end_ms = row[:8]
    payload, metadata, on_run_completed, enabled, *rest = row[8:]
    return CronRow(
        cron_id,
        assistant_id,
        thread_id,
        user_id,
        from_json(caller),
        schedule,
        timezone,
        end_ms,
        from_json(payload),
        from_json(metadata),
        on_run_completed,
        bool(enabled),
        *rest,
    )


def _values(row: CronRow) -> dict[str, Any]:
    return {
        "cron_id": row.cron_id,
        "assistant_id": row.assistant_id,
        "thread_id": row.thread_id,
        "user_id": row.user_id,
        "caller": to_json(row.caller),
        "schedule": row.schedule,
        "timezone": row.timezone,
        "end_ms": row.end_ms,
        "payload": to_json(row.payload),
        "metadata": to_json(row.metadata),
        "on_run_completed": row.on_run_completed,
        "enabled": row.enabled,
        "next_run_ms": row.next_run_ms,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


def _conditions(match: CronFilter) -> tuple[tuple[str, ...], dict[str, Any]]:
    values = {
        name: value
        for name in ("assistant_id", "thread_id", "enabled")
        if (value := getattr(match, name)) is not None
    }
    if match.metadata:
        values["metadata"] = to_json(match.metadata)
    for name in ("access", "thread_access"):
        if (condition := getattr(match, name)) is not None:
            values[name] = to_json(as_json(condition))
    return tuple(f"crons.where_{name}" for name in values), values

"""Threads; their values lie apart from what is searched and sorted by."""

from __future__ import annotations

from typing import Any

from graphstead.storage.conditions import same
from graphstead.storage.rows import (
    EndRow,
    Json,
    Page,
    ShownRow,
    ThreadFilter,
    ThreadRow,
    ThreadStatus,
)
from graphstead.storage.rules import Equals, as_json
from graphstead.storage.statements import (
    Row,
    Statements,
    from_json,
    from_json_or_null,
    to_json,
    to_json_or_null,
)
from graphstead.storage.tables.events import end_values


class StoredThreads:
    """Implements `base.Threads`."""

    __slots__ = ("_sql",)

    def __init__(self, sql: Statements) -> None:
        self._sql = sql

    def get(self, thread_id: str) -> ThreadRow | None:
        row = self._sql.row("threads.get", thread_id=thread_id)
        return thread_of(row) if row else None

    def lock(self, thread_id: str) -> ThreadRow | None:
        row = self._sql.row("threads.lock", thread_id=thread_id)
        return thread_of(row) if row else None

    def hold(self, thread_id: str) -> bool:
        return self._sql.row("threads.hold", thread_id=thread_id) is not None

    def try_hold(self, thread_id: str) -> bool:
        return self._sql.row("threads.try_hold", thread_id=thread_id) is not None

    def insert(self, row: ThreadRow) -> bool:
        if not self._sql.execute("threads.insert", **_values(row)):
            return False
        if row.values is not None:
            self._put_values(row.thread_id, row.values)
        return True

    def set_status(self, thread_id: str, status: ThreadStatus, updated_at: str) -> None:
        self._sql.execute(
            "threads.set_status", thread_id=thread_id, status=status, updated_at=updated_at
        )

    def set_metadata(self, thread_id: str, metadata: Json, config: Json, updated_at: str) -> None:
        self._sql.execute(
            "threads.set_metadata",
            thread_id=thread_id,
            metadata=to_json(metadata),
            config=to_json(config),
            updated_at=updated_at,
        )

    def set_ttl(self, thread_id: str, ttl: Json | None, expires_ms: int | None) -> None:
        self._sql.execute(
            "threads.set_ttl",
            thread_id=thread_id,
            ttl=to_json_or_null(ttl),
            expires_ms=expires_ms,
        )

    def set_state(
        self,
        thread_id: str,
        *,
        status: ThreadStatus,
        values: Any,
        error: Json | None,
        interrupts: Json,
        state_updated_at: str,
    ) -> None:
        known = self._sql.execute(
            "threads.set_state",
            thread_id=thread_id,
            status=status,
            values=to_json_or_null(values),
            error=to_json_or_null(error),
            interrupts=to_json(interrupts),
            state_updated_at=state_updated_at,
        )
        if known:
            self._put_values(thread_id, values)

    def show(self, shown: ShownRow) -> bool:
        known = self._sql.execute("threads.show", **shown_values(shown))
        if known and not shown.keeps_values:
            self._put_values(shown.thread_id, shown.values)
        return self._sql.execute("runs.release_next", thread_id=shown.thread_id) > 0

    def settle(self, end: EndRow, shown: ShownRow) -> bool:
        self._sql.execute("events.end", **end_values(end))
        self._sql.execute(
            "runs.finish", run_id=end.run_id, status=end.status, updated_at=shown.updated_at
        )
        return self.show(shown)

    def search(self, match: ThreadFilter, page: Page) -> list[ThreadRow]:
        values = values_of(match)
        sql = self._searching("threads.search", values, page)
        rows = self._sql.rows_of(sql, values | {"limit": page.limit, "offset": page.offset})
        return [thread_of(row) for row in rows]

    def _searching(self, name: str, values: dict[str, Any], page: Page) -> str:
        way = "desc" if page.descending else "asc"
        return self._sql.composed(name, conditions(values), f"threads.order_{page.sort_by}", way)

    def count(self, match: ThreadFilter, at_most: int | None = None) -> int:
        values = values_of(match)
        return self._counted(values, conditions(values), at_most)

    def _counted(self, values: dict[str, Any], parts: tuple[str, ...], at_most: int | None) -> int:
        name = "threads.count" if at_most is None else "threads.count_some"
        rows = self._sql.rows_of(self._sql.composed(name, parts), {**values, "at_most": at_most})
        return int(rows[0][0])

    def expired(self, now_ms: int, limit: int) -> list[str]:
        rows = self._sql.rows("threads.expired", now_ms=now_ms, limit=limit)
        return [thread_id for (thread_id,) in rows]

    def with_history(self, before: str, limit: int) -> list[str]:
        rows = self._sql.rows("threads.with_history", before=before, limit=limit)
        return [thread_id for (thread_id,) in rows]

    def mark_trimmed(self, thread_id: str) -> None:
        self._sql.execute("threads.mark_trimmed", thread_id=thread_id)

    def delete(self, thread_id: str) -> bool:
        self._sql.execute("threads.delete_values", thread_id=thread_id)
        return self._sql.execute("threads.delete", thread_id=thread_id) > 0

    def _put_values(self, thread_id: str, values: Any) -> None:
        if values is None:
            self._sql.execute("threads.delete_values", thread_id=thread_id)
        else:
            self._sql.execute("threads.put_values", thread_id=thread_id, values=to_json(values))


def thread_of(row: Row) -> ThreadRow:
    (thread_id, status, metadata, config, created_at, updated_at, state_updated_at) = row[:7]
    values, error, interrupts, ttl, expires_ms = row[7:]
    return ThreadRow(
        thread_id,
        status,
        from_json(metadata),
        from_json(config),
        created_at,
        updated_at,
        state_updated_at,
        from_json_or_null(values),
        from_json_or_null(error),
        from_json(interrupts),
        from_json_or_null(ttl),
        expires_ms,
    )


def _values(row: ThreadRow) -> dict[str, Any]:
    return {
        "thread_id": row.thread_id,
        "status": row.status,
        "metadata": to_json(row.metadata),
        "config": to_json(row.config),
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "state_updated_at": row.state_updated_at,
        "values": to_json_or_null(row.values),
        "error": to_json_or_null(row.error),
        "interrupts": to_json(row.interrupts),
        "ttl": to_json_or_null(row.ttl),
        "expires_ms": row.expires_ms,
    }


def shown_values(shown: ShownRow) -> dict[str, Any]:
    """Return what a thread is to show, by column."""
    return {
        "thread_id": shown.thread_id,
        "shown_status": shown.status,
        "values": to_json_or_null(shown.values),
        "error": to_json_or_null(shown.error),
        "interrupts": to_json(shown.interrupts),
        "updated_at": shown.updated_at,
        "keeps_values": shown.keeps_values,
    }


def values_of(match: ThreadFilter) -> dict[str, Any]:
    """Return what each given condition compares with."""
    values: dict[str, Any] = {}
    if match.status is not None:
        values["status"] = match.status
    if match.thread_ids is not None:
        values["thread_ids"] = to_json(list(match.thread_ids))
    if match.metadata:
        values["metadata"] = to_json(match.metadata)
    if match.values:
        values["values"] = to_json(match.values)
    if match.access is not None and not _is_implied(match):
        values["access"] = to_json(as_json(match.access))
    return values


def _is_implied(match: ThreadFilter) -> bool:
    """Tell whether what the client asks of metadata includes what the rule demands."""
    access, metadata = match.access, match.metadata or {}
    if not isinstance(access, Equals) or isinstance(access.value, dict | list):
        return False
    return access.key in metadata and same(metadata[access.key], access.value)


def conditions(values: dict[str, Any]) -> tuple[str, ...]:
    """Name the conditions that these values belong to."""
    return tuple(f"threads.where_{name}" for name in values)

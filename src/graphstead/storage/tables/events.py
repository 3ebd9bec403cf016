"""Stream events of runs, and how runs ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphstead.storage.rows import EndedRun, EndRow, EventRow
from graphstead.storage.statements import (
    Row,
    Statements,
    from_json_or_null,
    to_json,
    to_json_or_null,
)


class StoredEvents:
    """Implements `base.Events`."""

    __slots__ = ("_sql",)

    def __init__(self, sql: Statements) -> None:
        self._sql = sql

    def append(self, run_id: str, rows: Sequence[EventRow]) -> None:
        self._sql.execute_many(
            "events.append",
            [
                {
                    "run_id": run_id,
                    "seq": row.seq,
                    "created_ms": row.created_ms,
                    "event": row.event,
                    "data": row.data,
                }
                for row in rows
            ],
        )

    def after(self, run_id: str, seq: int, limit: int) -> list[EventRow]:
        rows = self._sql.rows("events.after", run_id=run_id, seq=seq, limit=limit)
        return [EventRow(*row) for row in rows]

    def last_seq(self, run_id: str) -> int:
        return int(self._sql.value("events.last_seq", run_id=run_id))

    def end(self, row: EndRow) -> None:
        self._sql.execute("events.end", **end_values(row))

    def ended(self, run_id: str) -> EndRow | None:
        row = self._sql.row("events.ended", run_id=run_id)
        return _end(row) if row else None

    def last_ms(self, run_id: str) -> int:
        row = self._sql.row("events.last_ms", run_id=run_id)
        return int(row[0]) if row else 0

    def last_ends(self, thread_ids: Sequence[str]) -> dict[str, int]:
        rows = self._sql.rows("events.last_ends", thread_ids=to_json(list(thread_ids)))
        return {thread_id: ended_ms for thread_id, ended_ms in rows if ended_ms is not None}

    def ends_of(self, thread_id: str, from_ms: int, limit: int) -> list[EndedRun]:
        rows = self._sql.rows("events.ends_of", thread_id=thread_id, from_ms=from_ms, limit=limit)
        return [EndedRun(*row) for row in rows]

    def purge(self, ended_before_ms: int, limit: int) -> int:
        rows = self._sql.rows("events.purgeable", ended_before_ms=ended_before_ms, limit=limit)
        for (run_id,) in rows:
            self.delete(run_id)
        return len(rows)

    def delete(self, run_id: str) -> None:
        self._sql.execute("protocol.abandon", run_id=run_id)
        self._sql.execute("events.delete", run_id=run_id)
        self._sql.execute("events.delete_end", run_id=run_id)


def _end(row: Row) -> EndRow:
    run_id, thread_id, status, ended_ms, output, thread_status, metadata = row
    told = from_json_or_null(metadata)
    return EndRow(run_id, thread_id, status, ended_ms, output, thread_status, told)


def end_values(row: EndRow) -> dict[str, Any]:
    """Return the columns of an end."""
    return {
        "run_id": row.run_id,
        "thread_id": row.thread_id,
        "status": row.status,
        "ended_ms": row.ended_ms,
        "output": row.output,
        "thread_status": row.thread_status,
        "metadata": to_json_or_null(row.metadata),
    }

"""Runs on Postgres: what is decided together is one statement, for each is a round trip."""

from __future__ import annotations

from graphstead.storage.postgres.errands import Errands
from graphstead.storage.rows import RunRow
from graphstead.storage.statements import Row, Statements
from graphstead.storage.tables.runs import StoredRuns, run_of, run_values


class PostgresRuns(StoredRuns):
    """Implements `base.Runs`; with `errands`, who looks for due runs answers the jobs for them."""

    __slots__ = ("_errands",)

    def __init__(self, sql: Statements, errands: Errands | None) -> None:
        super().__init__(sql)
        self._errands = errands

    def insert(self, row: RunRow) -> None:
        super().insert(row)
        self._want(row, row.blocked)

    def enter(self, row: RunRow, now_ms: int) -> bool:
        blocked = bool(self._sql.value("runs.enter", **run_values(row), now_ms=now_ms))
        self._want(row, blocked)
        return blocked

    def claimable(self, now_ms: int, limit: int) -> list[RunRow]:
        self._begin_looking()
        return self._looked(self._sql.rows("runs.claimable", now_ms=now_ms, limit=limit), limit)

    def take(self, worker: str, now_ms: int, limit: int, updated_at: str) -> list[RunRow]:
        self._begin_looking()
        rows = self._sql.rows(
            "runs.take", worker=worker, now_ms=now_ms, limit=limit, updated_at=updated_at
        )
        return self._looked(rows, limit)

    def _want(self, row: RunRow, blocked: bool) -> None:
        """Have somebody look once a new run is due."""
        if self._errands is not None and row.status == "pending" and not blocked:
            self._errands.want("ready", row.start_ms)

    def _begin_looking(self) -> None:
        if self._errands is not None:
            self._errands.absorb()

    def _looked(self, rows: list[Row], limit: int) -> list[RunRow]:
        if self._errands is not None and len(rows) >= limit:
            self._errands.want("ready")
        return [run_of(row) for row in rows]

"""Crons and webhook calls on Postgres, where jobs tell that one is due."""

from __future__ import annotations

from graphstead.storage.postgres.errands import Errands
from graphstead.storage.rows import CronRow, DeliveryRow
from graphstead.storage.statements import Statements
from graphstead.storage.tables.crons import StoredCrons
from graphstead.storage.tables.deliveries import StoredDeliveries


class PostgresCrons(StoredCrons):
    """Implements `base.Crons`; each date that is set is a job."""

    __slots__ = ("_errands",)

    def __init__(self, sql: Statements, errands: Errands) -> None:
        super().__init__(sql)
        self._errands = errands

    def insert(self, row: CronRow) -> None:
        super().insert(row)
        self._want(row.next_run_ms)

    def replace(self, row: CronRow) -> None:
        super().replace(row)
        self._want(row.next_run_ms)

    def move(self, cron_id: str, next_run_ms: int | None) -> None:
        super().move(cron_id, next_run_ms)
        self._want(next_run_ms)

    def _want(self, next_run_ms: int | None) -> None:
        if next_run_ms is not None:
            self._errands.want("crons", next_run_ms)


class PostgresDeliveries(StoredDeliveries):
    """Implements `base.Deliveries`; each next try is a job, also that of a call being made."""

    __slots__ = ("_errands",)

    def __init__(self, sql: Statements, errands: Errands) -> None:
        super().__init__(sql)
        self._errands = errands

    def add(self, row: DeliveryRow) -> None:
        super().add(row)
        if row.next_try_ms is not None:
            self._errands.want("deliveries", row.next_try_ms)

    def take(self, now_ms: int, until_ms: int, limit: int) -> list[DeliveryRow]:
        taken = super().take(now_ms, until_ms, limit)
        if taken:
            self._errands.want("deliveries", until_ms)
        return taken

    def put_off(self, run_id: str, next_try_ms: int | None, last_error: str) -> None:
        super().put_off(run_id, next_try_ms, last_error)
        if next_try_ms is not None:
            self._errands.want("deliveries", next_try_ms)

    def revive(self, now_ms: int, run_id: str | None) -> int:
        revived = super().revive(now_ms, run_id)
        self._errands.want("deliveries", now_ms)
        return revived

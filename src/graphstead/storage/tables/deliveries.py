"""Webhook calls that are owed."""

from __future__ import annotations

from dataclasses import asdict

from graphstead.storage.rows import DeliveryRow
from graphstead.storage.statements import Statements


class StoredDeliveries:
    """Implements `base.Deliveries`."""

    __slots__ = ("_sql",)

    def __init__(self, sql: Statements) -> None:
        self._sql = sql

    def add(self, row: DeliveryRow) -> None:
        self._sql.execute("deliveries.add", **asdict(row))

    def take(self, now_ms: int, until_ms: int, limit: int) -> list[DeliveryRow]:
        rows = self._sql.rows("deliveries.take", now_ms=now_ms, until_ms=until_ms, limit=limit)
        return [DeliveryRow(*row) for row in rows]

    def next_ms(self) -> int | None:
        found: int | None = self._sql.value("deliveries.next_ms")
        return found

    def put_off(self, run_id: str, next_try_ms: int | None, last_error: str) -> None:
        self._sql.execute(
            "deliveries.put_off", run_id=run_id, next_try_ms=next_try_ms, last_error=last_error
        )

    def rewind(self, now_ms: int, latest_ms: int) -> int:
        return self._sql.execute("deliveries.rewind", now_ms=now_ms, latest_ms=latest_ms)

    def dead(self, limit: int) -> list[DeliveryRow]:
        return [DeliveryRow(*row) for row in self._sql.rows("deliveries.dead", limit=limit)]

    def revive(self, now_ms: int, run_id: str | None) -> int:
        return self._sql.execute("deliveries.revive", now_ms=now_ms, run_id=run_id)

    def done(self, run_id: str) -> None:
        self._sql.execute("deliveries.done", run_id=run_id)

    def purge(self, before_ms: int, limit: int) -> int:
        return self._sql.execute("deliveries.purge", before_ms=before_ms, limit=limit)

    def counts(self, now_ms: int) -> tuple[int, int]:
        due = self._sql.value("deliveries.count_due", now_ms=now_ms)
        return due, self._sql.value("deliveries.count_dead")

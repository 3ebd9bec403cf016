"""Workers and their leases."""

from __future__ import annotations

import builtins

from graphstead.storage.rows import WorkerRow
from graphstead.storage.statements import Statements


class StoredWorkers:
    """Implements `base.Workers`."""

    __slots__ = ("_sql",)

    def __init__(self, sql: Statements) -> None:
        self._sql = sql

    def beat(self, row: WorkerRow) -> None:
        self._sql.execute(
            "workers.beat",
            worker_id=row.worker_id,
            host=row.host,
            pid=row.pid,
            lease_until_ms=row.lease_until_ms,
        )

    def list(self) -> builtins.list[WorkerRow]:
        return [WorkerRow(*row) for row in self._sql.rows("workers.list")]

    def forget(self, worker_id: str) -> None:
        self._sql.execute("workers.forget", worker_id=worker_id)

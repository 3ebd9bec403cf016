"""One open Postgres transaction, as the engine sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg

from graphstead.storage.postgres.errands import Errands
from graphstead.storage.postgres.runs import PostgresRuns
from graphstead.storage.postgres.scheduled import PostgresCrons, PostgresDeliveries
from graphstead.storage.postgres.statements import PostgresStatements
from graphstead.storage.postgres.store import PostgresStoreItems
from graphstead.storage.postgres.threads import PostgresThreads
from graphstead.storage.rows import Bell
from graphstead.storage.tables.tx import StoredTx

# The schema version that knows of sealed rows.
KNOWN_SINCE = 4
READY = Bell("ready")


class PostgresTx(StoredTx):
    """A transaction of one connection.

    With `looked`, called when it looks for due runs, it adds the jobs that Procrastinate delivers.
    """

    __slots__ = ("connection", "errands", "sql")

    def __init__(
        self, connection: psycopg.Connection[Any], looked: Callable[[], None] | None = None
    ) -> None:
        sql = PostgresStatements(connection)
        errands = Errands(sql, looked) if looked is not None else None
        super().__init__(
            sql,
            PostgresThreads(sql),
            PostgresStoreItems(sql),
            runs=PostgresRuns(sql, errands),
            known_since=KNOWN_SINCE,
        )
        if errands is not None:
            self.crons = PostgresCrons(sql, errands)
            self.deliveries = PostgresDeliveries(sql, errands)
        self.connection = connection
        self.sql = sql
        self.errands = errands

    def add_jobs(self) -> None:
        """Add the jobs that this transaction owes to what it changed, before its commit."""
        if self.errands is None:
            return
        if READY in (self.bells or ()):
            self.errands.want("ready")
        self.errands.defer(self.connection)

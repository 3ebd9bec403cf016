"""One open Postgres transaction, as the engine sees it."""

from __future__ import annotations

from typing import Any

import psycopg

from graphstead.storage.postgres.statements import PostgresStatements
from graphstead.storage.postgres.store import PostgresStoreItems
from graphstead.storage.postgres.threads import PostgresThreads
from graphstead.storage.tables.tx import StoredTx

# The schema version that knows of sealed rows.
KNOWN_SINCE = 4


class PostgresTx(StoredTx):
    """A transaction of one connection."""

    __slots__ = ("connection", "sql")

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        sql = PostgresStatements(connection)
        super().__init__(
            sql, PostgresThreads(sql), PostgresStoreItems(sql), known_since=KNOWN_SINCE
        )
        self.connection = connection
        self.sql = sql

"""One open SQLite transaction, as the engine sees it."""

from __future__ import annotations

import sqlite3

from graphstead.storage.sqlite.statements import SqliteStatements
from graphstead.storage.sqlite.threads import SqliteThreads
from graphstead.storage.tables.runs import StoredRuns
from graphstead.storage.tables.store import StoredStoreItems
from graphstead.storage.tables.tx import StoredTx

# The schema version that knows of sealed rows.
KNOWN_SINCE = 9


class SqliteTx(StoredTx):
    """A transaction of one connection."""

    __slots__ = ("connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        sql = SqliteStatements(connection)
        super().__init__(
            sql,
            SqliteThreads(sql),
            StoredStoreItems(sql),
            runs=StoredRuns(sql),
            known_since=KNOWN_SINCE,
        )
        self.connection = connection

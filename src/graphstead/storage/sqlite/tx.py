"""One open SQLite transaction, as the engine sees it."""

from __future__ import annotations

import sqlite3

from graphstead.storage.rows import Bell, Topic
from graphstead.storage.sqlite.assistants import SqliteAssistants
from graphstead.storage.sqlite.checkpoints import SqliteCheckpoints
from graphstead.storage.sqlite.crons import SqliteCrons
from graphstead.storage.sqlite.deliveries import SqliteDeliveries
from graphstead.storage.sqlite.events import SqliteEvents
from graphstead.storage.sqlite.keys import SqliteApiKeys
from graphstead.storage.sqlite.protocol import SqliteNumbers
from graphstead.storage.sqlite.replays import SqliteReplays
from graphstead.storage.sqlite.runs import SqliteRuns
from graphstead.storage.sqlite.sealing import SqliteSealing
from graphstead.storage.sqlite.statements import Statements
from graphstead.storage.sqlite.store import SqliteStoreItems
from graphstead.storage.sqlite.threads import SqliteThreads
from graphstead.storage.sqlite.workers import SqliteWorkers


class SqliteTx:
    """Implements `base.Tx`; one object serves every transaction of its connection in turn."""

    __slots__ = (
        "assistants",
        "bells",
        "checkpoints",
        "connection",
        "crons",
        "deliveries",
        "events",
        "keys",
        "numbers",
        "replays",
        "runs",
        "sealing",
        "store",
        "threads",
        "workers",
    )

    def __init__(self, connection: sqlite3.Connection) -> None:
        sql = Statements(connection)
        self.connection = connection
        self.assistants = SqliteAssistants(sql)
        self.threads = SqliteThreads(sql)
        self.runs = SqliteRuns(sql)
        self.workers = SqliteWorkers(sql)
        self.events = SqliteEvents(sql)
        self.checkpoints = SqliteCheckpoints(sql)
        self.replays = SqliteReplays(sql)
        self.store = SqliteStoreItems(sql)
        self.crons = SqliteCrons(sql)
        self.deliveries = SqliteDeliveries(sql)
        self.numbers = SqliteNumbers(sql)
        self.keys = SqliteApiKeys(sql)
        self.sealing = SqliteSealing(sql)
        self.bells: list[Bell] | None = None

    def ring(self, topic: Topic, key: str = "") -> None:
        if self.bells is None:
            raise RuntimeError("Only a write can ring a bell")
        self.bells.append(Bell(topic, key))

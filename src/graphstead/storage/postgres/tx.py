"""One open Postgres transaction, as the engine sees it."""

from __future__ import annotations

from typing import Any

import psycopg

from graphstead.storage.postgres.statements import PostgresStatements
from graphstead.storage.postgres.store import PostgresStoreItems
from graphstead.storage.postgres.threads import PostgresThreads
from graphstead.storage.rows import Bell, Topic
from graphstead.storage.tables.assistants import StoredAssistants
from graphstead.storage.tables.checkpoints import StoredCheckpoints
from graphstead.storage.tables.crons import StoredCrons
from graphstead.storage.tables.deliveries import StoredDeliveries
from graphstead.storage.tables.events import StoredEvents
from graphstead.storage.tables.keys import StoredApiKeys
from graphstead.storage.tables.protocol import StoredNumbers
from graphstead.storage.tables.replays import StoredReplays
from graphstead.storage.tables.runs import StoredRuns
from graphstead.storage.tables.sealing import StoredSealing
from graphstead.storage.tables.workers import StoredWorkers

# The schema version that knows of sealed rows.
KNOWN_SINCE = 4


class PostgresTx:
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
        "sql",
        "store",
        "threads",
        "workers",
    )

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        sql = PostgresStatements(connection)
        self.connection = connection
        self.sql = sql
        self.assistants = StoredAssistants(sql)
        self.threads = PostgresThreads(sql)
        self.runs = StoredRuns(sql)
        self.workers = StoredWorkers(sql)
        self.events = StoredEvents(sql)
        self.checkpoints = StoredCheckpoints(sql)
        self.keys = StoredApiKeys(sql)
        self.numbers = StoredNumbers(sql)
        self.replays = StoredReplays(sql)
        self.sealing = StoredSealing(sql, known_since=KNOWN_SINCE)
        self.store = PostgresStoreItems(sql)
        self.crons = StoredCrons(sql)
        self.deliveries = StoredDeliveries(sql)
        self.bells: list[Bell] | None = None

    def ring(self, topic: Topic, key: str = "") -> None:
        if self.bells is None:
            raise RuntimeError("Only a write can ring a bell")
        self.bells.append(Bell(topic, key))

"""An open transaction over the tables of a dialect, as the engine sees it."""

from __future__ import annotations

from graphstead.storage.rows import Bell, Topic
from graphstead.storage.statements import Statements
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
from graphstead.storage.tables.store import StoredStoreItems
from graphstead.storage.tables.threads import StoredThreads
from graphstead.storage.tables.workers import StoredWorkers

__all__ = ["StoredTx"]


class StoredTx:
    """Implements `base.Tx`; one object serves every transaction of its connection in turn.

    A dialect brings its threads, runs and items; `known_since` is its schema version that knows of
    sealed rows.
    """

    __slots__ = (
        "assistants",
        "bells",
        "checkpoints",
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

    def __init__(
        self,
        sql: Statements,
        threads: StoredThreads,
        store: StoredStoreItems,
        *,
        runs: StoredRuns,
        known_since: int,
    ) -> None:
        self.assistants = StoredAssistants(sql)
        self.threads = threads
        self.runs = runs
        self.workers = StoredWorkers(sql)
        self.events = StoredEvents(sql)
        self.checkpoints = StoredCheckpoints(sql)
        self.keys = StoredApiKeys(sql)
        self.numbers = StoredNumbers(sql)
        self.replays = StoredReplays(sql)
        self.sealing = StoredSealing(sql, known_since=known_since)
        self.store = store
        self.crons = StoredCrons(sql)
        self.deliveries = StoredDeliveries(sql)
        self.bells: list[Bell] | None = None

    def ring(self, topic: Topic, key: str = "") -> None:
        if self.bells is None:
            raise RuntimeError("Only a write can ring a bell")
        self.bells.append(Bell(topic, key))

"""The engine put together: storage, graphs, and in a process that carries out runs a worker."""

from __future__ import annotations

import asyncio
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from graphstead.engine.assistants import Assistants
from graphstead.engine.clock import Clock, SystemClock
from graphstead.engine.crons import Crons
from graphstead.engine.custom_checkpoints import CustomCheckpointStorage
from graphstead.engine.custom_saver import CustomSaver
from graphstead.engine.custom_store import CustomStore
from graphstead.engine.embedding import Embedder
from graphstead.engine.graph_store import GraphStore
from graphstead.engine.run_stops import RunStops
from graphstead.engine.run_streams import RunStreams
from graphstead.engine.runs import Runs
from graphstead.engine.savers import Savers, serializer
from graphstead.engine.store import Store
from graphstead.engine.system import System
from graphstead.engine.thread_rows import default_ttl
from graphstead.engine.threads import Threads
from graphstead.engine.timekeeper import Timekeeper
from graphstead.engine.upkeep import Upkeep, UpkeepLimits
from graphstead.engine.webhooks import Sender
from graphstead.engine.worker import Worker, WorkerLimits
from graphstead.graphs.checkpointer_config import SerdeConfig
from graphstead.graphs.customs import Customs
from graphstead.graphs.headers import HeaderRule
from graphstead.graphs.host import GraphHost
from graphstead.graphs.load import GraphSet
from graphstead.graphs.store_config import StoreConfig
from graphstead.graphs.thread_ttl import ThreadTtl
from graphstead.graphs.webhooks import WebhookRules
from graphstead.storage.base import Storage

if TYPE_CHECKING:
    from graphstead.engine.a2a import A2A


class EngineLimits(WorkerLimits, UpkeepLimits, Protocol):
    """The settings the engine needs; `graphstead.settings.Settings` has them all."""

    @property
    def heartbeat_s(self) -> float: ...

    @property
    def shutdown_grace_s(self) -> float: ...

    @property
    def webhook_secret(self) -> str | None: ...

    @property
    def default_a2a_assistant_id(self) -> str | None: ...


class Engine:
    """What handlers call. With `run_worker` this process also carries out runs."""

    def __init__(
        self,
        *,
        storage: Storage,
        graphs: GraphSet,
        settings: EngineLimits,
        run_worker: bool,
        header_rule: HeaderRule | None = None,
        thread_ttl: ThreadTtl | None = None,
        store: StoreConfig | None = None,
        webhooks: WebhookRules | None = None,
        serde: SerdeConfig | None = None,
        customs: Customs | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._customs = customs or Customs()
        custom = _custom_saver(self._customs)
        if custom is not None:
            storage = CustomCheckpointStorage(storage, custom)
        savers = Savers(storage, serializer(serde), custom)
        self._storage = storage
        self._settings = settings
        clock = clock or SystemClock()
        self._clock = clock
        worker_id = clock.new_id() if run_worker else None
        store = store or StoreConfig()
        self._host = GraphHost(graphs)
        self._items = _items(self._customs, graphs, storage, clock, store)
        graphs.store = self._items
        self._upkeep = Upkeep(worker_id, storage, settings, clock, thread_ttl, store.ttl, savers)
        self._worker = (
            Worker(worker_id, storage, graphs, savers, settings, clock) if worker_id else None
        )
        self.assistants = Assistants(storage, self._host, clock)
        self.stops = RunStops(storage, clock)
        ttl = default_ttl(thread_ttl)
        rules = webhooks or WebhookRules()
        self.runs = Runs(storage, self.assistants, clock, header_rule or HeaderRule(), ttl, rules)
        self.crons = Crons(storage, self.assistants, clock, rules)
        self._sender = Sender(storage, clock, rules, settings.webhook_secret)
        self._timekeeper = Timekeeper(storage, clock, ttl)
        self.streams = RunStreams(storage, self.stops, clock, settings.heartbeat_s)
        self.threads = Threads(storage, self._host, savers, clock, ttl)
        self.store = Store(self._items)
        self.system = System(storage)

    @cached_property
    def a2a(self) -> A2A:
        """Return assistants as agents; loaded when first asked for, which few servers are."""
        from graphstead.engine.a2a import A2A

        return A2A(
            storage=self._storage,
            assistants=self.assistants,
            threads=self.threads,
            runs=self.runs,
            stops=self.stops,
            clock=self._clock,
            heartbeat_s=self._settings.heartbeat_s,
            default_assistant_id=self._settings.default_a2a_assistant_id,
        )

    async def start(self) -> None:
        """Seed the graphs' own assistants, recover what a crash left, start the worker."""
        await asyncio.to_thread(self._start)

    def _start(self) -> None:
        self.assistants.seed()
        if self._worker is not None:
            self._upkeep.start()
            self._worker.start()
            self._timekeeper.start()
            self._sender.start()

    async def stop(self) -> None:
        """Let runs finish within the grace, hand back the rest, close the storage."""
        await asyncio.to_thread(self._stop)

    def _stop(self) -> None:
        if self._worker is not None:
            self._timekeeper.stop()
            self._worker.stop(self._settings.shutdown_grace_s)
            self._sender.stop()
            self._upkeep.stop()
        self._host.stop()
        self._items.close()
        self._customs.close()
        self._storage.close()


def _custom_saver(customs: Customs) -> CustomSaver | None:
    return None if customs.saver is None else CustomSaver(customs.saver, customs.loop)


def _items(
    customs: Customs, graphs: GraphSet, storage: Storage, clock: Clock, store: StoreConfig
) -> GraphStore | CustomStore:
    if customs.store is not None:
        return CustomStore(customs.store, customs.loop)
    return GraphStore(storage, clock, store.ttl, _embedder(graphs, store))


def _embedder(graphs: GraphSet, store: StoreConfig) -> Embedder | None:
    if store.index is None or graphs.embeddings is None:
        return None
    return Embedder(graphs.embeddings, store.index)

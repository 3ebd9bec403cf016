"""The engine put together: storage, graphs, and in a process that carries out runs a worker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from graphstead import tracing
from graphstead.engine.access import Access
from graphstead.engine.assistants import Assistants
from graphstead.engine.clock import Clock, SystemClock
from graphstead.engine.crons import Crons
from graphstead.engine.custom_checkpoints import CustomCheckpointStorage
from graphstead.engine.custom_saver import CustomSaver
from graphstead.engine.custom_store import CustomStore
from graphstead.engine.embedding import Embedder
from graphstead.engine.graph_store import GraphStore
from graphstead.engine.inputs import REFUSED_RESUME
from graphstead.engine.metrics import Metrics
from graphstead.engine.protocol import Protocol as EventProtocol
from graphstead.engine.rewinding import WatchedClock
from graphstead.engine.run_grants import RunGate
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
from graphstead.graphs.ui import Interfaces, UiConfig
from graphstead.graphs.webhooks import WebhookRules
from graphstead.storage.base import Storage
from graphstead.storage.tallies import SharedTallies

NOTHING: Mapping[str, Any] = MappingProxyType({})

if TYPE_CHECKING:
    from graphstead.engine.a2a import A2A
    from graphstead.engine.mcp import Mcp, Reference


class EngineLimits(WorkerLimits, UpkeepLimits, Protocol):
    """The settings the engine needs; `graphstead.settings.Settings` has them all."""

    @property
    def heartbeat_s(self) -> float: ...

    @property
    def shutdown_grace_s(self) -> float: ...

    @property
    def webhook_secret(self) -> str | None: ...

    @property
    def mcp_contract_tools(self) -> bool: ...

    @property
    def crons_enabled(self) -> bool: ...

    @property
    def cron_poll_s(self) -> float: ...

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
        access: Access | None = None,
        reference: Reference | None = None,
        admits: Callable[[str], bool] = lambda origin: True,
        disabled: Collection[str] = (),
        interfaces: Interfaces | None = None,
        serde: SerdeConfig | None = None,
        customs: Customs | None = None,
        clock: Clock | None = None,
        figures_dir: Path | None = None,
        capabilities: Mapping[str, Any] = NOTHING,
    ) -> None:
        self._customs = customs or Customs()
        custom = _custom_saver(self._customs)
        if custom is not None:
            storage = CustomCheckpointStorage(storage, custom)
        savers = Savers(storage, serializer(serde), custom)
        self._storage = storage
        self._settings = settings
        clock = WatchedClock(clock or SystemClock())
        access = access or Access()
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
        self.assistants = Assistants(storage, self._host, clock, access)
        self.stops = RunStops(storage, clock, access)
        ttl = default_ttl(thread_ttl)
        rules = webhooks or WebhookRules()
        self.runs = Runs(
            storage, self.assistants, clock, header_rule or HeaderRule(), access, ttl, rules
        )
        self.crons = Crons(storage, self.assistants, clock, access, rules)
        self._sender = Sender(storage, clock, rules, settings.webhook_secret)
        self._timekeeper = Timekeeper(
            storage,
            clock,
            ttl,
            RunGate(access, self.assistants.is_system),
            poll_s=settings.cron_poll_s,
        )
        self.streams = RunStreams(storage, self.stops, clock, settings.heartbeat_s, access)
        self.protocol = EventProtocol(storage, self.runs, self.stops, settings.heartbeat_s, access)
        self.threads = Threads(storage, self._host, savers, clock, access, ttl)
        self.store = Store(self._items, access)
        self._reference = reference
        self._admits = admits
        self.interfaces = interfaces or Interfaces(Path(), UiConfig())
        self._tallies = SharedTallies(figures_dir) if figures_dir else None
        self.metrics = Metrics(storage, self._tallies, clock)
        self.system = System(storage, capabilities, _flags(settings, disabled))

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

    @cached_property
    def mcp(self) -> Mcp:
        """Return assistants as tools; loaded when first asked for, too."""
        from graphstead.engine.mcp import Calls, Mcp

        calls = Calls(
            storage=self._storage,
            threads=self.threads,
            runs=self.runs,
            stops=self.stops,
            clock=self._clock,
            heartbeat_s=self._settings.heartbeat_s,
        )
        return Mcp(
            assistants=self.assistants,
            threads=self.threads,
            calls=calls,
            reference=self._reference,
            contract_tools=self._settings.mcp_contract_tools,
            admits=self._admits,
        )

    async def start(self) -> None:
        """Seed the graphs' own assistants, recover what a crash left, start the worker."""
        await asyncio.to_thread(self._start)

    def _start(self) -> None:
        self.assistants.seed()
        if self._tallies is not None:
            self._tallies.start()
        if self._worker is not None:
            self._upkeep.start()
            self._worker.start()
            if self._settings.crons_enabled:
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
        if self._tallies is not None:
            self._tallies.stop()
        tracing.flush()


def _flags(settings: EngineLimits, disabled: Collection[str]) -> Mapping[str, bool]:
    """Return what `/info` says of parts that a project can switch off."""
    return {
        "assistants": "assistants" not in disabled,
        "crons": settings.crons_enabled and "runs" not in disabled,
        "strict_resume": bool(REFUSED_RESUME),
    }


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

"""A storage whose rows are encrypted at rest: over any backend, unknown to the engine.

engine ─► SealedTx ─► rows and filters are translated by `Sealer` ─► the backend's Tx
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar, cast

import structlog

from graphstead.storage.around import StorageAround
from graphstead.storage.base import (
    ApiKeys,
    Assistants,
    Checkpoints,
    Crons,
    Deliveries,
    EventLog,
    Events,
    Numbers,
    Replays,
    Runs,
    Sealing,
    Storage,
    StoreItems,
    Threads,
    Tx,
    Workers,
)
from graphstead.storage.errors import StorageError
from graphstead.storage.rows import Bell, EventRow, Fresh, Topic
from graphstead.storage.sealed_session import Session
from graphstead.storage.sealed_tables import (
    SealedAssistants,
    SealedCheckpoints,
    SealedRuns,
    SealedStoreItems,
    SealedTable,
    SealedThreads,
)
from graphstead.storage.sealing import ASKER, Sealer

__all__ = ["SealedStorage", "SealedTx"]

log = structlog.get_logger("graphstead.sealed")
T = TypeVar("T")


class SealedTx:
    """Implements `base.Tx` over another one."""

    def __init__(self, tx: Tx, session: Session) -> None:
        self.below = tx
        self.assistants = cast(Assistants, SealedAssistants(tx.assistants, session))
        self.threads = cast(Threads, SealedThreads(tx.threads, session))
        self.runs = cast(Runs, SealedRuns(tx.runs, session))
        self.workers: Workers = tx.workers
        self.events = cast(Events, SealedTable(tx.events, session))
        self.checkpoints = cast(Checkpoints, SealedCheckpoints(tx.checkpoints, session))
        self.replays = cast(Replays, SealedTable(tx.replays, session))
        self.store = cast(StoreItems, SealedStoreItems(tx.store, session))
        self.crons = cast(Crons, SealedTable(tx.crons, session))
        self.deliveries = cast(Deliveries, SealedTable(tx.deliveries, session))
        self.numbers = cast(Numbers, SealedTable(tx.numbers, session))
        self.keys: ApiKeys = tx.keys
        self.sealing: Sealing = tx.sealing

    def ring(self, topic: Topic, key: str = "") -> None:
        self.below.ring(topic, key)


class SealedLog:
    """Implements `base.EventLog` over another one. A cipher may wait, so threads ask it."""

    def __init__(self, log: EventLog, sealer: Sealer) -> None:
        self._log = log
        self._sealer = sealer

    @property
    def is_reachable(self) -> bool:
        return self._log.is_reachable

    async def begin(self, run_id: str, gen: int) -> int:
        return await self._log.begin(run_id, gen)

    async def append(
        self, run_id: str, gen: int, rows: Sequence[EventRow], bells: Iterable[Bell]
    ) -> bool:
        session = Session(self._sealer, ASKER.get())
        sealed = await asyncio.to_thread(session.seal, list(rows))
        return await self._log.append(run_id, gen, sealed, bells)

    async def fresh(self, run_id: str, after_seq: int, limit: int) -> Fresh:
        session = Session(self._sealer, ASKER.get())
        found = await self._log.fresh(run_id, after_seq, limit)
        if not found.rows:
            return found
        return found._replace(rows=await asyncio.to_thread(session.rows, found.rows))

    def leave(self, run_id: str, gen: int) -> None:
        self._log.leave(run_id, gen)

    def keys(self) -> Mapping[str, int]:
        return self._log.keys()


class SealedStorage(StorageAround):
    """A storage whose rows another one keeps encrypted; `vouch` belongs to each write."""

    def __init__(self, storage: Storage, sealer: Sealer, vouch: Callable[[Tx], None]) -> None:
        super().__init__(storage)
        self._sealer = sealer
        self._vouch = vouch

    @property
    def log(self) -> EventLog | None:
        below = self._storage.log
        return SealedLog(below, self._sealer) if below is not None else None

    def _session(self) -> Session:
        # The context belongs to the caller's task; the work runs on a thread of the backend.
        return Session(self._sealer, ASKER.get())

    def _writing(self, work: Callable[[Tx], T]) -> Callable[[Tx], T]:
        session, vouch = self._session(), self._vouch

        def sealed(tx: Tx) -> T:
            result = work(SealedTx(tx, session))
            session.improve(tx)
            vouch(tx)
            return result

        return sealed

    async def write(self, work: Callable[[Tx], T]) -> T:
        return await self._storage.write(self._writing(work))

    def write_blocking(self, work: Callable[[Tx], T]) -> T:
        return self._storage.write_blocking(self._writing(work))

    async def read(self, work: Callable[[Tx], T]) -> T:
        session = self._session()
        result = await self._storage.read(lambda tx: work(SealedTx(tx, session)))
        if session.is_better_known:
            with _tried():
                await self._storage.write(session.improve)
        return result

    def read_blocking(self, work: Callable[[Tx], T]) -> T:
        session = self._session()
        result = self._storage.read_blocking(lambda tx: work(SealedTx(tx, session)))
        if session.is_better_known:
            with _tried():
                self._storage.write_blocking(session.improve)
        return result

    def close(self) -> None:
        super().close()
        self._sealer.close()


@contextmanager
def _tried() -> Iterator[None]:
    """Let no read fail because what it found could not be stored better."""
    try:
        yield
    except StorageError as fault:
        log.warning("a newer ciphertext could not be stored", reason=str(fault))

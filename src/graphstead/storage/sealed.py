"""A storage whose rows are encrypted at rest: over any backend, unknown to the engine.

engine ─► SealedTx ─► rows and filters are translated by `Sealer` ─► the backend's Tx
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
from graphstead.storage.rows import Topic
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


class SealedStorage(StorageAround):
    """A storage whose rows another one keeps encrypted."""

    def __init__(self, storage: Storage, sealer: Sealer) -> None:
        super().__init__(storage)
        self._sealer = sealer

    def _session(self) -> Session:
        # The context belongs to the caller's task; the work runs on a thread of the backend.
        return Session(self._sealer, ASKER.get())

    async def write(self, work: Callable[[Tx], T]) -> T:
        return await self._storage.write(_writing(work, self._session()))

    def write_blocking(self, work: Callable[[Tx], T]) -> T:
        return self._storage.write_blocking(_writing(work, self._session()))

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


def _writing(work: Callable[[Tx], T], session: Session) -> Callable[[Tx], T]:
    def sealed(tx: Tx) -> T:
        result = work(SealedTx(tx, session))
        session.improve(tx)
        return result

    return sealed


@contextmanager
def _tried() -> Iterator[None]:
    """Let no read fail because what it found could not be stored better."""
    try:
        yield
    except StorageError as fault:
        log.warning("a newer ciphertext could not be stored", reason=str(fault))

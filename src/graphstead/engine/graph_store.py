"""The store that graphs use, LangGraph's `BaseStore` over any storage."""

from __future__ import annotations

from collections.abc import Iterable

from langgraph.store.base import BaseStore, Op, Result, TTLConfig

from graphstead.engine.clock import Clock
from graphstead.engine.embedding import Embedder
from graphstead.engine.store_ops import Batch, checked
from graphstead.graphs.store_config import StoreTtl
from graphstead.storage.base import Storage

__all__ = ["GraphStore"]


class GraphStore(BaseStore):
    """Keep items in `storage`; with an `embedder` also find them by meaning.

    Usable from any event loop, thread and process. A batch is carried out in order, all of it or
    nothing, and on disk when it returns. The synchronous methods block.
    """

    supports_ttl = True

    def __init__(
        self, storage: Storage, clock: Clock, ttl: StoreTtl, embedder: Embedder | None = None
    ) -> None:
        self.ttl_config = TTLConfig(
            default_ttl=ttl.default_minutes, refresh_on_read=ttl.refresh_on_read
        )
        self._storage = storage
        self._clock = clock
        self._embedder = embedder

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Carry out operations; raises ValueError for an unfit namespace or filter."""
        wanted = [checked(op) for op in ops]
        vectors = await self._embedder.vectors(wanted) if self._embedder else {}
        batch = Batch(wanted, vectors, self._clock)
        run = self._storage.write if batch.writes else self._storage.read
        results = await run(batch.perform)
        if batch.is_due:
            await self._storage.write(batch.touch)
        return results

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """The same for threads that run no event loop."""
        wanted = [checked(op) for op in ops]
        vectors = self._embedder.vectors_blocking(wanted) if self._embedder else {}
        batch = Batch(wanted, vectors, self._clock)
        run = self._storage.write_blocking if batch.writes else self._storage.read_blocking
        results = run(batch.perform)
        if batch.is_due:
            self._storage.write_blocking(batch.touch)
        return results

    def close(self) -> None:
        """Stop what embeds; the storage is its owner's to close."""
        if self._embedder is not None:
            self._embedder.stop()

"""Threads as clients see them; their states are in `thread_states` and `thread_writes`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphstead.engine import thread_life, thread_rows
from graphstead.engine.callers import Asked
from graphstead.engine.clock import Clock
from graphstead.engine.pages import Found, found
from graphstead.engine.replays import Once
from graphstead.engine.savers import Savers
from graphstead.engine.thread_rows import thread_body
from graphstead.engine.thread_search import filter_of, found_body, thread_page
from graphstead.engine.thread_states import ThreadStates
from graphstead.engine.thread_writes import ThreadWrites
from graphstead.engine.transitions import thread_of
from graphstead.graphs.host import GraphHost
from graphstead.problems import ThreadNotFound
from graphstead.storage.base import Storage, Tx
from graphstead.storage.rows import Json, ThreadRow, ThreadUsage, Usage

__all__ = ["Threads", "thread_body"]


@dataclass(frozen=True, slots=True)
class Created:
    """A thread that was made, now or by an earlier request with the same key."""

    body: Json
    headers: Mapping[str, str]


class Threads:
    """Everything a client can ask of threads; `states` and `writes` are about their states."""

    def __init__(
        self,
        storage: Storage,
        host: GraphHost,
        savers: Savers,
        clock: Clock,
        ttl: Json | None = None,
    ) -> None:
        self._storage = storage
        self._ttl = ttl
        self._clock = clock
        self._serde = savers.serde
        self.states = ThreadStates(storage, host, savers)
        self.writes = ThreadWrites(storage, host, savers, clock)

    async def create(self, body: Mapping[str, Any], asked: Asked) -> Created:
        """Store a new thread, with the state that `supersteps` make; all of it or nothing.

        An existing one is returned unchanged with `if_exists: do_nothing`. Raises ThreadExists,
        BadRequest for supersteps that the graph refuses, Conflict for a key used otherwise.
        """
        work = await self._creation(body)
        once = Once(f"threads {asked.caller.identity}", asked.idempotency_key, body, self._clock)
        made = await self._storage.write(
            lambda tx: once.answer(tx, lambda tx: thread_body(work(tx)))
        )
        return Created(made, once.headers)

    async def _creation(self, body: Mapping[str, Any]) -> Callable[[Tx], ThreadRow]:
        row = thread_rows.new_row(body, self._clock, self._ttl)
        keep = body.get("if_exists") == "do_nothing"
        if body.get("supersteps"):
            return await self.writes.creation(row, body["supersteps"], keep=keep)
        return lambda tx: thread_rows.insert(tx, row, keep=keep)

    async def get(self, thread_id: str, *, with_ttl: bool = False) -> Json:
        """Get a thread, with `with_ttl` also when its time is up. Raises ThreadNotFound."""
        row = await self._storage.read(lambda tx: thread_of(tx, thread_id))
        return thread_body(row, with_ttl=with_ttl)

    async def patch(self, thread_id: str, body: Mapping[str, Any]) -> Json:
        """Merge metadata one level deep, and begin a new time to live. Raises ThreadNotFound."""
        clock = self._clock
        row = await self._storage.write(lambda tx: thread_rows.patch(tx, thread_id, body, clock))
        return thread_body(row)

    async def delete(self, thread_id: str) -> None:
        """Delete a thread, busy or not, with all it has. Raises ThreadNotFound."""
        clock = self._clock
        if not await self._storage.write(lambda tx: thread_life.delete(tx, thread_id, clock)):
            raise ThreadNotFound(thread_id)

    async def search(self, body: Mapping[str, Any]) -> Found:
        """Find a page of threads, those changed last first by default."""
        match, page = filter_of(body), thread_page(body)
        rows, total = await self._storage.read(
            lambda tx: (tx.threads.search(match, page), tx.threads.count(match))
        )
        return found([found_body(row, body) for row in rows], total, page)

    async def count(self, body: Mapping[str, Any]) -> int:
        """Count the threads that a search with these conditions finds."""
        match = filter_of(body)
        return await self._storage.read(lambda tx: tx.threads.count(match))

    async def copy(self, thread_id: str) -> Json:
        """Copy a thread with its state, its checkpoints and nothing else. Raises Conflict."""
        target_id, clock = self._clock.new_id(), self._clock
        row = await self._storage.write(
            lambda tx: thread_life.copy(tx, thread_id, target_id, clock)
        )
        return thread_body(row)

    async def prune(self, thread_ids: Sequence[str], strategy: str) -> int:
        """Delete threads, or all their states but the newest; return how many were found.

        One transaction each, so that others get their turn.
        """
        pruned = [await self._prune(one, strategy) for one in dict.fromkeys(thread_ids)]
        return sum(pruned)

    async def _prune(self, thread_id: str, strategy: str) -> bool:
        serde, clock = self._serde, self._clock
        return await self._storage.write(
            lambda tx: thread_life.prune(tx, serde, thread_id, strategy, clock)
        )

    async def usage(self, thread_id: str) -> Json:
        """Measure what a thread's checkpoints take. Raises ThreadNotFound."""

        def measured(tx: Tx) -> ThreadUsage:
            thread_of(tx, thread_id)
            return tx.checkpoints.usage(thread_id)

        return usage_body(thread_id, await self._storage.read(measured))


def usage_body(thread_id: str, usage: ThreadUsage) -> Json:
    """Return a thread's `ThreadStorage`."""
    parts = (usage.checkpoints, usage.writes, *usage.values.values())
    return {
        "thread_id": thread_id,
        "total_bytes": sum(part.size_bytes for part in parts),
        "checkpoints": _part(usage.checkpoints),
        "channel_values": {
            "count": sum(part.count for part in usage.values.values()),
            "bytes": sum(part.size_bytes for part in usage.values.values()),
            "by_channel": {
                channel: {"versions": part.count, "bytes": part.size_bytes}
                for channel, part in usage.values.items()
            },
        },
        "pending_writes": _part(usage.writes),
    }


def _part(usage: Usage) -> Json:
    return {"count": usage.count, "bytes": usage.size_bytes}

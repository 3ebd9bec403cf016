"""Threads as clients see them; their states are in `thread_states` and `thread_writes`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphstead.engine import thread_life, thread_rows
from graphstead.engine.access import OPEN, Access, Action, Grant
from graphstead.engine.callers import Asked
from graphstead.engine.clock import Clock
from graphstead.engine.lookups import thread_of
from graphstead.engine.merging import open_metadata
from graphstead.engine.pages import Found, found
from graphstead.engine.replays import Once
from graphstead.engine.savers import Savers
from graphstead.engine.thread_rows import thread_body
from graphstead.engine.thread_search import (
    COUNTED_AHEAD,
    asked_of_rule,
    filter_of,
    found_body,
    thread_page,
)
from graphstead.engine.thread_states import ThreadStates
from graphstead.engine.thread_writes import ThreadWrites
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
        access: Access,
        ttl: Json | None = None,
    ) -> None:
        self._storage = storage
        self._access = access
        self._ttl = ttl
        self._clock = clock
        self._serde = savers.serde
        self.states = ThreadStates(storage, host, savers, access)
        self.writes = ThreadWrites(storage, host, savers, clock, access)

    async def create(self, body: Mapping[str, Any], asked: Asked) -> Created:
        """Store a new thread, with the state that `supersteps` make; all of it or nothing.

        An existing one is returned unchanged with `if_exists: do_nothing`. Raises ThreadExists,
        BadRequest for supersteps that the graph refuses, Conflict for a key used otherwise.
        """
        work = await self._creation(body, asked)
        once = Once(f"threads {asked.caller.identity}", asked.idempotency_key, body, self._clock)
        made = await self._storage.write(
            lambda tx: once.answer(tx, lambda tx: thread_body(work(tx)))
        )
        return Created(made, once.headers)

    async def _creation(self, body: Mapping[str, Any], asked: Asked) -> Callable[[Tx], ThreadRow]:
        thread_id = body.get("thread_id") or self._clock.new_id()
        keep = body.get("if_exists") == "do_nothing"
        grant = await self._access.ask(
            asked.caller,
            "threads",
            "create",
            thread_id=thread_id,
            metadata=body.get("metadata") or {},
            if_exists=body.get("if_exists") or "raise",
        )
        body = {**grant.over(body, "metadata"), "thread_id": thread_id}
        row = thread_rows.new_row(body, self._clock, self._ttl)
        self._access.tell_of_strangers(grant, "threads", row.metadata)
        if body.get("supersteps"):
            return await self.writes.creation(row, body["supersteps"], keep=keep, grant=grant)
        return lambda tx: thread_rows.insert(tx, row, keep=keep, grant=grant)

    async def _may(self, asked: Asked, action: Action, thread_id: str, **value: Any) -> Grant:
        return await self._access.ask(asked.caller, "threads", action, thread_id=thread_id, **value)

    async def get(self, thread_id: str, asked: Asked, *, with_ttl: bool = False) -> Json:
        """Get a thread, with `with_ttl` also when its time is up. Raises ThreadNotFound."""
        grant = await self._may(asked, "read", thread_id)
        row = await self._storage.read(lambda tx: thread_of(tx, thread_id, grant))
        return thread_body(row, with_ttl=with_ttl)

    async def patch(self, thread_id: str, body: Mapping[str, Any], asked: Asked) -> Json:
        """Merge metadata one level deep, and begin a new time to live. Raises ThreadNotFound."""
        clock = self._clock
        grant = await self._may(asked, "update", thread_id, metadata=body.get("metadata") or {})
        given = grant.over(body, "metadata")
        row = await self._storage.write(
            lambda tx: thread_rows.patch(tx, thread_id, given, clock, grant)
        )
        return thread_body(row)

    async def delete(self, thread_id: str, asked: Asked) -> None:
        """Delete a thread, busy or not, with all it has. Raises ThreadNotFound."""
        clock, grant = self._clock, await self._may(asked, "delete", thread_id)
        if not await self._storage.write(
            lambda tx: thread_life.delete(tx, thread_id, clock, grant)
        ):
            raise ThreadNotFound(thread_id)

    async def search(self, body: Mapping[str, Any], asked: Asked) -> Found:
        """Find a page of threads, those changed last first by default."""
        page = thread_page(body)
        match = filter_of(body, await self._may_search(body, asked, page.limit, page.offset))
        at_most = page.offset + page.limit + COUNTED_AHEAD
        rows, total = await self._storage.read(
            lambda tx: (tx.threads.search(match, page), tx.threads.count(match, at_most))
        )
        return found([found_body(row, body) for row in rows], total, page)

    async def count(self, body: Mapping[str, Any], asked: Asked) -> int:
        """Count the threads that a search with these conditions finds."""
        match = filter_of(body, await self._may_search(body, asked, 0, 0))
        return await self._storage.read(lambda tx: tx.threads.count(match))

    async def _may_search(
        self, body: Mapping[str, Any], asked: Asked, limit: int, offset: int
    ) -> Grant:
        if self._access.is_open:
            return OPEN
        value = asked_of_rule(body, limit, offset)
        return await self._access.ask(asked.caller, "threads", "search", **value)

    async def copy(self, thread_id: str, asked: Asked) -> Json:
        """Copy a thread with its state, its checkpoints and nothing else. Raises Conflict."""
        target_id, clock = self._clock.new_id(), self._clock
        grant = await self._may(asked, "read", thread_id)
        making = await self._may(asked, "create", target_id, metadata={})
        stamps = open_metadata(making.changes.get("metadata") or {})
        row = await self._storage.write(
            lambda tx: thread_life.copy(tx, thread_id, target_id, clock, grant, stamps)
        )
        return thread_body(row)

    async def prune(self, thread_ids: Sequence[str], strategy: str, asked: Asked) -> int:
        """Delete threads, or all their states but the newest; return how many were found.

        One transaction each, so that others get their turn.
        """
        pruned = [await self._prune(one, strategy, asked) for one in dict.fromkeys(thread_ids)]
        return sum(pruned)

    async def _prune(self, thread_id: str, strategy: str, asked: Asked) -> bool:
        serde, clock = self._serde, self._clock
        grant = await self._may(asked, "delete", thread_id)
        return await self._storage.write(
            lambda tx: thread_life.prune(tx, serde, thread_id, strategy, clock, grant)
        )

    async def usage(self, thread_id: str, asked: Asked) -> Json:
        """Measure what a thread's checkpoints take. Raises ThreadNotFound."""

        grant = await self._may(asked, "read", thread_id)

        def measured(tx: Tx) -> ThreadUsage:
            thread_of(tx, thread_id, grant)
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

"""Threads as clients see them: rows, and the state behind them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.runnables import RunnableConfig

from graphstead.engine import wire
from graphstead.engine.checkpoints import Saver
from graphstead.engine.clock import Clock, wire_time
from graphstead.engine.merging import open_metadata
from graphstead.engine.snapshots import thread_state
from graphstead.graphs.host import GraphHost
from graphstead.problems import NotImplementedYet, ThreadExists, ThreadNotFound
from graphstead.storage.base import Json, Storage, ThreadRow, Tx

EMPTY_STATE: Json = {
    "values": {},
    "next": [],
    "tasks": [],
    "metadata": None,
    "created_at": None,
    "checkpoint": None,
    "parent_checkpoint": None,
    "interrupts": [],
    "checkpoint_id": None,
    "parent_checkpoint_id": None,
}


class Threads:
    """Everything a client can ask of threads."""

    def __init__(self, storage: Storage, host: GraphHost, clock: Clock) -> None:
        self._storage = storage
        self._host = host
        self._clock = clock

    async def create(self, body: Mapping[str, Any]) -> Json:
        """Store a new thread; an existing one is returned unchanged with `if_exists: do_nothing`.

        Raises ThreadExists.
        """
        for field in ("supersteps", "ttl"):
            if body.get(field):
                raise NotImplementedYet(f"body.{field}: comes with a later version")
        row = self._new_row(body)
        keep = body.get("if_exists") == "do_nothing"
        return thread_body(await self._storage.write(lambda tx: _insert(tx, row, keep)))

    def _new_row(self, body: Mapping[str, Any]) -> ThreadRow:
        now = wire_time()
        return ThreadRow(
            thread_id=body.get("thread_id") or self._clock.new_id(),
            status="idle",
            metadata=open_metadata(body.get("metadata") or {}),
            config={},
            created_at=now,
            updated_at=now,
            state_updated_at=now,
        )

    async def get(self, thread_id: str) -> Json:
        """Get a thread. Raises ThreadNotFound."""
        return thread_body(await self._row(thread_id))

    async def _row(self, thread_id: str) -> ThreadRow:
        row = await self._storage.read(lambda tx: tx.threads.get(thread_id))
        if row is None:
            raise ThreadNotFound(thread_id)
        return row

    async def state(self, thread_id: str, *, subgraphs: bool = False) -> bytes:
        """Return the thread's newest state as JSON. Raises ThreadNotFound."""
        row = await self._row(thread_id)
        graph_id = row.metadata.get("graph_id")
        if graph_id is None:
            return wire.dumps(EMPTY_STATE)
        return await self._host.call(lambda: self._read_state(thread_id, graph_id, subgraphs))

    async def _read_state(self, thread_id: str, graph_id: str, subgraphs: bool) -> bytes:
        config: RunnableConfig = {"configurable": {"thread_id": thread_id, "checkpoint_ns": ""}}
        opened = self._host.graphs.open(
            graph_id, config, access="threads.read", checkpointer=Saver(self._storage)
        )
        async with opened as graph:
            snapshot = await graph.aget_state(config, subgraphs=subgraphs)
        if snapshot.metadata is None:
            return wire.dumps(EMPTY_STATE)
        return wire.dumps(thread_state(snapshot))


def _insert(tx: Tx, row: ThreadRow, keep: bool) -> ThreadRow:
    if tx.threads.insert(row):
        return row
    existing = tx.threads.get(row.thread_id)
    if existing is None or not keep:
        raise ThreadExists(row.thread_id)
    return existing


def thread_body(row: ThreadRow) -> Json:
    """Return a thread in its wire form."""
    return {
        "thread_id": row.thread_id,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "state_updated_at": row.state_updated_at,
        "metadata": row.metadata,
        "status": row.status,
        "config": row.config,
        "values": row.values,
        "error": row.error,
        "interrupts": row.interrupts,
    }

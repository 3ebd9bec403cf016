"""Reading the states of threads: the newest, one at a checkpoint, the history.

Reading needs the graph that wrote the state and runs none of its nodes. Every answer is JSON.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.types import StateSnapshot

from graphstead.engine import wire
from graphstead.engine.access import Access
from graphstead.engine.callers import Asked
from graphstead.engine.graph_code import refusing
from graphstead.engine.savers import Savers
from graphstead.engine.snapshots import thread_state
from graphstead.graphs.host import GraphHost
from graphstead.problems import StateUnreadable, ThreadNotFound
from graphstead.storage.base import Storage
from graphstead.storage.rows import Json

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
VALUES_KEY = "values."
Select = Sequence[str] | None


class ThreadStates:
    """Everything a client can read of the states of a thread."""

    def __init__(self, storage: Storage, host: GraphHost, savers: Savers, access: Access) -> None:
        self._storage = storage
        self._savers = savers
        self._access = access
        self._host = host

    async def newest(
        self, thread_id: str, asked: Asked, *, subgraphs: bool = False, select: Select = None
    ) -> bytes:
        """Return the newest state, an empty one where nothing has run.

        Raises ThreadNotFound, StateUnreadable.
        """
        return await self.at(thread_id, {}, asked, subgraphs=subgraphs, select=select)

    async def at(
        self,
        thread_id: str,
        checkpoint: Mapping[str, Any],
        asked: Asked,
        *,
        subgraphs: bool = False,
        select: Select = None,
    ) -> bytes:
        """Return the state at a checkpoint, the newest of its place where it has no id.

        A checkpoint that was never written gives an empty state at that place. Raises
        ThreadNotFound, StateUnreadable.
        """
        graph_id = await self._graph_id(thread_id, asked)
        config = config_at(thread_id, checkpoint)
        state = None
        if graph_id is not None:
            state = await self._host.call(lambda: self._read(graph_id, config, subgraphs))
        return wire.dumps(selected(state or _empty_at(config), select))

    async def history(self, thread_id: str, body: Mapping[str, Any], asked: Asked) -> bytes:
        """List states, newest first: `limit`, `before`, `metadata`, `checkpoint`, `select`.

        Raises ThreadNotFound, StateUnreadable.
        """
        graph_id = await self._graph_id(thread_id, asked)
        metadata = dict(body.get("metadata") or {})
        # Shown in every state's metadata, but not stored there.
        if graph_id is None or metadata.pop("thread_id", thread_id) != thread_id:
            return b"[]"
        config = config_at(thread_id, body.get("checkpoint") or {})
        states = await self._host.call(lambda: self._list(graph_id, config, metadata, body))
        return wire.dumps([selected(state, body.get("select")) for state in states])

    async def _graph_id(self, thread_id: str, asked: Asked) -> str | None:
        grant = await self._access.ask(asked.caller, "threads", "read", thread_id=thread_id)
        row = await self._storage.read(lambda tx: tx.threads.get(thread_id))
        if row is None or not grant.admits(row.metadata):
            raise ThreadNotFound(thread_id)
        graph_id: str | None = row.metadata.get("graph_id")
        return graph_id

    async def _read(self, graph_id: str, config: RunnableConfig, subgraphs: bool) -> Json | None:
        async with self._open(graph_id, config) as graph:
            place = _own_place(graph, config)
            snapshot: StateSnapshot = await graph.aget_state(place, subgraphs=subgraphs)
        return None if snapshot.metadata is None else thread_state(snapshot)

    async def _list(
        self, graph_id: str, config: RunnableConfig, metadata: Json, body: Mapping[str, Any]
    ) -> list[Json]:
        async with self._open(graph_id, config) as graph:
            snapshots = graph.aget_state_history(
                _own_place(graph, config),
                filter=metadata or None,
                before=_before(body.get("before")),
                limit=body.get("limit", 1),
            )
            return [thread_state(snapshot) async for snapshot in snapshots]

    @asynccontextmanager
    async def _open(self, graph_id: str, config: RunnableConfig) -> AsyncIterator[Any]:
        opened = self._host.graphs.open(
            graph_id, config, access="threads.read", checkpointer=self._savers.over(self._storage)
        )
        thread_id = config["configurable"]["thread_id"]
        async with opened as graph:
            with refusing(lambda fault: StateUnreadable(thread_id, graph_id, fault)):
                yield graph


def config_at(thread_id: str, checkpoint: Mapping[str, Any]) -> RunnableConfig:
    """Return the config that points at a checkpoint of this thread, whatever thread it names."""
    known = {key: checkpoint.get(key) for key in ("checkpoint_id", "checkpoint_map")}
    given = {key: value for key, value in known.items() if value}
    place = {"thread_id": thread_id, "checkpoint_ns": checkpoint.get("checkpoint_ns") or ""}
    return {"configurable": {**place, **given}}


def _own_place(graph: Any, config: RunnableConfig) -> RunnableConfig:
    """Return the config, pointed at the graph itself where its namespace is the client's own.

    A remote graph that is a node of a local one asks under the namespace it has over there.
    """
    conf = config["configurable"]
    node = conf["checkpoint_ns"].partition("|")[0].partition(":")[0]
    if not node or node in graph.nodes or "checkpoint_id" in conf:
        return config
    return {"configurable": {**conf, "checkpoint_ns": ""}}


def _before(given: Any) -> RunnableConfig | None:
    """Read `before`: a checkpoint id, a checkpoint, or a config that points at one."""
    if not given:
        return None
    if isinstance(given, str):
        return {"configurable": {"checkpoint_id": given}}
    return {"configurable": {"checkpoint_id": given.get("configurable", given)["checkpoint_id"]}}


def _empty_at(config: RunnableConfig) -> Json:
    """Return the empty state; it names the checkpoint that was asked for by id."""
    checkpoint_id = config["configurable"].get("checkpoint_id")
    if checkpoint_id is None:
        return EMPTY_STATE
    return {**EMPTY_STATE, "checkpoint": config["configurable"], "checkpoint_id": checkpoint_id}


def selected(state: Json, select: Select) -> Json:
    """Keep the selected members of a state, of its values those keys named `values.<key>`."""
    if not select:
        return state
    keys = [name.removeprefix(VALUES_KEY) for name in select if name.startswith(VALUES_KEY)]
    shown = {name: state[name] for name in select if name in state}
    if keys and "values" not in shown:
        values = state["values"] if isinstance(state["values"], Mapping) else {}
        shown["values"] = {key: values[key] for key in keys if key in values}
    return shown

"""Writing the states of threads by hand: updates of one thread, states that one begins with.

The graph computes the new checkpoints over a rehearsal; then one transaction makes sure that nobody
came between, stores them and lets the thread's row follow. A saver of the project's own takes part
in neither: there the graph writes at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import orjson
from langchain_core.runnables import RunnableConfig
from langgraph.types import StateSnapshot, StateUpdate

from graphstead.engine import wire
from graphstead.engine.access import Access, Grant
from graphstead.engine.callers import Asked
from graphstead.engine.chunks import checkpoint_of
from graphstead.engine.clock import Clock, wire_time
from graphstead.engine.graph_code import refusing
from graphstead.engine.inputs import as_command
from graphstead.engine.rehearsal import Rehearsal
from graphstead.engine.savers import Savers
from graphstead.engine.snapshots import interrupts_by_task, thread_state
from graphstead.engine.thread_rows import insert, locked
from graphstead.engine.thread_states import config_at
from graphstead.engine.transitions import ThreadOutcome, tell_state
from graphstead.graphs.host import GraphHost
from graphstead.problems import BadRequest, Conflict, NotFound, ThreadNotFound
from graphstead.storage.base import Storage, Tx
from graphstead.storage.rows import Json, ThreadRow

TRIES = 5
Supersteps = Sequence[Sequence[StateUpdate]]


class _Moved(Exception):
    """The thread's state changed while a new one was computed from it."""


class ThreadWrites:
    """Everything a client can write into the state of a thread without a run."""

    def __init__(
        self, storage: Storage, host: GraphHost, savers: Savers, clock: Clock, access: Access
    ) -> None:
        self._storage = storage
        self._savers = savers
        self._access = access
        self._clock = clock
        self._host = host

    async def update(self, thread_id: str, body: Mapping[str, Any], asked: Asked) -> Json:
        """Add a checkpoint as if `as_node` had returned `values`; return where it is.

        Raises ThreadNotFound, NotFound for an unknown checkpoint, Conflict while runs are in
        flight, BadRequest for what the graph refuses.
        """
        config = config_at(thread_id, _named(body))
        supersteps = [[StateUpdate(body.get("values"), body.get("as_node"))]]
        grant = await self._access.ask(asked.caller, "threads", "update", thread_id=thread_id)
        for _ in range(TRIES):
            row = await self._storage.read(lambda tx: _base(tx, config, grant))
            try:
                return await self._update(row, config, supersteps, grant)
            except _Moved:
                continue
        raise Conflict(f"The state of thread '{thread_id}' keeps changing; try again")

    async def _update(
        self, row: ThreadRow, config: RunnableConfig, supersteps: Supersteps, grant: Grant
    ) -> Json:
        rehearsal = Rehearsal(self._storage)
        graph_id = row.metadata["graph_id"]
        written, shown, told = await self._host.call(
            lambda: self._rehearse(rehearsal, graph_id, config, supersteps)
        )

        def commit(tx: Tx) -> None:
            current = _at_rest(tx, row.thread_id, grant)
            if current.state_updated_at != row.state_updated_at:
                raise _Moved
            rehearsal.perform(tx)
            _show(tx, row.thread_id, shown)
            tell_state(tx, row.thread_id, told, self._clock)

        await self._storage.write(commit)
        return written

    async def creation(
        self,
        row: ThreadRow,
        supersteps: Sequence[Mapping[str, Any]],
        *,
        keep: bool,
        grant: Grant,
    ) -> Callable[[Tx], ThreadRow]:
        """Return the work that stores a new thread with the state that these supersteps make.

        It stores both or neither, and with `keep` returns a thread that is there already as it is;
        without, it raises ThreadExists. Raises BadRequest here for what the graph refuses.
        """
        rehearsal = Rehearsal(self._storage)
        shown: ThreadOutcome | None = None
        if not await self._storage.read(lambda tx: tx.threads.get(row.thread_id)):
            graph_id, config = _graph_of(row), config_at(row.thread_id, {})
            with _refusing(graph_id):
                updates = [[_update_of(one) for one in step["updates"]] for step in supersteps]
            _, shown, _ = await self._host.call(
                lambda: self._rehearse(rehearsal, graph_id, config, updates)
            )

        def work(tx: Tx) -> ThreadRow:
            stored = insert(tx, row, keep=keep, grant=grant)
            if stored is not row or shown is None:
                return stored
            rehearsal.perform(tx)
            _show(tx, row.thread_id, shown)
            return locked(tx, row.thread_id)

        return work

    async def _rehearse(
        self, rehearsal: Rehearsal, graph_id: str, config: RunnableConfig, supersteps: Supersteps
    ) -> tuple[Json, ThreadOutcome, bytes]:
        """Return where the state went, what the thread shows, and what its followers are told."""
        thread_id = config["configurable"]["thread_id"]
        aimed: RunnableConfig = {"configurable": {**config["configurable"], "graph_id": graph_id}}
        opened = self._host.graphs.open(
            graph_id, aimed, access="threads.update", checkpointer=self._savers.over(rehearsal)
        )
        async with opened as graph:
            with _refusing(graph_id):
                written = await graph.abulk_update_state(aimed, supersteps)
                snapshot = await graph.aget_state(config_at(thread_id, {}))
        told = wire.dumps({"state": thread_state(snapshot), "thread_id": thread_id})
        return _place(written), _outcome(snapshot), told


def _refusing(graph_id: str) -> AbstractContextManager[None]:
    return refusing(lambda fault: BadRequest(f"Graph '{graph_id}' refuses this: {fault}"))


def _named(body: Mapping[str, Any]) -> Json:
    """Return the checkpoint to branch from; `checkpoint` goes before `checkpoint_id`."""
    named = dict(body.get("checkpoint") or {})
    if not named.get("checkpoint_id"):
        named["checkpoint_id"] = body.get("checkpoint_id")
    return named


def _base(tx: Tx, config: RunnableConfig, grant: Grant) -> ThreadRow:
    """Return the thread to write on, where it can be written and the checkpoint named exists."""
    conf = config["configurable"]
    row = tx.threads.get(conf["thread_id"])
    if row is None or not grant.admits(row.metadata):
        raise ThreadNotFound(conf["thread_id"])
    _graph_of(row)
    _refuse_busy(tx, row.thread_id)
    checkpoint_id = conf.get("checkpoint_id")
    if checkpoint_id and not tx.checkpoints.get(
        row.thread_id, conf["checkpoint_ns"], checkpoint_id
    ):
        raise NotFound(f"Checkpoint '{checkpoint_id}' not found on thread '{row.thread_id}'")
    return row


def _graph_of(row: ThreadRow) -> str:
    graph_id: str | None = row.metadata.get("graph_id")
    if graph_id is None:
        raise BadRequest(
            f"Thread '{row.thread_id}' belongs to no graph yet, so nobody knows what its state is: "
            "run an assistant on it first, or set metadata.graph_id"
        )
    return graph_id


def _at_rest(tx: Tx, thread_id: str, grant: Grant) -> ThreadRow:
    row = locked(tx, thread_id, grant)
    _refuse_busy(tx, thread_id)
    return row


def _refuse_busy(tx: Tx, thread_id: str) -> None:
    if tx.runs.has_active(thread_id):
        raise Conflict(
            f"Thread '{thread_id}' is busy: its state can be written once its runs have ended"
        )


def _update_of(update: Mapping[str, Any]) -> StateUpdate:
    """Return one update; a command stands for what the node returned."""
    command = update.get("command")
    values: Any = as_command(command) if command else update.get("values")
    return StateUpdate(values, update["as_node"])


def _place(written: RunnableConfig) -> Json:
    checkpoint = checkpoint_of(written) or {}
    return {
        "checkpoint": checkpoint,
        "configurable": checkpoint,
        "checkpoint_id": checkpoint.get("checkpoint_id"),
    }


def _outcome(snapshot: StateSnapshot) -> ThreadOutcome:
    return ThreadOutcome(
        status="interrupted" if snapshot.next else "idle",
        values=orjson.Fragment(wire.dumps(snapshot.values)),
        error=None,
        interrupts=orjson.loads(wire.dumps(interrupts_by_task(snapshot))),
    )


def _show(tx: Tx, thread_id: str, shown: ThreadOutcome) -> None:
    tx.threads.set_state(
        thread_id,
        status=shown.status,
        values=shown.values,
        error=shown.error,
        interrupts=shown.interrupts,
        state_updated_at=wire_time(),
    )
    tx.ring("thread", thread_id)

"""How threads are copied and how they end: deleted, pruned, or past their time.

Every function runs inside one transaction: a thread goes with its runs, events and checkpoints, or
it stays with all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from langgraph.checkpoint.serde.base import SerializerProtocol

from graphstead.engine import transitions
from graphstead.engine.access import OPEN, Grant
from graphstead.engine.checkpoint_delta import keep_latest
from graphstead.engine.clock import Clock, wire_time
from graphstead.engine.thread_rows import MINUTE_MS, due_ms, expiry_ms
from graphstead.problems import Conflict
from graphstead.storage.base import Tx
from graphstead.storage.rows import CheckpointRow, ThreadRow, ThreadStatus

TASK_MARK = ":"
NO_STAMPS: Mapping[str, Any] = MappingProxyType({})


def copy(
    tx: Tx,
    source_id: str,
    target_id: str,
    clock: Clock,
    grant: Grant = OPEN,
    stamps: Mapping[str, Any] = NO_STAMPS,
) -> ThreadRow:
    """Copy a thread with its state and all its checkpoints, without its runs.

    `grant` is for the source; `stamps` go over its metadata. Raises Conflict for an unknown source
    (measured on 0.16.7: 409).
    """
    source = tx.threads.get(source_id)
    if source is None or not grant.admits(source.metadata):
        raise Conflict(f"Thread '{source_id}' not found: there is nothing to copy")
    now = wire_time()
    row = ThreadRow(
        thread_id=target_id,
        status=_status_of_copy(source),
        metadata={**source.metadata, **stamps},
        config=source.config,
        created_at=now,
        updated_at=now,
        state_updated_at=now,
        values=source.values,
        interrupts=source.interrupts,
        ttl=source.ttl,
        expires_ms=expiry_ms(source.ttl, clock.now_ms()),
    )
    tx.threads.insert(row)
    tx.checkpoints.copy_thread(source_id, target_id)
    return row


def _status_of_copy(source: ThreadRow) -> ThreadStatus:
    """Return what the state says: what became of the source's runs does not concern the copy."""
    if source.status in ("idle", "interrupted"):
        return source.status
    return "interrupted" if source.interrupts else "idle"


def delete(tx: Tx, thread_id: str, clock: Clock, grant: Grant = OPEN) -> bool:
    """Delete a thread and all it has; False where there is none that the grant admits.

    Who waits for one of its runs learns of its end, and the worker of a running one lets go: with
    the run's row gone, whatever it still writes is refused.
    """
    row = tx.threads.lock(thread_id)
    if row is None or not grant.admits(row.metadata):
        return False
    tx.threads.delete(thread_id)
    tx.crons.delete_of_thread(thread_id)
    for run in tx.runs.active(thread_id):
        transitions.remove(tx, run, clock)
    for run_id in tx.runs.ids_of(thread_id):
        tx.runs.delete(run_id)
        tx.events.delete(run_id)
    tx.numbers.forget(thread_id)
    tx.checkpoints.delete_thread(thread_id)
    tx.ring("thread", thread_id)
    return True


def prune(
    tx: Tx,
    serde: SerializerProtocol,
    thread_id: str,
    strategy: str,
    clock: Clock,
    grant: Grant = OPEN,
) -> bool:
    """Delete a thread, or keep its newest state alone; False for an unknown or busy one.

    A busy thread can be deleted, but not trimmed: its runs may begin at an older checkpoint.
    """
    if strategy == "delete":
        return delete(tx, thread_id, clock, grant)
    row = tx.threads.lock(thread_id)
    if row is None or not grant.admits(row.metadata) or tx.runs.has_active(thread_id):
        return False
    trim(tx, serde, thread_id)
    return True


def trim(tx: Tx, serde: SerializerProtocol, thread_id: str) -> None:
    """Keep the thread's newest state: the newest checkpoint of each graph that can still go on."""
    keep_latest(tx, serde, thread_id)
    rows = tx.checkpoints.list(thread_id, None)
    roots = {row.checkpoint_id for row in rows if not row.checkpoint_ns}
    spent = {row.checkpoint_ns for row in rows if _is_spent(row, roots)}
    tx.checkpoints.delete_namespaces(thread_id, sorted(spent))
    tx.threads.mark_trimmed(thread_id)


def forget_history(tx: Tx, serde: SerializerProtocol, thread_id: str, before: str) -> bool:
    """Trim a thread at rest whose state has not changed since `before`, a wire timestamp.

    A busy one is marked as if it had been trimmed: the end of its run marks it anew.
    """
    row = tx.threads.lock(thread_id)
    if row is None or row.state_updated_at >= before:
        return False
    if tx.runs.has_active(thread_id):
        tx.threads.mark_trimmed(thread_id)
        return False
    trim(tx, serde, thread_id)
    return True


def _is_spent(row: CheckpointRow, roots: set[str]) -> bool:
    """Tell whether a subgraph's checkpoint belongs to a task of a root checkpoint that is gone."""
    if TASK_MARK not in row.checkpoint_ns:
        return False
    parent = (row.metadata.get("parents") or {}).get("")
    return parent is not None and parent not in roots


def expire(tx: Tx, serde: SerializerProtocol, thread_id: str, clock: Clock) -> bool:
    """Apply the thread's `ttl` if its time is up; a thread in use since then gets a later one."""
    row = tx.threads.lock(thread_id)
    if row is None or row.ttl is None:
        return False
    now_ms, again_ms = clock.now_ms(), due_ms(row)
    over = again_ms <= now_ms and not tx.runs.has_active(thread_id)
    if over and row.ttl["strategy"] == "delete":
        return delete(tx, thread_id, clock)
    if over:
        trim(tx, serde, thread_id)
    if again_ms <= now_ms:
        again_ms = max(expiry_ms(row.ttl, now_ms) or 0, now_ms + MINUTE_MS)
    tx.threads.set_ttl(thread_id, row.ttl, again_ms)
    return over

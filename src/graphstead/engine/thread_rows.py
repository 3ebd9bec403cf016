"""Threads as rows: their wire form, how they are made and changed, when their time is up.

A thread's time to live is a time of rest: it counts from the last change. `expires_ms` only says
when to look next; the sweep moves it on where the thread has been in use since.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from graphstead.engine.access import OPEN, Grant
from graphstead.engine.clock import Clock, wire_time, wire_time_of_ms
from graphstead.engine.merging import open_metadata
from graphstead.graphs.thread_ttl import ThreadTtl
from graphstead.problems import ThreadExists, ThreadNotFound
from graphstead.storage.base import Tx
from graphstead.storage.rows import Json, ThreadRow

MINUTE_MS = 60_000


def new_row(body: Mapping[str, Any], clock: Clock, default: Json | None = None) -> ThreadRow:
    """Return the row of a thread to be created from a request body; its `ttl` goes first."""
    now, ttl = wire_time(), stored_ttl(body["ttl"]) if "ttl" in body else default
    return ThreadRow(
        thread_id=body.get("thread_id") or clock.new_id(),
        status="idle",
        metadata=open_metadata(body.get("metadata") or {}),
        config={},
        created_at=now,
        updated_at=now,
        state_updated_at=now,
        ttl=ttl,
        expires_ms=expiry_ms(ttl, clock.now_ms()),
    )


def made_by_run(thread_id: str, metadata: Json) -> ThreadRow:
    """Return the row of a thread that a run brings with it."""
    now = wire_time()
    return ThreadRow(
        thread_id=thread_id,
        status="busy",
        metadata=metadata,
        config={},
        created_at=now,
        updated_at=now,
        state_updated_at=now,
    )


def insert(tx: Tx, row: ThreadRow, *, keep: bool, grant: Grant = OPEN) -> ThreadRow:
    """Store a new thread; with `keep` one that is there already is returned as it is.

    Raises ThreadExists, also with `keep` for one that the grant does not admit.
    """
    if tx.threads.insert(row):
        return row
    existing = tx.threads.get(row.thread_id)
    if existing is None or not keep or not grant.admits(existing.metadata):
        raise ThreadExists(row.thread_id)
    return existing


def locked(tx: Tx, thread_id: str, grant: Grant = OPEN) -> ThreadRow:
    """Get a thread and hold its row. Raises ThreadNotFound."""
    row = tx.threads.lock(thread_id)
    if row is None or not grant.admits(row.metadata):
        raise ThreadNotFound(thread_id)
    return row


def patch(
    tx: Tx, thread_id: str, body: Mapping[str, Any], clock: Clock, grant: Grant = OPEN
) -> ThreadRow:
    """Merge metadata one level deep and set the time to live. Raises ThreadNotFound."""
    row = locked(tx, thread_id, grant)
    metadata = {**row.metadata, **open_metadata(body.get("metadata") or {})}
    tx.threads.set_metadata(thread_id, metadata, row.config, wire_time())
    if "ttl" in body:
        ttl = stored_ttl(body["ttl"])
        tx.threads.set_ttl(thread_id, ttl, expiry_ms(ttl, clock.now_ms()))
    return locked(tx, thread_id)


def thread_body(row: ThreadRow, *, with_ttl: bool = False) -> Json:
    """Return a thread in its wire form."""
    body = {
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
    if with_ttl and row.ttl is not None:
        body["ttl"] = {**row.ttl, "expires_at": wire_time_of_ms(due_ms(row))}
    return body


# ---- time to live


def stored_ttl(asked: Mapping[str, Any] | None) -> Json | None:
    """Return a request's `{ttl, strategy}` as it is stored; None where it names no time."""
    if not asked or asked.get("ttl") is None:
        return None
    return {"strategy": asked.get("strategy") or "delete", "ttl_minutes": asked["ttl"]}


def default_ttl(asked: ThreadTtl | None) -> Json | None:
    """Return what langgraph.json gives new threads, as it is stored."""
    if asked is None or asked.minutes is None:
        return None
    return {"strategy": asked.strategy, "ttl_minutes": asked.minutes}


def expiry_ms(ttl: Json | None, from_ms: int) -> int | None:
    """Return when a time to live that begins at `from_ms` is over."""
    return None if ttl is None else from_ms + int(ttl["ttl_minutes"] * MINUTE_MS)


def due_ms(row: ThreadRow) -> int:
    """Return when the thread's time is up if nothing more happens to it."""
    used_ms = int(datetime.fromisoformat(row.updated_at).timestamp() * 1000)
    return max(row.expires_ms or 0, expiry_ms(row.ttl, used_ms) or 0)

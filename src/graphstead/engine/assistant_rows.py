"""Assistants inside a transaction: new ones, new versions, going back to one, deletion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from graphstead.engine import thread_life, transitions
from graphstead.engine.access import OPEN, Grant
from graphstead.engine.clock import Clock, wire_time
from graphstead.engine.merging import open_configurable, open_metadata, refuse_both
from graphstead.graphs.load import GraphSet
from graphstead.problems import AssistantNotFound, Conflict, NotFound
from graphstead.storage.base import Tx
from graphstead.storage.rows import AssistantRow, Json, Page, ThreadFilter

UNTITLED = "Untitled"


def new_row(body: Mapping[str, Any], assistant_id: str) -> AssistantRow:
    """Return the first version of an assistant. Raises BadRequest for both config and context."""
    config, context = _settings(body, {}, {})
    now = wire_time()
    return AssistantRow(
        assistant_id=assistant_id,
        graph_id=body["graph_id"],
        name=body.get("name") or UNTITLED,
        description=body.get("description"),
        config=config,
        context=context,
        metadata=open_metadata(body.get("metadata") or {}),
        version=1,
        created_at=now,
        updated_at=now,
    )


def system_row(graphs: GraphSet, assistant_id: str, graph_id: str) -> AssistantRow:
    """Return the assistant that a graph has of its own."""
    now = wire_time()
    return AssistantRow(
        assistant_id=assistant_id,
        graph_id=graph_id,
        name=graphs.name(graph_id),
        description=graphs.description(graph_id),
        config={},
        context={},
        metadata={"created_by": "system"},
        version=1,
        created_at=now,
        updated_at=now,
    )


def insert(tx: Tx, row: AssistantRow, *, keep: bool, grant: Grant = OPEN) -> AssistantRow:
    """Store a new assistant; with `keep` return the one that is there. Raises Conflict."""
    if tx.assistants.insert(row):
        return row
    existing = tx.assistants.get(row.assistant_id)
    if existing is None or not keep or not grant.admits(existing.metadata):
        raise Conflict(f"Assistant '{row.assistant_id}' already exists")
    return existing


def existing(tx: Tx, assistant_id: str, grant: Grant = OPEN) -> AssistantRow:
    """Get an assistant. Raises AssistantNotFound, also for one that the grant does not admit."""
    row = tx.assistants.get(assistant_id)
    if row is None or not grant.admits(row.metadata):
        raise AssistantNotFound(assistant_id)
    return row


def _held(tx: Tx, assistant_id: str, grant: Grant) -> AssistantRow:
    """Get an assistant and hold it, so that versions are numbered one after the other."""
    tx.assistants.lock(assistant_id)
    return existing(tx, assistant_id, grant)


def patch(tx: Tx, assistant_id: str, body: Mapping[str, Any], grant: Grant = OPEN) -> AssistantRow:
    """Store a new version, one above the highest there is, and make it the current one."""
    row = _held(tx, assistant_id, grant)
    highest = tx.assistants.versions(assistant_id, None, Page(limit=1))
    config, context = _settings(body, row.config, row.context)
    changed = replace(
        row,
        graph_id=body.get("graph_id", row.graph_id),
        name=body.get("name", row.name),
        description=body.get("description", row.description),
        config=config,
        context=context,
        metadata={**row.metadata, **open_metadata(body.get("metadata") or {})},
        version=max(row.version, *(one.version for one in highest)) + 1,
        updated_at=wire_time(),
    )
    tx.assistants.replace(changed)
    return changed


def _settings(body: Mapping[str, Any], config: Json, context: Json) -> tuple[Json, Json]:
    """Return config and context after the body's: each replaces its own and mirrors the other."""
    asked, given = body.get("config"), body.get("context")
    refuse_both(asked or {}, given)
    if given is not None:
        given = open_configurable(given)
        return {**(config if asked is None else asked), "configurable": given}, given
    if asked is None:
        return config, context
    configurable = open_configurable(asked.get("configurable") or {})
    mirrored = {**asked, "configurable": configurable} if "configurable" in asked else dict(asked)
    return mirrored, configurable


def set_latest(tx: Tx, assistant_id: str, version: int, grant: Grant = OPEN) -> AssistantRow:
    """Make a stored version the current one. Raises AssistantNotFound, NotFound."""
    row = _held(tx, assistant_id, grant)
    chosen = tx.assistants.version(assistant_id, version)
    if chosen is None:
        raise NotFound(f"Assistant '{assistant_id}' has no version {version}")
    current = replace(chosen, created_at=row.created_at, updated_at=wire_time())
    tx.assistants.replace(current)
    return current


def delete(tx: Tx, assistant_id: str, grant: Grant = OPEN) -> None:
    """Delete an assistant with all its versions and crons. Raises AssistantNotFound."""
    existing(tx, assistant_id, grant)
    tx.assistants.delete(assistant_id)
    tx.crons.delete_of_assistant(assistant_id)


def stop_runs(tx: Tx, assistant_id: str, clock: Clock, limit: int) -> int:
    """Interrupt up to `limit` runs the assistant has pending or running; returns how many."""
    runs = tx.runs.unstopped(assistant_id, limit)
    for run in sorted(runs, key=lambda run: run.thread_id):
        transitions.ask_to_stop(tx, run, "interrupt", clock)
    return len(runs)


def delete_threads(tx: Tx, assistant_id: str, clock: Clock, limit: int) -> int:
    """Delete up to `limit` threads whose metadata names the assistant; returns how many."""
    match = ThreadFilter(metadata={"assistant_id": assistant_id})
    threads = tx.threads.search(match, Page(limit=limit, sort_by="updated_at"))
    for thread_id in sorted(thread.thread_id for thread in threads):
        thread_life.delete(tx, thread_id, clock)
    return len(threads)

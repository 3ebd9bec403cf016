"""Runs and their threads, found inside a transaction, or the problem that clients are told."""

from __future__ import annotations

from dataclasses import replace

from graphstead.engine.access import OPEN, Grant
from graphstead.engine.thread_rows import made_by_run
from graphstead.problems import RunNotFound, ThreadNotFound
from graphstead.storage.base import Tx
from graphstead.storage.rows import EndRow, RunRow, ThreadRow


def thread_of(tx: Tx, thread_id: str, grant: Grant = OPEN) -> ThreadRow:
    """Get a thread, also that of a temporary run: it has no row, and lives as long as the run.

    Raises ThreadNotFound, also for one that the grant does not admit.
    """
    thread = tx.threads.get(thread_id) or _thread_of_temporary(tx, thread_id)
    if thread is None or not grant.admits(thread.metadata):
        raise ThreadNotFound(thread_id)
    return thread


def _thread_of_temporary(tx: Tx, thread_id: str) -> ThreadRow | None:
    for run in tx.runs.active(thread_id):
        graph_id = run.kwargs["config"]["configurable"]["graph_id"]
        made = made_by_run(thread_id, {**run.metadata, "graph_id": graph_id})
        at = run.created_at
        return replace(made, created_at=at, updated_at=run.updated_at, state_updated_at=at)
    return None


def may_touch(tx: Tx, run: RunRow | EndRow, grant: Grant) -> bool:
    """Tell whether a grant of threads admits the thread of a run, also of one that has ended."""
    if grant.condition is None:
        return True
    thread = tx.threads.get(run.thread_id)
    if thread is not None:
        return grant.admits(thread.metadata)
    return grant.admits(run.metadata)


def get_run(tx: Tx, thread_id: str | None, run_id: str) -> RunRow:
    """Get a run of that thread (of any, where `thread_id` is None); raises RunNotFound."""
    run = tx.runs.get(run_id)
    if run is None or (thread_id is not None and run.thread_id != thread_id):
        raise RunNotFound(run_id)
    return run

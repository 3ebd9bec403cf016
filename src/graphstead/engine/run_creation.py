"""How runs come to be: each with what else it needs, inside one transaction.

The row of an existing thread is locked first, so that a run is judged by what its thread shows.
"""

from __future__ import annotations

from dataclasses import replace

from graphstead.engine.clock import Clock, wire_time, wire_time_of_ms
from graphstead.engine.drafts import Draft, kwargs_of
from graphstead.engine.merging import Identity, cron_stamp, settle, thread_config
from graphstead.engine.thread_rows import expiry_ms, made_by_run
from graphstead.engine.transitions import ask_to_stop
from graphstead.problems import AssistantNotFound, ThreadBusy, ThreadNotFound
from graphstead.storage.base import Tx
from graphstead.storage.rows import AssistantRow, RunRow, ThreadRow


def create(tx: Tx, draft: Draft, clock: Clock) -> RunRow:
    """Store the run, and its thread where it needs one; returns it pending.

    Raises AssistantNotFound, ThreadNotFound, ThreadBusy.
    """
    assistant = tx.assistants.get(draft.assistant_id)
    if assistant is None or not draft.grants.assistant.admits(assistant.metadata):
        raise AssistantNotFound(draft.assistant_id)
    if draft.thread_id is None:
        return _create_stateless(tx, draft, assistant, clock)
    return _create_on_thread(tx, draft, draft.thread_id, assistant, clock)


def _create_stateless(tx: Tx, draft: Draft, assistant: AssistantRow, clock: Clock) -> RunRow:
    thread_id = clock.new_id()
    run = _new_run(draft, thread_id, assistant, None)
    if not draft.temporary:
        draft.grants.thread.demand()
        stamps = {"graph_id": assistant.graph_id, "assistant_id": assistant.assistant_id}
        stamps |= cron_stamp(draft.cron_id)
        thread = made_by_run(thread_id, {**draft.thread_metadata, **stamps})
        tx.threads.insert(_mortal(thread, draft))
    return _store(tx, run)


def _create_on_thread(
    tx: Tx, draft: Draft, thread_id: str, assistant: AssistantRow, clock: Clock
) -> RunRow:
    thread = tx.threads.lock(thread_id)
    while thread is None:
        made = _thread_for(draft, thread_id, assistant)
        if tx.threads.insert(made):
            return _store(tx, _new_run(draft, thread_id, assistant, made))
        # Another process has made it since; a third one may have deleted it again.
        thread = tx.threads.lock(thread_id)
    if not draft.grants.run.admits(thread.metadata):
        raise ThreadNotFound(thread_id)
    stamped = _stamped(thread, draft, assistant)
    if stamped != thread:
        tx.threads.set_metadata(thread_id, stamped.metadata, stamped.config, wire_time())
    _apply_multitask(tx, draft, thread_id, clock)
    run = _new_run(draft, thread_id, assistant, stamped)
    return _told_due(tx, replace(run, blocked=tx.runs.enter(run, draft.requested_ms)))


def _thread_for(draft: Draft, thread_id: str, assistant: AssistantRow) -> ThreadRow:
    """Return the thread that the run asks for and nobody has made. Raises ThreadNotFound."""
    if draft.body.get("if_not_exists") != "create":
        raise ThreadNotFound(thread_id)
    draft.grants.thread.demand()
    thread = made_by_run(thread_id, draft.thread_metadata)
    return _mortal(_stamped(thread, draft, assistant), draft)


def _stamped(thread: ThreadRow, draft: Draft, assistant: AssistantRow) -> ThreadRow:
    """Stamp the thread with the graph that now runs on it: chat clients search by that."""
    stamps = {"graph_id": assistant.graph_id, "assistant_id": assistant.assistant_id}
    config = {**thread.config, **thread_config(draft.body.get("config") or {})}
    config.setdefault("configurable", {})
    return replace(thread, metadata={**thread.metadata, **stamps}, config=config)


def _mortal(thread: ThreadRow, draft: Draft) -> ThreadRow:
    """Give a new thread the time to live that the project gives all threads."""
    ttl = draft.thread_ttl
    return replace(thread, ttl=ttl, expires_ms=expiry_ms(ttl, draft.requested_ms))


def _new_run(
    draft: Draft,
    thread_id: str,
    assistant: AssistantRow,
    thread: ThreadRow | None,
) -> RunRow:
    who = Identity(
        run_id=draft.run_id,
        thread_id=thread_id,
        request_id=draft.request_id,
        requested_ms=draft.requested_ms,
        after_s=draft.after_s,
        caller=draft.caller,
        headers=draft.headers,
        cron_id=draft.cron_id,
        traceparent=draft.traceparent,
    )
    settled = settle(assistant, thread, draft.body, who)
    created_at = wire_time() if not draft.after_s else wire_time_of_ms(draft.start_ms)
    return RunRow(
        run_id=draft.run_id,
        thread_id=thread_id,
        assistant_id=assistant.assistant_id,
        status="pending",
        metadata=settled.metadata,
        kwargs=kwargs_of(draft, settled.config, settled.context),
        multitask_strategy=draft.body.get("multitask_strategy") or "enqueue",
        created_at=created_at,
        updated_at=created_at,
        start_ms=draft.start_ms,
        blocked=False,
        temporary=draft.temporary,
    )


def _store(tx: Tx, run: RunRow) -> RunRow:
    """Store a run whose thread is new and busy, or has no row."""
    tx.runs.insert(run)
    return _told_due(tx, run)


def _told_due(tx: Tx, run: RunRow) -> RunRow:
    if not run.blocked:
        tx.ring("ready")
    return run


def _apply_multitask(tx: Tx, draft: Draft, thread_id: str, clock: Clock) -> None:
    strategy = draft.body.get("multitask_strategy") or "enqueue"
    if strategy == "enqueue":
        return
    for run in tx.runs.active(thread_id):
        if strategy == "reject":
            raise ThreadBusy(thread_id)
        ask_to_stop(tx, run, "rollback" if strategy == "rollback" else "interrupt", clock)

"""The state machine of runs and threads: every function runs inside one transaction.

    create ─► pending ─claim─► running ─finish─► success | error | timeout | interrupted
                 ▲                │
                 └────recover─────┘   the owner died: a newer `gen` fences whatever it still writes

The thread's row is locked first, so that two decisions about one thread never interleave.
Reasons and the failure table: docs/architecture.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from graphstead.engine import outbox
from graphstead.engine.access import OPEN, Grant
from graphstead.engine.clock import Clock, wire_time, wire_time_of_ms
from graphstead.engine.drafts import Draft, kwargs_of
from graphstead.engine.merging import Identity, cron_stamp, settle, thread_config
from graphstead.engine.thread_rows import expiry_ms
from graphstead.problems import AssistantNotFound, RunNotFound, ThreadBusy, ThreadNotFound
from graphstead.storage.base import Tx
from graphstead.storage.rows import (
    AssistantRow,
    Bell,
    CancelAction,
    EndRow,
    EventRow,
    Json,
    RunRow,
    RunStatus,
    ShownRow,
    ThreadRow,
    ThreadStatus,
)

NULL = b"null"
FINAL = frozenset({"success", "error", "timeout", "interrupted"})
BY_USER = frozenset({"UserInterrupt", "UserRollback"})


class StaleRun(Exception):
    """The run belongs to a newer generation, or to nobody: this writer must stop."""


@dataclass(frozen=True, slots=True)
class ThreadOutcome:
    """What the thread shows once a run is over; its own values where the run's cannot be told."""

    status: ThreadStatus
    values: Any
    error: Json | None
    interrupts: Json
    keeps_values: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: `output` is what waiters get, `thread` is None to keep its state.

    `error` is what a webhook is told went wrong, `last_ms` the time of the run's last event.
    """

    status: RunStatus
    output: bytes
    thread: ThreadOutcome | None
    error: Json | None = None
    last_ms: int = 0


# ---- creation


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
    run = _new_run(draft, thread_id, assistant, None, blocked=False)
    if not draft.temporary:
        draft.grants.thread.demand()
        stamps = {"graph_id": assistant.graph_id, "assistant_id": assistant.assistant_id}
        stamps |= cron_stamp(draft.cron_id)
        thread = _new_thread(thread_id, {**draft.thread_metadata, **stamps}, "busy")
        tx.threads.insert(_mortal(thread, draft))
    return _store(tx, run)


def _create_on_thread(
    tx: Tx, draft: Draft, thread_id: str, assistant: AssistantRow, clock: Clock
) -> RunRow:
    thread = tx.threads.lock(thread_id)
    while thread is None:
        made = _thread_for(draft, thread_id, assistant)
        if tx.threads.insert(made):
            return _store(tx, _new_run(draft, thread_id, assistant, made, blocked=False))
        # Another process has made it since; a third one may have deleted it again.
        thread = tx.threads.lock(thread_id)
    if not draft.grants.run.admits(thread.metadata):
        raise ThreadNotFound(thread_id)
    stamped = _stamped(thread, draft, assistant)
    if stamped != thread:
        tx.threads.set_metadata(thread_id, stamped.metadata, stamped.config, wire_time())
    _apply_multitask(tx, draft, thread_id, clock)
    run = _new_run(draft, thread_id, assistant, stamped, blocked=False)
    return _told_due(tx, replace(run, blocked=tx.runs.enter(run, draft.requested_ms)))


def _thread_for(draft: Draft, thread_id: str, assistant: AssistantRow) -> ThreadRow:
    """Return the thread that the run asks for and nobody has made. Raises ThreadNotFound."""
    if draft.body.get("if_not_exists") != "create":
        raise ThreadNotFound(thread_id)
    draft.grants.thread.demand()
    thread = _new_thread(thread_id, draft.thread_metadata, "busy")
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


def _new_thread(thread_id: str, metadata: Json, status: ThreadStatus) -> ThreadRow:
    now = wire_time()
    return ThreadRow(
        thread_id=thread_id,
        status=status,
        metadata=metadata,
        config={},
        created_at=now,
        updated_at=now,
        state_updated_at=now,
    )


def _new_run(
    draft: Draft,
    thread_id: str,
    assistant: AssistantRow,
    thread: ThreadRow | None,
    *,
    blocked: bool,
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
        blocked=blocked,
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


# ---- claiming and recovery


def claim(tx: Tx, worker: str, limit: int, clock: Clock) -> list[RunRow]:
    """Take up to `limit` due runs for this worker, each under a new generation."""
    taken = []
    for run in tx.runs.take(worker, clock.now_ms(), limit, wire_time()):
        if run.status == "running":
            taken.append(run)
        elif tx.threads.try_hold(run.thread_id):
            taken += _start_or_block(tx, run, worker)
        # Else somebody decides about this thread just now: the next claim looks again.
    return _behind_the_last_end(tx, taken) if taken else []


def _behind_the_last_end(tx: Tx, runs: Sequence[RunRow]) -> list[RunRow]:
    """Note what came before: a thread's events are in order, whatever clocks of hosts say."""
    ends = tx.events.last_ends([run.thread_id for run in runs])
    again = {run.run_id: tx.events.last_ms(run.run_id) for run in runs if run.attempt > 1}
    return [
        replace(run, after_ms=max(ends.get(run.thread_id, 0), again.get(run.run_id, 0)))
        for run in runs
    ]


def _start_or_block(tx: Tx, run: RunRow, worker: str) -> list[RunRow]:
    """Look again with the thread held: its running run may have ended just now."""
    if tx.runs.running(run.thread_id):
        tx.runs.set_blocked(run.run_id, True)
        return []
    return [_start(tx, run, worker)]


def _start(tx: Tx, run: RunRow, worker: str) -> RunRow:
    now, gen, attempt = wire_time(), run.gen + 1, run.attempt + 1
    tx.runs.start(run.run_id, worker=worker, gen=gen, attempt=attempt, updated_at=now)
    return replace(run, status="running", worker=worker, gen=gen, attempt=attempt, updated_at=now)


def recover(tx: Tx, runs: Sequence[RunRow], clock: Clock, max_attempts: int) -> int:
    """Give runs whose worker died back to the queue, or end them; returns how many."""
    # In one order, so that two processes never wait for each other's threads.
    for run in sorted(runs, key=lambda run: run.thread_id):
        tx.threads.hold(run.thread_id)
        current = tx.runs.get(run.run_id) if tx.runs.owned(run.run_id, run.gen) else None
        if current is None:
            continue
        if current.cancel:
            _stop_now(tx, current, current.cancel, clock)
        elif current.attempt >= max_attempts:
            _give_up(tx, current, clock)
        else:
            requeue(tx, current, clock)
    return len(runs)


def requeue(tx: Tx, run: RunRow, clock: Clock) -> None:
    """Return a running run to pending; the newer generation fences its last owner at once."""
    tx.runs.requeue(run.run_id, gen=run.gen + 1, start_ms=clock.now_ms(), updated_at=wire_time())
    tx.ring("ready")


def give_back(tx: Tx, runs: Sequence[RunRow], clock: Clock) -> None:
    """Requeue runs that their worker lets go of; leaves alone what is no longer the worker's."""
    for run in sorted(runs, key=lambda run: run.thread_id):
        if tx.runs.owned(run.run_id, run.gen):
            requeue(tx, run, clock)


def _give_up(tx: Tx, run: RunRow, clock: Clock) -> None:
    error = {
        "error": "RuntimeError",
        "message": f"The worker died {run.attempt} times while running this; it is not tried again",
    }
    thread = tx.threads.get(run.thread_id)
    shown = ThreadOutcome("error", thread.values if thread else None, error, {})
    _end(tx, run, Outcome("error", _failure(error), shown, error), clock)


def _failure(error: Json) -> bytes:
    return orjson.dumps({"__error__": error})


# What those hear who wait for a run while it is taken away (measured on 0.16.7).
REMOVED = _failure({"error": "HTTPException", "message": "404: Run not found"})


# ---- writing and finishing under a generation


def append(tx: Tx, run: RunRow, rows: Sequence[EventRow]) -> None:
    """Append events of the run's owner; raises StaleRun for anybody else."""
    if not tx.runs.owned(run.run_id, run.gen):
        raise StaleRun(run.run_id)
    tx.events.append(run.run_id, rows)
    for bell in bells_of(run):
        tx.ring(*bell)


def bells_of(run: RunRow) -> list[Bell]:
    """Return the bells that tell of a run's new events."""
    bells = [Bell("events", run.run_id)]
    return bells if run.temporary else [*bells, Bell("thread", run.thread_id)]


def tell_state(tx: Tx, thread_id: str, data: bytes, clock: Clock) -> None:
    """Tell the thread's followers of a state written by hand, as an event without a run."""
    last_end_ms = tx.events.last_ends([thread_id]).get(thread_id, 0)
    event_id, now_ms = clock.new_id(), max(clock.now_ms(), last_end_ms + 1)
    tx.events.append(event_id, [EventRow(1, now_ms, "state_update", data)])
    tx.events.end(EndRow(event_id, thread_id, "success", now_ms, NULL))
    tx.ring("thread", thread_id)


def finish(tx: Tx, run: RunRow, outcome: Outcome, rest: Sequence[EventRow], clock: Clock) -> None:
    """End a run with its last events; raises StaleRun where it is no longer this worker's."""
    owned = tx.runs.hold_owned(run.thread_id, run.run_id, run.gen)
    if owned is None:
        raise StaleRun(run.run_id)
    if rest:
        tx.events.append(run.run_id, rest)
    if owned.cancel == "rollback":
        _roll_back(tx, tx.runs.get(run.run_id) or run, clock)
        return
    _end(tx, run, outcome, clock)


def _end(tx: Tx, run: RunRow, outcome: Outcome, clock: Clock) -> None:
    end = _end_row(run, outcome, clock)
    outbox.owe(tx, run, outcome.status, _told_values(tx, run, outcome), outcome.error, clock)
    if run.temporary:
        tx.events.end(end)
        tx.runs.delete(run.run_id)
        # Somebody may have made a thread under its id meanwhile, and asked for runs there.
        if tx.runs.release_next(run.thread_id):
            tx.ring("ready")
    else:
        shown = outcome.thread or _resting(tx.threads.lock(run.thread_id))
        _tell_thread(tx, run.thread_id, tx.threads.settle(end, _shown(run.thread_id, shown)))
    tx.ring("events", run.run_id)
    tx.ring("ended", run.run_id)


def _told_values(tx: Tx, run: RunRow, outcome: Outcome) -> Any:
    """Return the values that a webhook is told of."""
    if outcome.thread is not None:
        return outcome.thread.values
    thread = tx.threads.get(run.thread_id)
    return thread.values if thread else None


def _end_row(run: RunRow, outcome: Outcome, clock: Clock) -> EndRow:
    return EndRow(
        run_id=run.run_id,
        thread_id=run.thread_id,
        status=outcome.status,
        ended_ms=max(clock.now_ms(), outcome.last_ms),
        output=outcome.output,
        thread_status=outcome.thread.status if outcome.thread else None,
        metadata=run.metadata if run.temporary else None,
    )


def _shown(thread_id: str, outcome: ThreadOutcome) -> ShownRow:
    return ShownRow(
        thread_id=thread_id,
        status=outcome.status,
        values=outcome.values,
        error=outcome.error,
        interrupts=outcome.interrupts,
        updated_at=wire_time(),
        keeps_values=outcome.keeps_values,
    )


def _tell_thread(tx: Tx, thread_id: str, released: bool) -> None:
    if released:
        tx.ring("ready")
    tx.ring("thread", thread_id)


def _resting(thread: ThreadRow | None) -> ThreadOutcome:
    """Return what a thread shows that a run has not touched."""
    if thread is None:
        return ThreadOutcome("idle", None, None, {})
    status: ThreadStatus = "idle"
    if thread.interrupts:
        status = "interrupted"
    if thread.error and thread.error.get("error") not in BY_USER:
        status = "error"
    return ThreadOutcome(status, None, thread.error, thread.interrupts, keeps_values=True)


# ---- stopping


def ask_to_stop(tx: Tx, run: RunRow, action: CancelAction, clock: Clock) -> None:
    """End a pending run at once; tell a running one's worker to end it."""
    if action == "rollback":
        # Of no run yet: a saver of the project's own may say that it cannot undo any.
        tx.checkpoints.delete_runs([])
    tx.threads.hold(run.thread_id)
    current = tx.runs.lock(run.run_id)
    if current is None or current.status in FINAL:
        return
    if current.status == "pending":
        _stop_now(tx, current, action, clock)
    else:
        tx.runs.set_cancel(run.run_id, action, wire_time())
        tx.ring("cancel", current.worker or "")


def _stop_now(tx: Tx, run: RunRow, action: CancelAction, clock: Clock) -> None:
    if action == "rollback":
        _roll_back(tx, run, clock)
        return
    thread = tx.threads.get(run.thread_id)
    values = thread.values if thread else None
    output = orjson.dumps({} if values is None else values)
    _end(tx, run, Outcome("interrupted", output, None), clock)


def _roll_back(tx: Tx, run: RunRow, clock: Clock) -> None:
    """Undo a run as if it had never been, and say so on its thread (measured on 0.16.7)."""
    thread = tx.threads.lock(run.thread_id)
    error = {"error": "UserRollback", "message": "The run was cancelled (rollback)"}
    shown = replace(_resting(thread), error=error) if thread else None
    outbox.owe(tx, run, "rollback", None, None, clock)
    _undo(tx, run, shown, clock)


def remove(tx: Tx, run: RunRow, clock: Clock) -> None:
    """Delete a run and its checkpoints; the worker of a running one is told to let go."""
    if run.status in FINAL:
        tx.runs.delete(run.run_id)
        tx.checkpoints.delete_runs([run.run_id])
        tx.events.delete(run.run_id)
        return
    _undo(tx, run, None, clock)
    tx.ring("cancel", run.worker or "")


def _undo(tx: Tx, run: RunRow, shown: ThreadOutcome | None, clock: Clock) -> None:
    tx.events.end(_end_row(run, Outcome("interrupted", REMOVED, None), clock))
    # The run goes first: what its owner is just writing is then there to be deleted.
    tx.runs.delete(run.run_id)
    tx.checkpoints.delete_runs([run.run_id])
    tx.checkpoints.undo_writes(run.run_id)
    if not run.temporary:
        shown = shown or _resting(tx.threads.lock(run.thread_id))
        _tell_thread(tx, run.thread_id, tx.threads.show(_shown(run.thread_id, shown)))
    tx.ring("events", run.run_id)
    tx.ring("ended", run.run_id)


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
        made = _new_thread(thread_id, {**run.metadata, "graph_id": graph_id}, "busy")
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

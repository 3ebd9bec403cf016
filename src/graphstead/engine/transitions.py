"""The state machine of runs and threads: every function runs inside one transaction.

    create ─► pending ─claim─► running ─finish─► success | error | timeout | interrupted
                 ▲                │
                 └────recover─────┘   the owner died: a newer `gen` fences whatever it still writes

The thread's row is locked first, so that two decisions about one thread never interleave.
How runs come to be is in `run_creation`. Reasons and the failure table: docs/architecture.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from graphstead.engine import outbox
from graphstead.engine.clock import Clock, wire_time
from graphstead.storage.base import Tx
from graphstead.storage.rows import (
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

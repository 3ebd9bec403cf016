"""Why a run is where it is: what it waits for, who carries it out, what was asked of it."""

from __future__ import annotations

from graphstead.engine.clock import wire_time_of_ms
from graphstead.storage.base import Tx
from graphstead.storage.rows import Json, RunRow


def explain(tx: Tx, run: RunRow, now_ms: int) -> Json:
    """Return the run's extension members: `attempt`, `worker`, `cancelling`, `waiting`."""
    return {
        "attempt": run.attempt,
        "worker": run.worker,
        "cancelling": run.cancel,
        "waiting": _waiting(tx, run, now_ms) if run.status == "pending" else None,
    }


def _waiting(tx: Tx, run: RunRow, now_ms: int) -> Json:
    if run.start_ms > now_ms:
        return {"reason": "delayed", "until": wire_time_of_ms(run.start_ms)}
    ahead = next((one for one in tx.runs.active(run.thread_id) if one.run_id != run.run_id), None)
    if run.blocked and ahead is not None:
        return {"reason": "thread_busy", "run_id": ahead.run_id}
    return {"reason": "no_free_worker"}

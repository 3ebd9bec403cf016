"""Gates that runs stand before, and looks at what a run has left in the tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

from faults.fleet import Fleet
from servers import until_true

MORE: dict[str, Any] = {}
# Everything that a run writes; a worker that lost it must not change a row of this.
WRITTEN = {
    "the run": "select status, gen, attempt, updated_at from runs where run_id = ?",
    "its end": "select status, ended_ms from ends where run_id = ?",
    "its events": "select seq, created_ms, event from events where run_id = ? order by seq",
    "its checkpoints": "select checkpoint_ns, checkpoint_id from checkpoints"
    " where run_id = ? order by 1, 2",
}


def keyed() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid4())}


def body(
    gates: Path | None = None, *, steps: int = 2, more: Any = MORE, **fields: Any
) -> dict[str, Any]:
    """Return a run of the trail graph, by default without a pause and without gates."""
    given = {"intent": "i", "steps": steps, "count": 0, **more}
    given |= {"gates": str(gates)} if gates else {}
    return {"assistant_id": "trail", "input": given, "durability": "sync", **fields}


def on_new_thread(fleet: Fleet, given: Any) -> Any:
    """Start a run on a thread of its own."""
    thread_id = fleet.post("/threads", {})["thread_id"]
    return fleet.post(f"/threads/{thread_id}/runs", given)


def output_of(fleet: Fleet, run: Any) -> Any:
    """Wait for the run and return what it has made."""
    return fleet.get(f"/threads/{run['thread_id']}/runs/{run['run_id']}/join")


def pids_at(gates: Path, name: str) -> list[int]:
    """Return the processes whose runs have come to this gate, in order."""
    marks = gates / "marks"
    lines = marks.read_text().splitlines() if marks.exists() else []
    return [int(line.split()[-1]) for line in lines if line.startswith(f"{name} ")]


def pid_at(gates: Path, name: str, *, number: int = 1, timeout_s: float = 60) -> int:
    """Wait until so many runs have come to this gate; return the process of the last one."""
    until_true(lambda: len(pids_at(gates, name)) >= number, timeout_s)
    return pids_at(gates, name)[number - 1]


def written(fleet: Fleet, run: Any) -> dict[str, Any]:
    """Return all rows of a run."""
    return {name: fleet.rows(sql, run["run_id"]) for name, sql in WRITTEN.items()}


def assert_ended_once(fleet: Fleet, run: Any, attempts: int) -> None:
    """Check status, attempts, the end's row, and that events are numbered without a gap."""
    rows = written(fleet, run)
    [(status, _, attempt, _)] = rows["the run"]
    assert (status, attempt) == ("success", attempts)
    assert [ended for ended, _ in rows["its end"]] == ["success"]
    seqs = [seq for seq, _, _ in rows["its events"]]
    assert seqs == list(range(1, len(seqs) + 1))
    # The line is written after the end can be read: whoever waited for the run may be sooner.
    until_true(lambda: times_ended(fleet, run) > 0)
    assert times_ended(fleet, run) == 1


def times_ended(fleet: Fleet, run: Any) -> int:
    """Count the lines of all workers' logs that say this run ended."""
    lines = [line for worker in fleet.workers for line in worker.log.splitlines()]
    return sum("run ended" in line and run["run_id"] in line for line in lines)

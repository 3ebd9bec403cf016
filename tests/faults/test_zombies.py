"""A worker that is stopped past its lease and woken again writes nothing of the runs it lost."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from faults.fleet import Fleet, Part
from faults.watching import (
    assert_ended_once,
    body,
    on_new_thread,
    output_of,
    pid_at,
    written,
)
from servers import until_true

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def frozen_at(fleet: Fleet, gates: Path, gate: str) -> Part:
    """Stop the worker whose run stands before this gate, at a moment when it holds no lock."""
    worker = fleet.by_pid(pid_at(gates, gate))
    while True:
        worker.freeze()
        try:
            httpx.post(f"{fleet.api().url}/threads", json={}, timeout=3).raise_for_status()
            return worker
        except httpx.HTTPError:
            worker.thaw()
            time.sleep(0.1)


def taken_over(fleet: Fleet, gates: Path) -> tuple[Any, Part]:
    """Start a run and stop its worker until the other one stands where it stood."""
    (gates / "step-1").touch()
    for number in range(2):
        fleet.worker(number)
    run = on_new_thread(fleet, body(gates, steps=3, stream_resumable=True, stream_mode="custom"))
    zombie = frozen_at(fleet, gates, "step-2")
    assert pid_at(gates, "step-2", number=2) != zombie.pid
    # What was said before a gate is written a little after one stands before it.
    until_true(lambda: has_said_it_is_before_step_2(fleet, run))
    return run, zombie


def has_said_it_is_before_step_2(fleet: Fleet, run: Any) -> bool:
    """Tell whether the events of the second attempt are stored as far as it has come."""
    events = [event for _, _, event in written(fleet, run)["its events"]]
    return events.count("metadata") == 2 and events[-1] == "custom"


def wait_until_it_knows(zombie: Part, run: Any) -> None:
    """Wait until the woken worker has noticed that the run is another's."""

    def knows() -> bool:
        lines = zombie.log.splitlines()
        return any("run taken over" in line and run["run_id"] in line for line in lines)

    until_true(knows, 60)


def test_a_worker_that_wakes_while_another_carries_its_run_writes_nothing(
    fleet: Fleet, gates: Path
) -> None:
    run, zombie = taken_over(fleet, gates)
    before = written(fleet, run)
    zombie.thaw()
    wait_until_it_knows(zombie, run)
    assert written(fleet, run) == before
    (gates / "all").touch()
    assert output_of(fleet, run)["trail"] == ["i:1", "i:2", "i:3"]
    assert_ended_once(fleet, run, attempts=2)


def test_a_worker_whose_step_ends_as_it_wakes_writes_nothing(fleet: Fleet, gates: Path) -> None:
    run, zombie = taken_over(fleet, gates)
    (gates / "all").touch()
    zombie.thaw()
    assert output_of(fleet, run)["trail"] == ["i:1", "i:2", "i:3"]
    wait_until_it_knows(zombie, run)
    assert_ended_once(fleet, run, attempts=2)


def test_a_worker_that_wakes_after_the_end_of_its_run_writes_nothing(
    fleet: Fleet, gates: Path
) -> None:
    run, zombie = taken_over(fleet, gates)
    (gates / "all").touch()
    assert output_of(fleet, run)["trail"] == ["i:1", "i:2", "i:3"]
    before = written(fleet, run)
    zombie.thaw()
    wait_until_it_knows(zombie, run)
    assert written(fleet, run) == before
    assert_ended_once(fleet, run, attempts=2)

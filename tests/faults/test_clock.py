"""The wall clock steps by an hour: no run is lost, none is carried twice, none waits for it."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest
from faults.blows import HOUR_S, Clock
from faults.fleet import Fleet, Part
from faults.ledger import Followed, Intent, ThreadFrame
from faults.load import RESUMABLE, listen
from faults.watching import assert_ended_once, body, on_new_thread, output_of, pid_at, written
from servers import until_true

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
# Several looks at the leases, of which each once let all of them run out.
LOOKS_S = 1.0


def test_no_worker_loses_its_run_to_a_step_of_the_clock(
    fleet: Fleet, clock: Clock, gates: Path
) -> None:
    fleet.worker()
    run = on_new_thread(fleet, body(gates, stream_resumable=True, stream_mode="custom"))
    pid_at(gates, "step-1")
    before = written(fleet, run)
    for step_s in (HOUR_S, -2 * HOUR_S, HOUR_S):
        clock.step(step_s)
        time.sleep(LOOKS_S)
        assert written(fleet, run)["the run"] == before["the run"]
    (gates / "all").touch()
    assert output_of(fleet, run)["trail"] == ["i:1", "i:2"]
    assert_ended_once(fleet, run, attempts=1)


def test_an_api_process_is_not_taken_for_dead_when_the_clock_goes_back(
    fleet: Fleet, clock: Clock
) -> None:
    """Its master ends it when it has not reported for 30 s."""
    api = fleet.api()
    until_true(lambda: reported_at(api) > 0, 30)
    clock.step(-HOUR_S)
    before = reported_at(api)
    until_true(lambda: reported_at(api) > before, 25)


def reported_at(api: Part) -> float:
    """Return when the process last told its master that it lives."""
    [child] = psutil.Process(api.pid).children()
    told_s = 0.0
    for file in Path(f"/proc/{child.pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # a connection that is closed meanwhile
            if "wgunicorn-" in str(file.readlink()):
                told_s = max(told_s, file.stat().st_mtime)
    return told_s


def test_what_waits_does_not_wait_for_a_clock_that_went_back(
    fleet: Fleet, clock: Clock, gates: Path
) -> None:
    """One run waits for its sibling, its webhook and its turn were stamped an hour ahead."""
    fleet.worker()
    first = on_new_thread(fleet, body(gates))
    pid_at(gates, "step-1")
    second = fleet.post(f"/threads/{first['thread_id']}/runs", body())
    clock.step(-HOUR_S)
    (gates / "all").touch()
    assert output_of(fleet, second)["trail"] == ["i:1", "i:2"] * 2
    clock.step(HOUR_S)


def test_a_run_after_a_step_back_builds_on_the_one_before(fleet: Fleet, clock: Clock) -> None:
    """Also where its process has made no checkpoint yet and so knows of no later time."""
    fleet.worker()
    clock.step(HOUR_S)
    first = on_new_thread(fleet, body())
    output_of(fleet, first)
    clock.step(-HOUR_S)
    for worker in fleet.workers:
        worker.kill()
    fleet.worker()
    second = fleet.post(f"/threads/{first['thread_id']}/runs", body())
    assert output_of(fleet, second)["trail"] == ["i:1", "i:2"] * 2


def test_a_followed_thread_tells_of_all_its_runs_though_the_clock_goes_back(
    fleet: Fleet, clock: Clock, gates: Path
) -> None:
    fleet.worker()
    first = on_new_thread(fleet, body(gates, **RESUMABLE))
    thread_id, next_one = first["thread_id"], body(**RESUMABLE)
    pid_at(gates, "step-1")
    runs = [first, *(fleet.post(f"/threads/{thread_id}/runs", next_one) for _ in range(2))]
    clock.step(-HOUR_S)
    (gates / "all").touch()
    followed = Followed(thread_id, [Intent("i", 2, run_id=run["run_id"]) for run in runs])
    url, until_s = fleet.apis[0].url, time.monotonic() + 60
    heard: list[ThreadFrame] = []
    with httpx.Client(timeout=30) as client:
        assert listen(client, url, followed, heard, until_s), heard
        behind = Followed(thread_id, followed.intents, heard[:3])
        assert listen(client, url, behind, behind.heard, until_s)
    assert behind.heard == heard
    begun = [json.loads(data).get("run_id") for _, event, data in heard if event == "metadata"]
    assert begun == [run["run_id"] for run in runs for _ in ("begun", "done")]

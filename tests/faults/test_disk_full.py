"""The file system of the database fills up: what was accepted is kept, the rest is told why."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from faults.blows import fill
from faults.fleet import Fleet
from faults.places import SqlitePlace
from faults.storm import mounted
from faults.watching import body, keyed, on_new_thread, output_of, pid_at
from servers import until_true

WAITS = "run could not be stored and waits"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """A fleet whose data folder is a small file system of its own."""
    data = tmp_path / "data"
    data.mkdir()
    assert mounted(data, megabytes=32), "only root can mount a small file system"
    try:
        made = Fleet(tmp_path, SqlitePlace(data))
        made.api()
        made.worker()
        yield made
        made.close()
    finally:
        subprocess.run(["umount", "--lazy", str(data)], check=True)


def test_a_full_disk_costs_no_accepted_run_and_is_told(fleet: Fleet, tmp_path: Path) -> None:
    gates = tmp_path / "gates"
    gates.mkdir()
    under_way = on_new_thread(fleet, body(gates, steps=3))
    pid_at(gates, "step-1")
    accepted = [fleet.post("/runs", body(on_completion="keep"))["run_id"] for _ in range(5)]
    ballast = fill(tmp_path / "data")
    refused = refusal(fleet)
    assert refused.status_code == 503
    assert "no room left" in refused.json()["detail"]
    assert refused.json()["code"] == "unavailable"
    assert int(refused.headers["retry-after"]) >= 1
    assert fleet.get(f"/threads/{under_way['thread_id']}")["status"] == "busy"
    assert fleet.get("/ok")["ok"] is True
    (gates / "all").touch()
    ballast.unlink()

    headers = keyed()
    until_true(lambda: try_again(fleet, headers).is_success)
    late = try_again(fleet, headers).json()["run_id"]
    assert output_of(fleet, under_way)["trail"] == ["i:1", "i:2", "i:3"]
    live = "select 1 from runs where status in ('pending', 'running')"
    until_true(lambda: fleet.rows(live) == [])
    runs = dict(fleet.rows("select run_id, status from runs"))
    assert runs == dict.fromkeys([under_way["run_id"], *accepted, late], "success")
    assert fleet.rows("pragma integrity_check") == [("ok",)]


def test_runs_that_meet_a_full_disk_say_so_in_a_line_each_and_go_on_when_there_is_room(
    fleet: Fleet, tmp_path: Path
) -> None:
    gates = tmp_path / "gates"
    gates.mkdir()
    kept = {"say_bytes": 20_000}
    runs = [
        on_new_thread(fleet, body(gates, steps=3, durability=durability, more=kept))
        for durability in ("sync", "async", "exit")
    ]
    runs.append(fleet.post("/runs", body(gates, steps=3, on_completion="keep", more=kept)))
    pid_at(gates, "step-1", number=len(runs))
    ballast = fill(tmp_path / "data")
    refusal(fleet)
    worker = fleet.workers[0]
    (gates / "all").touch()
    until_true(lambda: worker.log.count(WAITS) >= len(runs), 60)
    ballast.unlink()

    for run in runs:
        assert output_of(fleet, run)["trail"] == ["i:1", "i:2", "i:3"]
    assert worker.log.count(WAITS) == len(runs)
    assert worker.log.count("upkeep waits for the database") <= 1
    assert "never retrieved" not in worker.log
    assert "Traceback" not in worker.log


def test_a_start_on_a_full_disk_says_what_is_wrong(fleet: Fleet, tmp_path: Path) -> None:
    api = fleet.api()
    api.stop()
    ballast = fill(tmp_path / "data")
    with pytest.raises(RuntimeError, match="cannot be used: database or disk is full"):
        fleet.api()
    ballast.unlink()
    headers = keyed()
    until_true(lambda: try_again(fleet, headers).is_success)


def try_again(fleet: Fleet, headers: dict[str, str]) -> httpx.Response:
    url = f"{fleet.api().url}/runs"
    return httpx.post(url, json=body(on_completion="keep"), headers=headers, timeout=30)


def refusal(fleet: Fleet) -> httpx.Response:
    """Ask for runs that are too large for what is left, until one is refused."""
    large = body(on_completion="keep", metadata={"padding": "x" * 500_000})
    for _ in range(50):
        answer = httpx.post(f"{fleet.api().url}/runs", json=large, timeout=30)
        if not answer.is_success:
            return answer
    raise AssertionError("the disk was never full")

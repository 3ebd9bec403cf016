"""`kill -9` at every state of the failure table, and what is left and healed afterwards."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from faults.fleet import Fleet, Part
from faults.watching import assert_ended_once, body, keyed, on_new_thread, output_of, pid_at
from receivers import holding
from servers import until_true

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def ids_of(fleet: Fleet) -> set[str]:
    return {run_id for (run_id,) in fleet.rows("select run_id from runs")}


def send_and_lose(url: str, path: str, sent: Any, headers: dict[str, str]) -> threading.Thread:
    """Send a request from a thread of its own that must never see an answer."""

    def send() -> None:
        try:
            answer = httpx.post(url + path, json=sent, headers=headers, timeout=60)
        except httpx.TransportError:
            return
        raise AssertionError(f"it was answered: {answer.text}")

    thread = threading.Thread(target=send)
    thread.start()
    return thread


def test_an_api_process_killed_before_its_commit_has_promised_nothing(fleet: Fleet) -> None:
    before, headers, sent = ids_of(fleet), keyed(), body(on_completion="keep")
    api = fleet.api()
    with fleet.place.writing_held_up():
        asking = send_and_lose(api.url, "/runs", sent, headers)
        time.sleep(1)
        api.kill()
        asking.join()
    fleet.worker()
    assert ids_of(fleet) == before
    run = fleet.post("/runs", sent, headers=headers)
    again = fleet.post("/runs", sent, headers=headers)
    assert again["run_id"] == run["run_id"]
    assert ids_of(fleet) - before == {run["run_id"]}


def test_an_api_process_killed_after_its_commit_has_kept_its_word(
    fleet: Fleet, gates: Path
) -> None:
    before, headers, sent = ids_of(fleet), keyed(), body(gates, on_completion="keep")
    fleet.worker()
    api = fleet.api()
    asking = send_and_lose(api.url, "/runs/wait", sent, headers)
    pid_at(gates, "step-1")
    api.kill()
    asking.join()
    (gates / "all").touch()
    output = fleet.post("/runs/wait", sent, headers=headers)
    assert output["trail"] == ["i:1", "i:2"]
    assert len(ids_of(fleet) - before) == 1


WORKER_DIES = {
    "claimed, before its first step": ("guarded", "open-1", 2),
    "in the midst of a step": ("trail", "step-2", 2),
    "after the last checkpoint, before the end": ("guarded", "open-2", 2),
}


@pytest.mark.parametrize("state", WORKER_DIES)
def test_a_run_outlives_its_worker_that_is_killed(fleet: Fleet, gates: Path, state: str) -> None:
    graph, gate, attempts = WORKER_DIES[state]
    for name in {"step-1", "open-1"} - {gate}:
        (gates / name).touch()
    run = start_run(fleet, gates, graph)
    kill_at(fleet, gates, gate)
    assert output_of(fleet, run)["trail"] == ["i:1", "i:2"]
    assert_ended_once(fleet, run, attempts)
    assert fleet.get(f"/threads/{run['thread_id']}")["status"] == "idle"


def start_run(fleet: Fleet, gates: Path, graph: str) -> Any:
    for number in range(2):
        fleet.worker(number)
    given = body(gates if graph == "trail" else None, stream_resumable=True, stream_mode="custom")
    given |= {"assistant_id": graph}
    if graph == "guarded":
        given["config"] = {"configurable": {"gates": str(gates)}}
    return on_new_thread(fleet, given)


def kill_at(fleet: Fleet, gates: Path, gate: str) -> Part:
    """Kill the worker whose run stands before this gate, then open all gates."""
    worker = fleet.by_pid(pid_at(gates, gate))
    worker.kill()
    (gates / "all").touch()
    return worker


def test_a_stateless_run_starts_over_after_the_death_of_its_worker(
    fleet: Fleet, gates: Path
) -> None:
    (gates / "step-1").touch()
    for number in range(2):
        fleet.worker(number)
    run = fleet.post("/runs", body(gates))
    kill_at(fleet, gates, "step-2")
    assert output_of(fleet, run)["trail"] == ["i:1", "i:2"]
    marks = (gates / "marks").read_text().splitlines()
    assert [line.split()[0] for line in marks] == ["step-1", "step-2"] * 2
    assert fleet.rows("select status from ends where run_id = ?", run["run_id"]) == [("success",)]


def test_a_webhook_whose_sender_dies_before_noting_it_is_called_again(fleet: Fleet) -> None:
    for worker in fleet.workers[1:]:
        worker.kill()
    worker = fleet.worker()
    with holding() as receiver:
        sent = body(on_completion="keep", webhook=f"{receiver.url}/hook")
        run = fleet.post("/runs", sent)
        until_true(lambda: len(receiver.calls) == 1, 60)
        worker.kill()
        receiver.open.set()
        # As if the 90 s were over for which the dead sender had put the next try off.
        fleet.place.execute("update deliveries set next_try_ms = 0")
        fleet.worker()
        until_true(lambda: fleet.rows("select 1 from deliveries") == [], 60)
    assert {call["run_id"] for call in receiver.bodies} == {run["run_id"]}
    assert len(receiver.calls) == 2


def test_each_date_of_a_cron_makes_one_run_though_workers_are_killed(fleet: Fleet) -> None:
    chance = random.Random()
    every_second = {"assistant_id": "trail", "input": body()["input"], "schedule": "* * * * * *"}
    cron = fleet.post("/runs/crons", every_second | {"on_run_completed": "keep"})
    made = "select start_ms from runs where metadata like ? order by start_ms"
    named = f"%{cron['cron_id']}%"
    if fleet.place.env["GRAPHSTEAD_DATABASE_URI"]:
        made = made.replace("metadata", "cast(metadata as text)")
    for _ in range(2):
        known = len(fleet.rows(made, named))
        workers = [fleet.worker(0), fleet.worker(1)]
        until_true(lambda known=known: len(fleet.rows(made, named)) > known)  # type: ignore[misc]
        time.sleep(chance.uniform(0.5, 1.5))
        chance.choice(workers).kill()
    url = f"{fleet.api().url}/runs/crons/{cron['cron_id']}"
    assert httpx.delete(url, timeout=60).is_success
    seconds = [start_ms // 1000 for (start_ms,) in fleet.rows(made, named)]
    assert len(seconds) == len(set(seconds)), "a date made two runs"
    wait_idle(fleet)


def wait_idle(fleet: Fleet) -> None:
    fleet.worker()
    live = "select 1 from runs where status in ('pending', 'running')"
    until_true(lambda: fleet.rows(live) == [], 60)


def test_a_run_whose_bell_is_lost_begins_with_the_next_poll(fleet: Fleet) -> None:
    fleet.worker()
    for _ in range(3):
        fleet.place.lose_bells()
        output = fleet.post("/runs/wait", body(), timeout=30)
        assert output["trail"] == ["i:1", "i:2"]

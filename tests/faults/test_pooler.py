"""A whole fleet over a pooler that lends sessions by transaction: it hears, lives and recovers."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from faults.fleet import Fleet
from faults.places import OwnPostgres, ServerPlace, own_postgres
from faults.watching import assert_ended_once, body, on_new_thread, output_of, pid_at
from poolers import Pooler
from receivers import receiving
from servers import until_true

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
# So long that nothing below can be due to them.
POLL_S, LEASE_S = 10.0, 120.0
SESSIONS = 3
CROWD = 8
NAME = "pooled"
LENT = "select count(*) from pg_stat_activity where application_name = ?"


@pytest.fixture(scope="module")
def postgres() -> Iterator[OwnPostgres]:
    with own_postgres() as own:
        yield own


@pytest.fixture(scope="module")
def pooler(postgres: OwnPostgres) -> Iterator[Pooler]:
    one = Pooler(postgres.uri, default_pool_size=str(SESSIONS))
    yield one
    one.close()


@pytest.fixture(scope="module")
def fleet(
    tmp_path_factory: pytest.TempPathFactory, postgres: OwnPostgres, pooler: Pooler
) -> Iterator[Fleet]:
    """An API process and two workers, each with room for more sessions than there are to lend."""
    place = ServerPlace(postgres.uri, NAME)
    env = {
        "GRAPHSTEAD_DATABASE_URI": f"{pooler.uri('postgres')}?application_name={NAME}",
        "GRAPHSTEAD_DATABASE_DIRECT_URI": postgres.uri,
        "GRAPHSTEAD_SWEEP_S": str(POLL_S),
        "GRAPHSTEAD_LEASE_S": str(LEASE_S),
    }
    made = Fleet(tmp_path_factory.mktemp("pooled"), place, **env)
    made.api()
    for number in range(2):
        made.worker(number)
    yield made
    made.close()


def test_runs_stream_over_few_sessions(fleet: Fleet) -> None:
    url = f"{fleet.api().url}/runs/stream"

    def steps_of(steps: int) -> int:
        given = body(steps=steps, stream_mode="custom")
        with httpx.stream("POST", url, json=given, timeout=60) as stream:
            return sum(line == "event: custom" for line in stream.iter_lines())

    with ThreadPoolExecutor(CROWD) as pool:
        assert list(pool.map(steps_of, range(1, 2 * CROWD))) == list(range(1, 2 * CROWD))
    [(lent,)] = fleet.rows(LENT, NAME)
    assert 0 < lent <= SESSIONS


def test_a_bell_is_heard_long_before_the_poll(fleet: Fleet) -> None:
    def took_s() -> float:
        begun_s = time.monotonic()
        run = on_new_thread(fleet, body(steps=1))
        assert output_of(fleet, run)["count"] == 1
        return time.monotonic() - begun_s

    assert min(took_s() for _ in range(3)) < POLL_S / 5


def test_a_cron_makes_runs_and_their_webhooks_are_called(fleet: Fleet) -> None:
    with receiving() as receiver:
        cron = fleet.post(
            "/runs/crons", {**body(steps=1), "schedule": "* * * * * *", "webhook": receiver.url}
        )
        until_true(lambda: len(receiver.calls) > 1, 60)
        url = f"{fleet.api().url}/runs/crons/{cron['cron_id']}"
        httpx.delete(url, timeout=60).raise_for_status()


def test_runs_of_a_killed_worker_are_taken_over_long_before_its_lease_is_over(
    fleet: Fleet, tmp_path: Path
) -> None:
    gates = tmp_path / "gates"
    gates.mkdir()
    (gates / "step-1").touch()
    run = on_new_thread(fleet, body(gates, steps=2))
    fleet.by_pid(pid_at(gates, "step-2")).kill()
    killed_s = time.monotonic()
    pid_at(gates, "step-2", number=2)
    assert time.monotonic() - killed_s < LEASE_S / 4
    (gates / "all").touch()
    assert output_of(fleet, run)["trail"] == ["i:1", "i:2"]
    assert_ended_once(fleet, run, attempts=2)


def test_restarts_of_server_and_pooler_fail_no_request_and_lose_no_run(
    fleet: Fleet, postgres: OwnPostgres, pooler: Pooler
) -> None:
    over = threading.Event()
    acked: list[str] = []

    def ask() -> None:
        while not over.is_set():
            run = fleet.post("/runs", body(on_completion="keep", metadata={"batch": "restarts"}))
            acked.append(run["run_id"])

    def anew() -> None:
        postgres.crash()
        postgres.start()

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask) for _ in range(4)]
        try:
            for restart in (anew, pooler.restart):
                restart()
                known = len(acked)
                until_true(lambda known=known: len(acked) > known + 8, 60)  # type: ignore[misc]
        finally:
            over.set()
        for future in asking:
            future.result()
    kept = "select run_id from runs where metadata::jsonb ->> 'batch' = 'restarts'"
    assert sorted(fleet.rows(kept)) == sorted((run_id,) for run_id in acked)
    until_true(lambda: not fleet.rows(f"{kept} and status <> 'success'"), 60)

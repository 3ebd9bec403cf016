"""Connections to Postgres are cut, or are too few: no request fails, no run is lost or doubled."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from faults.fleet import Fleet
from faults.places import ServerPlace, place_of_kind
from faults.watching import body
from servers import until_true

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
CUTS = 12
CROWD = 60


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """One API process with as few connections as it can have, and one worker."""
    folder = tmp_path_factory.mktemp("connections")
    with place_of_kind("postgres", folder) as place:
        made = Fleet(folder, place, GRAPHSTEAD_DATABASE_CONNECTIONS="3")
        made.api()
        made.worker()
        yield made
        made.close()


def place_of(fleet: Fleet) -> ServerPlace:
    assert isinstance(fleet.place, ServerPlace)
    return fleet.place


def create(fleet: Fleet, batch: str) -> tuple[int, str]:
    """Ask for a run; return the status of the answer and the id of the run, or what was said."""
    sent = body(on_completion="keep", metadata={"batch": batch})
    answer = httpx.post(f"{fleet.apis[0].url}/runs", json=sent, timeout=60)
    told = answer.json()
    return answer.status_code, str(told["run_id"] if answer.is_success else told["detail"])


def ended_of(fleet: Fleet, batch: str) -> dict[str, str]:
    """Wait until the runs of a batch have ended; return how each did."""
    sql = "select run_id, status from runs where metadata::jsonb ->> 'batch' = ?"
    live = f"{sql} and status in ('pending', 'running')"
    until_true(lambda: fleet.rows(live, batch) == [], 60)
    return dict(fleet.rows(sql, batch))


def test_cut_connections_fail_no_request_and_lose_no_run(fleet: Fleet) -> None:
    over = threading.Event()

    def ask() -> list[tuple[int, str]]:
        found = []
        while not over.is_set():
            found.append(create(fleet, "cut"))
            time.sleep(0.02)
        return found

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask) for _ in range(4)]
        try:
            for _ in range(CUTS):
                time.sleep(0.25)
                until_true(lambda: place_of(fleet).cut() > 0)
        finally:
            over.set()
        answers = [one for future in asking for one in future.result()]
    assert Counter(status for status, _ in answers) == {200: len(answers)}
    assert ended_of(fleet, "cut") == dict.fromkeys([run_id for _, run_id in answers], "success")


def test_a_crowd_before_few_connections_is_served_late_and_not_refused(fleet: Fleet) -> None:
    with ThreadPoolExecutor(CROWD) as pool:
        answers = list(pool.map(lambda _: create(fleet, "crowd"), range(4 * CROWD)))
    assert Counter(status for status, _ in answers) == {200: 4 * CROWD}
    ended = ended_of(fleet, "crowd")
    assert ended == dict.fromkeys([run_id for _, run_id in answers], "success")
    assert fleet.get("/ok?check_db=1")["services"] == {"database": "healthy"}


def test_rows_that_are_held_for_long_are_told_as_503_and_nothing_is_half_done(
    fleet: Fleet, tmp_path: Path
) -> None:
    with ThreadPoolExecutor(8) as pool, fleet.place.writing_held_up():
        answers = list(pool.map(lambda _: create(fleet, "held"), range(2)))
    assert {status for status, _ in answers} == {503}, answers
    assert all("has held the rows for too long" in told for _, told in answers)
    status, run_id = create(fleet, "held")
    assert status == 200
    assert ended_of(fleet, "held") == {run_id: "success"}

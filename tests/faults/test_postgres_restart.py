"""Postgres is restarted under load, in each way: nothing acknowledged is lost or made twice."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from faults.conftest import PROJECT
from faults.crowd import STEPS, Crowd
from faults.places import OwnPostgres, own_postgres
from servers import Server, until_true

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
# `smart` alone would wait for our pools: it lets in nobody for a while, then `fast` ends it.
RESTARTS = ("immediate", "fast", "smart")


@pytest.fixture
def postgres() -> Iterator[OwnPostgres]:
    with own_postgres() as own:
        yield own


@contextmanager
def load(servers: list[Server], body: Any, acked: set[str], refused: list[int]) -> Iterator[None]:
    """Create runs as fast as they are acknowledged."""
    stop = threading.Event()

    def create(server: Server) -> None:
        with httpx.Client(base_url=server.url, timeout=60) as client:
            while not stop.is_set():
                answer = client.post("/runs", json=body)
                if answer.is_success:
                    acked.add(answer.json()["run_id"])
                else:
                    refused.append(answer.status_code)
                time.sleep(0.05)

    threads = [threading.Thread(target=create, args=(server,)) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def end(postgres: OwnPostgres, mode: str) -> None:
    if mode == "smart":
        postgres.begin_smart_stop()
        time.sleep(1)
    postgres.stop("fast" if mode == "smart" else mode)


def test_restarts_of_the_database_lose_nothing_and_repeat_nothing(
    postgres: OwnPostgres, tmp_path: Path
) -> None:
    env = {"GRAPHSTEAD_DATABASE_URI": postgres.uri}
    servers = [Server(tmp_path / f"d{n}", config=PROJECT, env=env).start() for n in range(2)]
    crowd = Crowd(servers[0].url, tmp_path / "marks")
    acked: set[str] = set()
    refused: list[int] = []
    with load(servers, crowd.body(on_completion="keep"), acked, refused):
        for mode in RESTARTS:
            known = len(acked)
            until_true(lambda known=known: len(acked) > known + 10)  # type: ignore[misc]
            end(postgres, mode)
            postgres.start()
    assert refused == []

    def statuses() -> Counter[str]:
        with psycopg.connect(postgres.uri) as connection:
            rows = connection.execute("select run_id, status from runs").fetchall()
        assert {run_id for run_id, _ in rows} == acked, "lost, or made twice"
        return Counter(status for _, status in rows)

    until_true(lambda: set(statuses()) == {"success"}, 60)
    marks = [line.split() for line in (tmp_path / "marks").read_text().splitlines()]
    ended = {(run_id, int(step)) for run_id, step, edge, _ in marks if edge == "end"}
    assert ended >= {(run_id, step) for run_id in acked for step in range(1, STEPS + 1)}
    for server in servers:
        assert server.stop() == 0, server.log

"""Runs delivered by Procrastinate: its jobs share our transactions and decide nothing."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from databases import PostgresPlace
from receivers import receiving
from servers import EXAMPLES, Server, until_true
from storage.rows import at, make_cron, make_delivery, make_run

from graphstead.storage.base import Tx
from graphstead.storage.postgres import PostgresStorage, open_postgres
from graphstead.storage.rows import Bell, Topic

READY = Bell("ready")


@pytest.fixture(scope="module")
def place() -> Iterator[PostgresPlace]:
    one = PostgresPlace()
    yield one
    with one.connect() as connection:
        connection.execute(f"drop schema {one.schema} cascade; create schema {one.schema}")
    one.leave()


@pytest.fixture
def api(place: PostgresPlace) -> Iterator[PostgresStorage]:
    opened = open_postgres(place.uri, writers=2, readers=1, procrastinate=True)
    yield opened
    opened.close()


@pytest.fixture
def worker(place: PostgresPlace) -> Iterator[PostgresStorage]:
    """A storage whose process fetches jobs."""
    opened = open_postgres(place.uri, writers=2, readers=1, procrastinate=True)
    opened.hold("w")
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def _emptied(place: PostgresPlace) -> Iterator[None]:
    yield
    with place.connect() as connection:
        connection.execute("delete from procrastinate_jobs; delete from runs")


def jobs(place: PostgresPlace, topic: str = "ready") -> list[bool]:
    """Return for each waiting job of a topic whether it is scheduled for later."""
    sql = "select scheduled_at is not null from procrastinate_jobs where queue_name = %s"
    with place.connect() as connection:
        found = connection.execute(f"{sql} and status = 'todo'", (topic,)).fetchall()
        return [bool(row[0]) for row in found]


def make_due(tx: Tx) -> None:
    tx.runs.insert(make_run())
    tx.ring("ready")


def take(storage: PostgresStorage, limit: int) -> int:
    now_ms = int(time.time() * 1000)
    return len(storage.write_blocking(lambda tx: tx.runs.take("w", now_ms, limit, at(1))))


def hear(storage: PostgresStorage, topic: Topic) -> threading.Event:
    """Return what is set once a job has rung this bell."""
    rang = threading.Event()
    storage.doorbells.call(Bell(topic), rang.set)
    return rang


# ---- due runs


def test_a_job_is_stored_with_the_runs_of_its_transaction_or_not_at_all(
    place: PostgresPlace, api: PostgresStorage
) -> None:
    def fail(tx: Tx) -> None:
        make_due(tx)
        raise ValueError

    with pytest.raises(ValueError):
        api.write_blocking(fail)
    assert jobs(place) == []

    def make_two(tx: Tx) -> None:
        make_due(tx)
        make_due(tx)

    api.write_blocking(make_two)
    assert jobs(place) == [False]


def test_who_looks_for_due_runs_answers_all_jobs_that_wait(
    place: PostgresPlace, api: PostgresStorage
) -> None:
    for _ in range(5):
        api.write_blocking(make_due)
    assert len(jobs(place)) == 5
    assert take(api, 3) == 3
    assert jobs(place) == [False], "two runs are left"
    assert take(api, 3) == 2
    assert jobs(place) == []


def test_a_job_for_a_later_run_waits_until_then(place: PostgresPlace, api: PostgresStorage) -> None:
    later_ms = int(time.time() * 1000) + 60_000
    api.write_blocking(lambda tx: tx.runs.insert(make_run(start_ms=later_ms)))
    api.write_blocking(lambda tx: tx.runs.insert(make_run(blocked=True)))
    assert jobs(place) == [True]
    assert take(api, 3) == 0
    assert jobs(place) == [True]


async def test_workers_fetch_the_jobs_and_hear_the_bell(
    place: PostgresPlace, api: PostgresStorage, worker: PostgresStorage
) -> None:
    listener = worker.doorbells.listen(READY)
    for _ in range(3):
        await api.write(make_due)
        assert await listener.wait(60)
        assert await asyncio.to_thread(take, worker, 9) == 1
    await asyncio.to_thread(until_true, lambda: jobs(place) == [])


async def test_a_worker_without_room_passes_the_job_on(
    place: PostgresPlace, api: PostgresStorage, worker: PostgresStorage
) -> None:
    listener = worker.doorbells.listen(READY)
    await api.write(make_due)
    for _ in range(3):
        assert await listener.wait(60), "nobody looks, so it comes again"
    assert take(worker, 9) == 1


# ---- crons, webhook calls and sweeps


def test_each_date_of_a_cron_is_a_job(place: PostgresPlace, api: PostgresStorage) -> None:
    later_ms = int(time.time() * 1000) + 60_000
    row = make_cron(next_run_ms=1)
    api.write_blocking(lambda tx: tx.crons.insert(row))
    assert jobs(place, "crons") == [False]
    api.write_blocking(lambda tx: tx.crons.move(row.cron_id, later_ms))
    assert sorted(jobs(place, "crons")) == [False, True]
    api.write_blocking(lambda tx: tx.crons.move(row.cron_id, None))
    assert len(jobs(place, "crons")) == 2


def test_each_try_of_a_webhook_call_is_a_job(place: PostgresPlace, api: PostgresStorage) -> None:
    now_ms = int(time.time() * 1000)
    row = make_delivery(next_try_ms=now_ms)
    api.write_blocking(lambda tx: tx.deliveries.add(row))
    assert jobs(place, "deliveries") == [False]
    api.write_blocking(lambda tx: tx.deliveries.take(now_ms, now_ms + 90_000, 1))
    assert sorted(jobs(place, "deliveries")) == [False, True], "its lease is one, too"
    api.write_blocking(lambda tx: tx.deliveries.put_off(row.run_id, now_ms + 60_000, "why"))
    assert sorted(jobs(place, "deliveries")) == [False, True, True]


def test_jobs_ring_for_crons_and_webhook_calls(
    api: PostgresStorage, worker: PostgresStorage
) -> None:
    crons, deliveries = hear(worker, "crons"), hear(worker, "deliveries")
    soon_ms = int(time.time() * 1000) + 300
    api.write_blocking(lambda tx: tx.crons.insert(make_cron(next_run_ms=soon_ms)))
    api.write_blocking(lambda tx: tx.deliveries.add(make_delivery(next_try_ms=soon_ms)))
    assert crons.wait(60) and deliveries.wait(60)


def test_a_sweep_is_rung_for_again_and_again(worker: PostgresStorage) -> None:
    sweep = hear(worker, "sweep")
    assert worker.doorbells.prompts
    for _ in range(2):
        assert sweep.wait(60)
        sweep.clear()


def test_a_server_lives_by_jobs_where_its_polls_are_rare(
    place: PostgresPlace, make_server: Callable[..., Server], tmp_path: Path
) -> None:
    """Polls of two and twenty minutes would miss a cron, its webhook and an expired thread."""
    config = tmp_path / "project" / "langgraph.json"
    config.parent.mkdir()
    graph = EXAMPLES.parent / "graphs" / "echo.py"
    urls = {"disable_loopback": False, "require_https": False}
    project = {"graphs": {"echo": f"{graph}:graph"}, "webhooks": {"url": urls}}
    config.write_text(json.dumps({"dependencies": ["."], **project}))
    env = {
        "GRAPHSTEAD_DATABASE_URI": place.uri,
        "GRAPHSTEAD_DATABASE_CONNECTIONS": "7",
        "GRAPHSTEAD_DISPATCH": "procrastinate",
        "GRAPHSTEAD_CRON_POLL_S": "120",
        "GRAPHSTEAD_SWEEP_S": "120",
    }
    server = make_server(config=config, env=env)
    with receiving() as receiver:
        body = {"assistant_id": "echo", "input": {"message": "hi"}, "schedule": "* * * * * *"}
        server.post("/runs/crons", {**body, "webhook": receiver.url})
        until_true(lambda: len(receiver.calls) > 1, 60)
    ttl = {"strategy": "delete", "ttl": 0.001}
    thread_id = server.post("/threads", {"ttl": ttl}).json()["thread_id"]
    until_true(lambda: server.get(f"/threads/{thread_id}").status_code == 404, 60)

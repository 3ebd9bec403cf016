"""Runs delivered by Procrastinate: its jobs share our transactions and decide nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from databases import PostgresPlace
from storage.rows import make_run

from graphstead.storage.base import Tx
from graphstead.storage.postgres import PostgresStorage, open_postgres
from graphstead.storage.rows import Bell

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


def jobs(place: PostgresPlace) -> int:
    with place.connect() as connection:
        row = connection.execute("select count(*) from procrastinate_jobs").fetchone()
        assert row is not None
        return int(row[0])


def make_due(tx: Tx) -> None:
    tx.runs.insert(make_run())
    tx.ring("ready")


def test_a_job_is_stored_with_its_run_or_not_at_all(
    place: PostgresPlace, api: PostgresStorage
) -> None:
    def fail(tx: Tx) -> None:
        make_due(tx)
        raise ValueError

    with pytest.raises(ValueError):
        api.write_blocking(fail)
    assert jobs(place) == 0

    def make_two(tx: Tx) -> None:
        make_due(tx)
        make_due(tx)

    api.write_blocking(make_two)
    assert jobs(place) == 2


async def test_workers_fetch_the_jobs_and_hear_the_bell(
    place: PostgresPlace, api: PostgresStorage
) -> None:
    worker = open_postgres(place.uri, writers=2, readers=1, procrastinate=True)
    listener = worker.doorbells.listen(READY)
    await asyncio.to_thread(worker.hold, "w")
    for _ in range(3):
        await api.write(make_due)
        assert await listener.wait(10)
    for _ in range(100):
        if jobs(place) == 0:
            break
        await asyncio.sleep(0.05)
    assert jobs(place) == 0
    await asyncio.to_thread(worker.close)

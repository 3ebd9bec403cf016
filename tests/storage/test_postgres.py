"""What is Postgres's own: opening, lost connections, rivals, liveness, text, indexes."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from databases import PostgresPlace
from servers import until_true
from storage.rows import make_run, make_thread

from graphstead.storage.base import Tx
from graphstead.storage.errors import (
    ConstraintViolated,
    DatabaseUnreachable,
    ForeignDatabase,
    SchemaTooNew,
    StorageError,
)
from graphstead.storage.postgres import PostgresStorage, open_postgres
from graphstead.storage.postgres.adapting import escaped, unescaped
from graphstead.storage.postgres.opening import schema_state
from graphstead.storage.postgres.statements import DIALECT, bound
from graphstead.storage.rows import Bell, ReplayRow, WorkerRow


@pytest.fixture
def place() -> Iterator[PostgresPlace]:
    one = PostgresPlace()
    yield one
    one.leave()


@pytest.fixture
def storage(place: PostgresPlace) -> Iterator[PostgresStorage]:
    opened = open_postgres(place.uri)
    yield opened
    opened.close()


def execute(place: PostgresPlace, sql: str) -> list[tuple[object, ...]]:
    with place.connect() as connection:
        cursor = connection.execute(sql)
        return cursor.fetchall() if cursor.description else []


# ---- opening


def test_processes_that_open_a_new_database_at_once_make_its_schema_once() -> None:
    place = PostgresPlace()
    execute(place, f"drop schema {place.schema} cascade; create schema {place.schema}")
    with ThreadPoolExecutor(4) as pool:
        for opened in list(pool.map(lambda _: open_postgres(place.uri), range(4))):
            opened.close()
    state = schema_state(place.uri)
    assert state.version == state.newest
    assert execute(place, "select version from schema_version") == [
        (n,) for n in range(1, state.newest + 1)
    ]
    place.leave()


def test_a_schema_from_the_future_is_refused(place: PostgresPlace) -> None:
    open_postgres(place.uri).close()
    execute(place, "insert into schema_version values (9999, 9999, 'then')")
    try:
        with pytest.raises(SchemaTooNew, match=r"schema is version 9999, .* start a newer"):
            open_postgres(place.uri)
        execute(place, "update schema_version set compat_version = 1 where version = 9999")
        open_postgres(place.uri).close()
    finally:
        execute(place, "delete from schema_version where version = 9999")


def test_the_tables_of_another_application_are_left_alone() -> None:
    place = PostgresPlace()
    execute(place, f"drop schema {place.schema} cascade; create schema {place.schema}")
    execute(place, "create table runs (id int)")
    with pytest.raises(ForeignDatabase, match="another application"):
        open_postgres(place.uri)
    assert execute(place, "select count(*) from runs") == [(0,)]
    execute(place, "drop table runs")
    open_postgres(place.uri).close()
    place.leave()


def test_a_server_that_is_not_there_is_told_without_its_password() -> None:
    with pytest.raises(DatabaseUnreachable) as refused:
        open_postgres("postgresql://me:secret@127.0.0.1:1/db")
    assert "postgresql://127.0.0.1:1/db" in str(refused.value)
    assert "secret" not in str(refused.value)


# ---- rivals and lost connections


def test_works_that_wait_for_each_other_both_succeed(storage: PostgresStorage) -> None:
    rows = [make_thread(thread_id=thread_id) for thread_id in "ab"]
    for row in rows:
        storage.write_blocking(lambda tx, row=row: tx.threads.insert(row))  # type: ignore[misc]
    both = threading.Barrier(2)

    def cross(first: str, second: str) -> int:
        tries = 0

        def work(tx: Tx) -> int:
            nonlocal tries
            tries += 1
            tx.threads.lock(first)
            if tries == 1:
                both.wait(10)
            tx.threads.lock(second)
            return tries

        return storage.write_blocking(work)

    with ThreadPoolExecutor(2) as pool:
        tries = sorted(pool.map(cross, "ab", "ba"))
    assert tries == [1, 2]


def test_a_work_whose_key_was_taken_meanwhile_looks_again(storage: PostgresStorage) -> None:
    row = ReplayRow("scope", "key", "print", b"answer", 1)
    both = threading.Barrier(2)

    def keep(tries: list[int]) -> ReplayRow | None:
        def work(tx: Tx) -> ReplayRow | None:
            seen = tx.replays.get("scope", "key")
            tries.append(1)
            if len(tries) == 1:
                both.wait(10)
            if seen is None:
                tx.replays.keep(row)
            return seen

        return storage.write_blocking(work)

    with ThreadPoolExecutor(2) as pool:
        seen = list(pool.map(keep, [[], []]))
    assert sorted(seen, key=bool) == [None, row]


def test_what_contradicts_for_good_is_told(storage: PostgresStorage) -> None:
    row = make_run()
    storage.write_blocking(lambda tx: tx.runs.insert(row))
    with pytest.raises(ConstraintViolated):
        storage.write_blocking(lambda tx: tx.runs.insert(row))


async def test_connections_that_are_cut_cost_no_work_and_are_made_anew(
    place: PostgresPlace, storage: PostgresStorage
) -> None:
    other = open_postgres(place.uri)
    listener = storage.doorbells.listen(Bell("ready"))
    rows = [make_run() for _ in range(20)]
    for row in rows:
        cut(place)
        await storage.write(lambda tx, row=row: tx.runs.insert(row))  # type: ignore[misc]
    assert await storage.read(lambda tx: tx.runs.counts()) == (20, 0)
    async with asyncio.timeout(15):
        while not await listener.wait(0.2):
            await other.write(lambda tx: tx.ring("ready"))
    await asyncio.to_thread(other.close)


def cut(place: PostgresPlace) -> None:
    """End every session of graphstead in this schema."""
    execute(
        place,
        "select pg_terminate_backend(pid) from pg_stat_activity"
        f" where application_name = '{place.schema}' and pid <> pg_backend_pid()",
    )


# ---- liveness


def worker(worker_id: str = "w", pid: int | None = None, host: str | None = None) -> WorkerRow:
    return WorkerRow(worker_id, host or socket.gethostname(), pid or os.getpid(), 0)


def test_a_worker_lives_as_long_as_its_session(place: PostgresPlace) -> None:
    one, two = open_postgres(place.uri), open_postgres(place.uri)
    one.hold("w")
    one.hold("w")
    assert one.is_alive(worker()) and two.is_alive(worker())
    with pytest.raises(StorageError, match="already is worker w"):
        two.hold("w")
    one.close()
    until_true(lambda: not two.is_alive(worker()), 10)
    assert two.is_alive(worker()) is None, "its process is there: the lease decides"
    assert two.is_alive(worker(pid=2**22 - 3)) is False
    assert two.is_alive(worker(host="elsewhere")) is None
    two.hold("w")
    two.close()


def test_a_worker_takes_its_lock_again_after_its_session_was_cut(
    place: PostgresPlace, storage: PostgresStorage
) -> None:
    other = open_postgres(place.uri)
    storage.hold("w")
    cut(place)
    until_true(lambda: bool(other.is_alive(worker())), 10)
    other.close()


# ---- text


@pytest.mark.parametrize("text", ["\0", "a\0b", "\uffff", "\uffff0", "\0\uffff\0", "", "plain"])
def test_text_that_postgres_refuses_comes_back_as_it_was(
    storage: PostgresStorage, text: str
) -> None:
    assert unescaped(escaped(text)) == text
    row = make_thread(thread_id=f"t{text}", metadata={text: text}, values={"v": [text]})
    storage.write_blocking(lambda tx: tx.threads.insert(row))
    assert storage.read_blocking(lambda tx: tx.threads.get(row.thread_id)) == row


def test_numbers_and_the_order_of_keys_come_back_as_they_were(storage: PostgresStorage) -> None:
    row = make_thread(metadata={"z": 1.0, "a": 1e300, "m": 2**63, "b": 1})
    storage.write_blocking(lambda tx: tx.threads.insert(row))
    found = storage.read_blocking(lambda tx: tx.threads.get(row.thread_id))
    assert found is not None and list(found.metadata) == ["z", "a", "m", "b"]
    assert repr(found.metadata) == repr(row.metadata)


# ---- indexes

ROWS = """
insert into threads (thread_id, status, metadata, config, created_at, updated_at, state_updated_at,
    interrupts)
select n, 'idle', json_build_object('graph_id', 'g' || n % 10, 'user', n), '{}', n, n, n, '{}'
from generate_series(1, 20000) as n;
insert into runs (run_id, thread_id, assistant_id, status, metadata, kwargs, multitask_strategy,
    created_at, updated_at, start_ms, blocked, temporary, gen, attempt)
select n, n, 'a', 'success', '{}', '{}', 'enqueue', n, n, n, 0, 0, 1, 1
from generate_series(1, 20000) as n;
insert into checkpoints (thread_id, checkpoint_ns, checkpoint_id, run_id, type, checkpoint,
    metadata)
select n, '', n, n, 't', '', '{}' from generate_series(1, 20000) as n;
insert into events select n, 1, 1, 'e', '' from generate_series(1, 20000) as n;
insert into ends select n, n, 'success', n, '' from generate_series(1, 20000) as n;
analyze threads; analyze runs; analyze checkpoints; analyze events; analyze ends;
"""
VALUES = {"now_ms": 5, "limit": 10, "offset": 0, "seq": 0, "from_ms": 0, "gen": 1,
          "ended_before_ms": 5, "before": "5", "thread_ids": '["1"]'}  # fmt: skip
COMPOSED = DIALECT.composed
BUSY = {
    "runs.claimable": "runs_claimable",
    "runs.next_start_ms": "runs_claimable",
    "runs.running": "runs_one_running",
    "runs.has_active": "runs_active",
    "runs.must_wait": "runs_active",
    "runs.next_blocked": "runs_active",
    "runs.list": "runs_of_thread",
    "runs.of_worker": "runs_",
    "runs.orphans": "runs_",
    "runs.counts": "runs_active",
    "runs.by_active_status": "runs_active",
    "events.after": "events_pkey",
    "events.purgeable": "ends_by_time",
    "events.ends_of": "ends_of_thread",
    "threads.get": "threads_pkey",
    "threads.expired": "threads_by_expiry",
    "threads.with_history": "threads_with_history",
    "checkpoints.newest": "checkpoints_pkey",
    "checkpoints.namespaces_of_run": "checkpoints_of_run",
}


@pytest.fixture(scope="module")
def full() -> Iterator[psycopg.Connection[object]]:
    place = PostgresPlace()
    open_postgres(place.uri).close()
    with place.connect() as connection:
        connection.execute(ROWS)
        yield connection
    place.leave()


def plan(connection: psycopg.Connection[object], sql: str, **values: object) -> str:
    names = dict.fromkeys(re.findall(r":([a-z_]+)", sql), "7")
    query = f"explain {bound(sql, holds=True)!s}"
    rows = connection.execute(query, names | VALUES | values).fetchall()
    return "\n".join(str(row[0]) for row in rows)  # type: ignore[index]


@pytest.mark.parametrize(("name", "index"), BUSY.items())
def test_the_busiest_queries_use_the_index_made_for_them(
    full: psycopg.Connection[object], name: str, index: str
) -> None:
    steps = plan(full, DIALECT.queries[name].sql)
    assert index in steps and "Seq Scan" not in steps, steps


@pytest.mark.parametrize(
    ("conditions", "index", "values"),
    [
        ((), "threads_by_updated", {}),
        (("graph_id", "labels"), "threads_by_graph", {"labels": '{"graph_id": "g3"}'}),
        (("metadata",), "threads_by_metadata", {"metadata": '{"user": 77}'}),
        (("status",), "threads_by_", {"status": "busy"}),
    ],
)
def test_searches_of_threads_use_an_index(
    full: psycopg.Connection[object],
    conditions: tuple[str, ...],
    index: str,
    values: dict[str, str],
) -> None:
    names = tuple(f"threads.where_{part}" for part in conditions)
    sql = COMPOSED("threads.search", names, "threads.order_updated_at", "desc")
    steps = plan(full, sql, graph_id="g3", **values)
    assert index in steps and "Seq Scan" not in steps, steps

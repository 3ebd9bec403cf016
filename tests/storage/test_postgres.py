"""What is Postgres's own: opening, lost connections, rivals, liveness, text, indexes."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from databases import PostgresPlace
from servers import until_true
from storage.rows import make_run, make_thread

from graphstead.engine import transitions
from graphstead.engine.clock import SystemClock
from graphstead.engine.transitions import Outcome, ThreadOutcome
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
from graphstead.storage.postgres.tx import PostgresTx
from graphstead.storage.rows import Bell, ReplayRow, RunRow, WorkerRow


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


def test_a_migration_lets_no_older_program_in_that_an_earlier_one_kept_out() -> None:
    place = PostgresPlace()
    execute(place, f"drop schema {place.schema} cascade; create schema {place.schema}")
    open_postgres(place.uri).close()
    newest = schema_state(place.uri).newest
    # As a database is that was encrypted before its newest migration came.
    execute(place, f"delete from schema_version where version = {newest}")
    execute(place, "drop table replaced_writes")
    encrypted = "update schema_version set compat_version = 4 where version = (select max(version)"
    execute(place, f"{encrypted} from schema_version)")
    open_postgres(place.uri).close()
    assert schema_state(place.uri) == (newest, 4, newest)
    execute(place, f"drop schema {place.schema} cascade; create schema {place.schema}")
    open_postgres(place.uri).close()
    place.leave()


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
    both, begun = threading.Barrier(2), threading.Event()

    def cross(first: str, second: str) -> int:
        tries = 0

        def work(tx: Tx) -> int:
            nonlocal tries
            tries += 1
            tx.threads.lock(first)
            begun.set()
            if tries == 1:
                both.wait(20)
            tx.threads.lock(second)
            return tries

        return storage.write_blocking(work)

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(cross, "a", "b")
        assert begun.wait(20)  # on a connection of its own: what waits together shares one
        other = pool.submit(cross, "b", "a")
    assert sorted([one.result(), other.result()]) == [1, 2]


def test_a_work_whose_key_was_taken_meanwhile_looks_again(storage: PostgresStorage) -> None:
    row = ReplayRow("scope", "key", "print", b"answer", 1)
    both, begun = threading.Barrier(2), threading.Event()

    def keep(tries: list[int]) -> ReplayRow | None:
        def work(tx: Tx) -> ReplayRow | None:
            seen = tx.replays.get("scope", "key")
            tries.append(1)
            begun.set()
            if len(tries) == 1:
                both.wait(20)
            if seen is None:
                tx.replays.keep(row)
            return seen

        return storage.write_blocking(work)

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(keep, [])
        assert begun.wait(20)  # on a connection of its own: what waits together shares one
        other = pool.submit(keep, [])
    assert sorted([one.result(), other.result()], key=bool) == [None, row]


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
    async with asyncio.timeout(60):
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


# ---- several writes in one transaction


@pytest.fixture
def narrow(place: PostgresPlace) -> Iterator[PostgresStorage]:
    """A storage with one connection to write, so that what comes meanwhile waits together."""
    opened = open_postgres(place.uri, writers=1, readers=1)
    yield opened
    opened.close()


def together(storage: PostgresStorage, *works: Callable[[Tx], object]) -> list[object]:
    """Return what works give, or raise, that all wait while another one holds the connection."""
    begun, go = threading.Event(), threading.Event()

    def hold(tx: Tx) -> None:
        begun.set()
        assert go.wait(20)

    async def wait_together() -> list[object]:
        first = asyncio.create_task(storage.write(hold))
        await asyncio.to_thread(begun.wait)
        waiting = [asyncio.create_task(storage.write(work)) for work in works]
        await asyncio.sleep(0)
        go.set()
        await first
        return await asyncio.gather(*waiting, return_exceptions=True)

    return asyncio.run(wait_together())


def inserting(row: RunRow) -> Callable[[Tx], object]:
    def insert(tx: Tx) -> object:
        assert isinstance(tx, PostgresTx)
        tx.runs.insert(row)
        return tx.sql.rows_of("select cast(pg_current_xact_id() as text)", {})[0][0]

    return insert


def refuse(tx: Tx) -> None:
    tx.runs.counts()
    raise LookupError


def test_writes_that_wait_together_share_a_transaction(narrow: PostgresStorage) -> None:
    one, refused, two = together(narrow, inserting(make_run()), refuse, inserting(make_run()))
    assert one == two and isinstance(refused, LookupError)
    assert narrow.read_blocking(lambda tx: tx.runs.counts()) == (2, 0)


def test_a_write_that_fails_takes_none_of_the_others_with_it(narrow: PostgresStorage) -> None:
    row, lost = make_run(), make_run()

    def fail(tx: Tx) -> None:
        tx.runs.insert(lost)
        raise LookupError

    one, failed, again, two = together(
        narrow, inserting(row), fail, inserting(row), inserting(make_run())
    )
    assert isinstance(failed, LookupError) and isinstance(again, ConstraintViolated)
    assert isinstance(one, str) and isinstance(two, str) and one != two
    assert narrow.read_blocking(lambda tx: tx.runs.counts()) == (2, 0)


def test_writes_that_wait_for_rows_of_others_let_the_rest_go(
    place: PostgresPlace, narrow: PostgresStorage
) -> None:
    row = make_thread()
    narrow.write_blocking(lambda tx: tx.threads.insert(row))
    with place.connect() as connection:
        connection.execute("begin")
        connection.execute("select 1 from threads for update")
        ending = threading.Timer(0.5, lambda: connection.execute("rollback"))
        ending.start()
        held, one = together(
            narrow, lambda tx: tx.threads.hold(row.thread_id), inserting(make_run())
        )
        ending.join()
    assert held is True and isinstance(one, str)


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
    seen: list[bool | None] = []

    def is_free() -> bool:
        seen.append(two.is_alive(worker()))
        return seen[-1] is not True

    until_true(is_free)
    assert seen[-1] is None, "its process is there: the lease decides"
    assert two.is_alive(worker(pid=2**22 + 3)) is False, "above all that there are"
    assert two.is_alive(worker(host="elsewhere")) is None
    two.hold("w")
    two.close()


def test_a_worker_takes_its_lock_again_after_its_session_was_cut(
    place: PostgresPlace, storage: PostgresStorage
) -> None:
    other = open_postgres(place.uri)
    storage.hold("w")
    cut(place)
    until_true(lambda: bool(other.is_alive(worker())))
    other.close()


# ---- decisions about runs


def test_the_next_run_goes_though_somebody_changes_it_in_that_moment(
    place: PostgresPlace, storage: PostgresStorage
) -> None:
    """In a full table, whose plans are others; once it stayed blocked for ever."""
    execute(place, ROWS)
    thread = make_thread(status="busy")
    first = make_run(thread_id=thread.thread_id, status="running", gen=1)
    following = make_run(thread_id=thread.thread_id, blocked=True)
    rows = (first, following)
    storage.write_blocking(lambda tx: (tx.threads.insert(thread), *map(tx.runs.insert, rows)))
    good = Outcome("success", b"{}", ThreadOutcome("idle", {}, None, {}))
    ending = "select 1 from pg_stat_activity where query like '%following%' and wait_event_type ="
    ending += " 'Lock' and pid <> pg_backend_pid()"
    clock = SystemClock()
    with ThreadPoolExecutor(1) as pool, place.connect() as rival:
        with rival.transaction():
            rival.execute("update runs set start_ms = 5 where run_id = %s", [following.run_id])
            ended = pool.submit(
                storage.write_blocking, lambda tx: transitions.finish(tx, first, good, [], clock)
            )
            until_true(lambda: bool(execute(place, ending)), 30)
        ended.result(30)
    found = storage.read_blocking(lambda tx: tx.runs.get(following.run_id))
    assert found is not None and (found.blocked, found.start_ms) == (False, 5)


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
          "ended_before_ms": 5, "before": "5", "thread_ids": '["1"]',
          "octets": b"7", "octets_now": b"7"}  # fmt: skip
COMPOSED = DIALECT.composed
BUSY = {
    "runs.claimable": "runs_claimable",
    "runs.take": "runs_claimable",
    "runs.next_start_ms": "runs_claimable",
    "runs.owned": "runs_pkey",
    "runs.hold_owned": "runs_pkey",
    "runs.release_next": "runs_active",
    "runs.running": "runs_one_running",
    "runs.has_active": "runs_active",
    "runs.must_wait": "runs_active",
    "runs.next_blocked": "runs_active",
    "runs.list": "runs_of_thread",
    "runs.of_worker": "runs_",
    "runs.orphans": "runs_",
    "runs.counts": "runs_active",
    "runs.by_active_status": "runs_active",
    "runs.unstopped": "runs_live_of_assistant",
    "events.after": "events_pkey",
    "events.purgeable": "ends_by_time",
    "events.ends_of": "ends_of_thread",
    "threads.get": "threads_pkey",
    "threads.show": "threads_pkey",
    "threads.settle": "runs_active",
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


# Walks the table until its limit, as it says.
WALKS = {"runs.by_status"}
WHOLE = [
    name
    for name, query in DIALECT.queries.items()
    if re.match(r"(select|with|update|delete)\b", query.sql)
    and not re.search(r"\{|thread_(values|labels|counts)", query.sql)  # parts, and SQLite's own
]


@pytest.mark.parametrize("name", sorted(set(WHOLE) - WALKS))
def test_no_query_reads_a_whole_table_that_grows(
    full: psycopg.Connection[object], name: str
) -> None:
    steps = plan(full, DIALECT.queries[name].sql, keeps_values=0, pairs="[]", statuses='["error"]')
    walked = re.findall(r"Seq Scan on (\w+)", steps)
    assert not {"threads", "runs", "events", "ends", "checkpoints"} & set(walked), steps


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

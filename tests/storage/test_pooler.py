"""Over a pooler that lends sessions by transaction: limits hold, and what stays goes beside it."""

from __future__ import annotations

import logging
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from databases import SERVER
from faults.places import OwnPostgres
from poolers import PooledDatabase, Pooler, shared_database, shared_pooler
from servers import until_true
from storage.rows import make_cron, make_run

from graphstead.doctor.database import database as findings
from graphstead.settings import read_settings
from graphstead.storage.base import Tx
from graphstead.storage.errors import DatabaseRefused, DatabaseUnreachable
from graphstead.storage.postgres import PostgresStorage, open_postgres
from graphstead.storage.postgres.beginning import LentSessions
from graphstead.storage.postgres.doubt import server_of
from graphstead.storage.postgres.tx import PostgresTx
from graphstead.storage.rows import Bell

NAMES = ("lock_timeout", "idle_in_transaction_session_timeout")
LIMITS = "select " + ", ".join(f"current_setting('{name}')" for name in NAMES)
LOCKS = """
select count(*) from pg_locks
where locktype = 'advisory' and database = (
    select oid from pg_database where datname = current_database()
)
"""
LISTENER = """
select 1 from pg_stat_activity
where datname = current_database() and application_name = 'graphstead delivery'
    and query ilike 'listen %procrastinate%'
"""
PREPARED = "select count(*) from pg_prepared_statements"


@pytest.fixture
def database() -> Iterator[PooledDatabase]:
    one = shared_database()
    yield one
    one.leave()


def opened(database: PooledDatabase, *, procrastinate: bool = False) -> PostgresStorage:
    return open_postgres(
        database.uri,
        direct_uri=database.direct_uri,
        writers=1,
        readers=1,
        procrastinate=procrastinate,
    )


@pytest.fixture
def storage(database: PooledDatabase) -> Iterator[PostgresStorage]:
    one = opened(database)
    yield one
    one.close()


def asked(storage: PostgresStorage, sql: str, *, writing: bool) -> tuple[object, ...]:
    def ask(tx: Tx) -> tuple[object, ...]:
        assert isinstance(tx, PostgresTx)
        return tuple(tx.sql.rows_of(sql, {})[0])

    return storage.write_blocking(ask) if writing else storage.read_blocking(ask)


@pytest.mark.parametrize("writing", [True, False])
def test_limits_hold_for_each_transaction_and_stay_with_it(
    database: PooledDatabase, storage: PostgresStorage, writing: bool
) -> None:
    assert asked(storage, LIMITS, writing=writing) == ("10s", "1min")
    with psycopg.connect(database.uri, prepare_threshold=None) as others:
        assert others.execute(LIMITS).fetchone() == ("0", "0")


def test_nothing_is_prepared_on_a_session_that_is_lent(storage: PostgresStorage) -> None:
    for _ in range(12):
        asked(storage, PREPARED, writing=False)
        storage.write_blocking(lambda tx: tx.runs.insert(make_run()))
    assert asked(storage, PREPARED, writing=True) == (0,)


def test_bells_and_liveness_do_not_go_over_the_pooler(database: PooledDatabase) -> None:
    one, other = (opened(database) for _ in range(2))
    heard = threading.Event()
    other.doorbells.call(Bell("ready"), heard.set)
    one.hold("w")
    one.doorbells.ring(Bell("ready"))
    assert heard.wait(60)
    with database.connect() as connection:
        # The sessions of a test before may be a moment behind in giving theirs back.
        until_true(lambda: connection.execute(LOCKS).fetchone() == (1,))
        one.close()
        # The session of a pooler would have outlived its client, and the lock with it.
        until_true(lambda: connection.execute(LOCKS).fetchone() == (0,))
    other.close()


def test_a_session_that_goes_over_a_pooler_says_what_to_set(
    database: PooledDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "graphstead.storage"):
        open_postgres(database.uri, writers=1, readers=1).close()
    assert "DATABASE_DIRECT_URI" in caplog.text


def test_addresses_of_different_places_are_refused(database: PooledDatabase) -> None:
    with pytest.raises(DatabaseRefused, match=f"leads to database postgres, .* {database.name}"):
        open_postgres(shared_pooler().uri("postgres"), direct_uri=database.direct_uri)
    schemas = f"{database.direct_uri}?options=-csearch_path%3Dpg_catalog"
    with pytest.raises(DatabaseRefused):
        open_postgres(database.uri, direct_uri=schemas)
    nobody = "postgresql://me:secret@127.0.0.1:1/db"
    with pytest.raises(DatabaseUnreachable, match=r"postgresql://127\.0\.0\.1:1/db"):
        open_postgres(nobody, direct_uri=database.direct_uri)


def test_a_transaction_names_the_server_that_carries_it_after_a_restart() -> None:
    # Not below pytest's folder, where the server's user may not go.
    with tempfile.TemporaryDirectory() as folder:
        own = OwnPostgres(Path(folder))
        pooler = Pooler(own.uri)
        with psycopg.connect(pooler.uri("postgres"), autocommit=True) as lent:
            told = []
            for _ in range(2):
                with psycopg.connect(own.uri, autocommit=True) as direct:
                    told.append((LentSessions().begin_writing(lent).server, server_of(direct)))
                lent.execute("rollback")
                own.crash()
                own.start()
        assert [named for named, _ in told] == [server for _, server in told]
        assert told[0] != told[1], "the client of the pooler kept its connection"
        pooler.close()
        own.close()


def test_procrastinate_hears_beside_the_pooler(database: PooledDatabase) -> None:
    api, worker = (opened(database, procrastinate=True) for _ in range(2))
    worker.hold("w")
    rang = threading.Event()
    worker.doorbells.call(Bell("crons"), rang.set)
    with database.connect() as connection:
        until_true(lambda: connection.execute(LISTENER).fetchone() == (1,))
    api.write_blocking(lambda tx: tx.crons.insert(make_cron(next_run_ms=1)))
    assert rang.wait(60)
    worker.close()
    api.close()


def test_doctor_tells_what_goes_over_a_pooler(database: PooledDatabase) -> None:
    def told(uri: str, direct_uri: str | None) -> tuple[str, str] | None:
        settings = read_settings(database_uri=uri, database_direct_uri=direct_uri)
        found = [one for one in findings(settings, full=False) if one.check == "pooler"]
        return (found[0].level, found[0].cure) if found else None

    lead = "let DATABASE_URI and DATABASE_DIRECT_URI lead to one database and schema"
    assert told(database.uri, database.direct_uri) == ("ok", "")
    assert told(database.uri, None) == ("warn", "name the server itself in DATABASE_DIRECT_URI")
    assert told(database.uri, SERVER) == ("fail", lead)
    assert told(database.direct_uri, None) is None
    without = told("sqlite:///nothing.db", SERVER)
    assert without == ("warn", "unset it, or name a pooler in DATABASE_URI")

"""Opens the database: refuses what is not ours, migrates what is older.

Processes of two releases may share a database while one replaces the other: a migration says in
`compat` the oldest schema version whose programs can still work with what it leaves. One that
breaks them comes a release after the one that no longer needs what it takes away.
"""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import psycopg

from graphstead.storage.errors import (
    DatabaseRefused,
    DatabaseUnreachable,
    ForeignDatabase,
    SchemaTooNew,
)
from graphstead.storage.migrating import Migration, SchemaState, migrations
from graphstead.storage.postgres.addresses import connect, first_line, place_of
from graphstead.storage.postgres.vectors import compare_by_extension

__all__ = ["prepare", "schema_state"]

OLDEST_SERVER = 140_000
ONE_AT_A_TIME = """
select pg_advisory_xact_lock(hashtextextended('graphstead schema ' || current_schema(), 0))
"""


def prepare(uri: str) -> None:
    """Bring the schema up to date, one process at a time.

    Raises DatabaseUnreachable, ForeignDatabase, SchemaTooNew or DatabaseRefused.
    """
    place = place_of(uri)
    try:
        with connect(uri) as connection:
            _check_server(connection, place)
            with connection.transaction():
                _migrate(connection, place)
                compare_by_extension(connection)
    except psycopg.OperationalError as fault:
        raise DatabaseUnreachable(place, first_line(fault)) from fault
    except psycopg.errors.DuplicateObject as fault:
        raise ForeignDatabase(place, f"another application is there ({fault})") from fault
    except psycopg.errors.DuplicateTable as fault:
        raise ForeignDatabase(place, f"another application is there ({fault})") from fault
    except psycopg.Error as fault:
        raise DatabaseRefused(place, first_line(fault)) from fault


def schema_state(uri: str) -> SchemaState:
    """Tell how old the schema is, changing nothing. Raises DatabaseUnreachable."""
    try:
        with connect(uri) as connection:
            version, compat = _schema_version(connection)
    except psycopg.OperationalError as fault:
        raise DatabaseUnreachable(place_of(uri), first_line(fault)) from fault
    return SchemaState(version, compat, _steps()[-1].version)


def _check_server(connection: psycopg.Connection[Any], place: str) -> None:
    if connection.info.server_version < OLDEST_SERVER:
        raise DatabaseRefused(place, "PostgreSQL 14 is the oldest that works")
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise DatabaseRefused(place, f"its encoding is {encoding}, and only UTF8 holds all text")


def _steps() -> list[Migration]:
    return migrations(files("graphstead.storage").joinpath("migrations", "postgres"))


def _migrate(connection: psycopg.Connection[Any], place: str) -> None:
    connection.execute(ONE_AT_A_TIME)
    steps = _steps()
    version, compat = _schema_version(connection)
    if compat > steps[-1].version:
        raise SchemaTooNew(place, found=version, supported=steps[-1].version)
    for step in steps:
        if step.version > version:
            connection.execute(step.sql)
            connection.execute(
                "insert into schema_version (version, compat_version, applied_at)"
                " values (%s, greatest(%s, (select coalesce(max(compat_version), 0)"
                " from schema_version)), %s)",
                (step.version, step.compat, datetime.now(UTC).isoformat(timespec="microseconds")),
            )


def _schema_version(connection: psycopg.Connection[Any]) -> tuple[int, int]:
    """Return the version of the schema and the oldest version that can use it."""
    known = connection.execute("select to_regclass('schema_version') is not null").fetchone()
    if not known or not known[0]:
        return 0, 0
    found = connection.execute(
        "select version, compat_version from schema_version order by version desc limit 1"
    ).fetchone()
    assert found is not None
    return int(found[0]), int(found[1])

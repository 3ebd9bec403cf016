"""Where the database is reached: over a pooler for transactions, directly where a session stays.

A pooler that hands out sessions by transaction loses what belongs to a session: who listens, who
holds a lock, what was set. So bells, liveness locks and migrations need the server itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import psycopg

from graphstead.storage.errors import DatabaseRefused, DatabaseUnreachable
from graphstead.storage.postgres.adapting import adapt

__all__ = [
    "CONNECT_S",
    "Addresses",
    "connect",
    "first_line",
    "is_pooled",
    "place_of",
    "pooled_at",
    "schema_at",
]

CONNECT_S = 10
# The number that a pooler gives for a session is none of the server's processes.
PROCESS = "select pg_backend_pid()"
WHERE = """
select current_database(), current_schema(), pg_is_in_recovery(), system_identifier
from pg_control_system()
"""


@dataclass(frozen=True, slots=True)
class Addresses:
    """`uri` is for transactions, `direct_uri` for sessions that stay; without a pooler the same."""

    uri: str
    direct_uri: str

    @property
    def differ(self) -> bool:
        """Tell whether sessions at `uri` are lent by a pooler."""
        return self.uri != self.direct_uri


class _Where(NamedTuple):
    database: str
    schema: str
    is_replica: bool
    server: int


def place_of(uri: str) -> str:
    """Return the address of a database without its password."""
    parts = psycopg.conninfo.conninfo_to_dict(uri)
    host, port = parts.get("host", ""), parts.get("port", "")
    return f"postgresql://{host}{f':{port}' if port else ''}/{parts.get('dbname', '')}"


def connect(uri: str) -> psycopg.Connection[Any]:
    """Open a connection of one's own, outside the pools, that commits each statement."""
    connection = psycopg.connect(
        uri,
        autocommit=True,
        connect_timeout=CONNECT_S,
        fallback_application_name="graphstead",
        # Nothing is asked often here, and a pooler may lend another session for each statement.
        prepare_threshold=None,
    )
    adapt(connection)
    return connection


def is_pooled(connection: psycopg.Connection[Any]) -> bool:
    """Tell whether a pooler stands between."""
    row = connection.execute(PROCESS).fetchone()
    return row is not None and int(row[0]) != connection.info.backend_pid


def pooled_at(addresses: Addresses) -> tuple[bool, bool]:
    """Tell for `uri` and `direct_uri` whether a pooler stands between, changing nothing.

    Raises DatabaseUnreachable, and DatabaseRefused where they lead to different places.
    """
    schema_at(addresses)
    with connect(addresses.uri) as connection, connect(addresses.direct_uri) as direct:
        return is_pooled(connection), is_pooled(direct)


def schema_at(addresses: Addresses) -> str:
    """Return the schema that both addresses lead to.

    Raises DatabaseUnreachable, and DatabaseRefused where they lead to different places.
    """
    direct = _where(addresses.direct_uri)
    if addresses.differ:
        for fault in _differences(_where(addresses.uri), direct):
            raise DatabaseRefused(place_of(addresses.uri), fault)
    return direct.schema


def _where(uri: str) -> _Where:
    try:
        with connect(uri) as connection:
            row = connection.execute(WHERE).fetchone()
    except psycopg.OperationalError as fault:
        raise DatabaseUnreachable(place_of(uri), first_line(fault)) from fault
    assert row is not None
    return _Where(row[0], row[1] or "", bool(row[2]), int(row[3]))


def _differences(found: _Where, direct: _Where) -> Iterator[str]:
    told = "it leads to {}, and DATABASE_DIRECT_URI to {}"
    if found.server != direct.server or found.is_replica != direct.is_replica:
        yield told.format("one server", "another one")
    if found.database != direct.database:
        yield told.format(f"database {found.database}", direct.database)
    if found.schema != direct.schema:
        yield told.format(f"schema {found.schema or 'none'}", direct.schema or "none")


def first_line(fault: psycopg.Error) -> str:
    """Return what the server said first."""
    return str(fault).strip().split("\n")[0]

"""How transactions begin: on sessions of a pool's own, or on those that a pooler lends for each.

What is set for a session of one's own is set once, when it is made. One that is lent may be another
each time, of a server that has started anew meanwhile: it is told everything as the transaction
begins, in the same round trip, and nothing is prepared on it.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol
from weakref import WeakKeyDictionary

import psycopg

from graphstead.storage.postgres.doubt import Server, server_of

__all__ = ["LentSessions", "OwnSessions", "Sessions", "Transaction"]

# A process that is stopped, or whose host is cut off, in mid transaction lets go after a minute.
LIMITS = "set lock_timeout = '10s'; set idle_in_transaction_session_timeout = '60s'"
LENT_LIMITS = LIMITS.replace("set ", "set local ")
BRIEF = "set local lock_timeout = '50ms'"
READ = "begin isolation level repeatable read read only"
NUMBER = "select cast(pg_current_xact_id() as text)"
NUMBER_AND_SERVER = """
select cast(pg_current_xact_id() as text),
    cast(extract(epoch from pg_postmaster_start_time()) as text), timeline_id
from pg_control_checkpoint()
"""


class Transaction(NamedTuple):
    """The name of a transaction, by which the server can be asked what became of it."""

    number: str
    server: Server


class Sessions(Protocol):
    """Begins the transactions of a pool; `brief` ones wait for nobody's rows for long."""

    # How often a statement is sent before it is prepared; None for never.
    prepare_threshold: int | None

    def make(self, connection: psycopg.Connection[Any]) -> None:
        """Set what lasts as long as the connection."""

    def begin_reading(self, connection: psycopg.Connection[Any]) -> None:
        """Begin to read one snapshot."""

    def begin_writing(
        self, connection: psycopg.Connection[Any], *, brief: bool = False
    ) -> Transaction:
        """Begin to write."""


class OwnSessions:
    """Each connection of the pool is a session of the server."""

    prepare_threshold: int | None = 5

    def __init__(self) -> None:
        self._servers: WeakKeyDictionary[psycopg.Connection[Any], Server] = WeakKeyDictionary()

    def make(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute(LIMITS)

    def begin_reading(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute(READ)

    def begin_writing(
        self, connection: psycopg.Connection[Any], *, brief: bool = False
    ) -> Transaction:
        server = self._servers.get(connection)
        if server is None:
            server = self._servers[connection] = server_of(connection)
        row = _last_row(connection, "begin", *([BRIEF] if brief else []), NUMBER)
        return Transaction(str(row[0]), server)


class LentSessions:
    """Each transaction is given a session, and its limits go with it."""

    prepare_threshold: int | None = None

    def make(self, connection: psycopg.Connection[Any]) -> None:
        return None

    def begin_reading(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute(f"{READ}; {LENT_LIMITS}")

    def begin_writing(
        self, connection: psycopg.Connection[Any], *, brief: bool = False
    ) -> Transaction:
        limits = [LENT_LIMITS, BRIEF] if brief else [LENT_LIMITS]
        number, started, timeline = _last_row(connection, "begin", *limits, NUMBER_AND_SERVER)
        return Transaction(str(number), Server(started, timeline))


def _last_row(connection: psycopg.Connection[Any], *statements: str) -> tuple[Any, ...]:
    """Execute these in one round trip; return the row of the last."""
    cursor = connection.execute("; ".join(statements))
    while cursor.nextset():
        continue
    row: tuple[Any, ...] | None = cursor.fetchone()
    assert row is not None
    return row

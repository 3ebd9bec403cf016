"""What became of a transaction whose connection broke in the very commit.

The server tells by the transaction's number, but after a crash it gives numbers again: whose log
did not reach the disk had never been. So a number is asked about only where the server still is
the one that gave it, or where its number was known to what the server recovered.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import psycopg

__all__ = ["Server", "is_committed", "server_of"]

SERVER = """
select cast(extract(epoch from pg_postmaster_start_time()) as text), timeline_id, next_xid,
    clock_timestamp() - pg_postmaster_start_time() < interval '30 s'
from pg_control_checkpoint()
"""
STATUS = "select pg_xact_status(cast(%s as xid8))"


class Server(NamedTuple):
    """One life of a server: from its start to its end, on one line of history."""

    started: str
    timeline: int


def server_of(connection: psycopg.Connection[Any]) -> Server:
    """Return what a connection leads to; it is the same for as long as the connection lasts."""
    server, _, _ = _look(connection)
    return server


def is_committed(
    connection: psycopg.Connection[Any], transaction: str, server: Server
) -> bool | None:
    """Tell whether a transaction of `server` was committed; None where nobody can know (yet)."""
    now, next_number, is_young = _look(connection)
    if now != server:
        # The checkpoint at the end of recovery says which numbers were known; no other follows
        # within the first 30 s. Another line of history is another server, which may lag behind.
        if now.timeline != server.timeline or not is_young:
            return None
        if int(transaction) >= next_number:
            return False
    row = connection.execute(STATUS, (transaction,)).fetchone()
    told = row[0] if row else None
    return bool(told == "committed") if told in ("committed", "aborted") else None


def _look(connection: psycopg.Connection[Any]) -> tuple[Server, int, bool]:
    row = connection.execute(SERVER).fetchone()
    assert row is not None
    started, timeline, next_xid, is_young = row
    epoch, _, number = str(next_xid).partition(":")
    return Server(started, timeline), (int(epoch) << 32) + int(number), bool(is_young)

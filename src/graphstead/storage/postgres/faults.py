"""Turns psycopg's exceptions into storage errors."""

from __future__ import annotations

import psycopg

from graphstead.storage.errors import (
    ConstraintViolated,
    DiskFull,
    StorageBusy,
    StorageError,
    StorageFault,
    StorageReadOnly,
)

__all__ = ["ConnectionLost", "Overtaken", "translated"]


class Overtaken(StorageBusy):
    """Another transaction got in the way; the same work may succeed if it is done anew."""


class ConnectionLost(StorageFault):
    """The server went away before it was asked to commit."""


# By SQLSTATE, the whole of it or its class.
_KNOWN: dict[str, tuple[type[StorageError], str]] = {
    "08": (ConnectionLost, "The connection to the database was lost"),
    "23": (ConstraintViolated, "The rows contradict rows that are there"),
    "25P03": (ConnectionLost, "The transaction was left alone for too long"),
    "25006": (StorageReadOnly, "The database cannot be written"),
    "40001": (Overtaken, "Another transaction wrote the same rows"),
    "40P01": (Overtaken, "Another transaction waited for this one"),
    "53100": (DiskFull, "There is no room left for the database"),
    "53": (StorageBusy, "The database server has nothing left to give"),
    "55P03": (StorageBusy, "Another transaction has held the rows for too long"),
    "57014": (StorageBusy, "The database has taken too long"),
    "57P": (ConnectionLost, "The database server is stopping or starting"),
    "58": (StorageFault, "The database server's device answers with errors"),
    "XX": (StorageFault, "The database is damaged"),
}


def translated(fault: psycopg.Error) -> Exception:
    """Return the storage error for this fault; a mistake in the SQL stays what it is."""
    known = _known(fault.sqlstate or "")
    if known is None and fault.sqlstate is None and isinstance(fault, psycopg.OperationalError):
        known = _KNOWN["08"]
    if known is None:
        return fault
    kind, sentence = known
    first_line = str(fault).split("\n")[0]
    return kind(f"{sentence} ({first_line})")


def _known(sqlstate: str) -> tuple[type[StorageError], str] | None:
    return next((_KNOWN[sqlstate[:n]] for n in (5, 3, 2) if sqlstate[:n] in _KNOWN), None)

"""Turns sqlite3's exceptions into storage errors."""

from __future__ import annotations

import sqlite3

from graphstead.storage.errors import (
    ConstraintViolated,
    DiskFull,
    StorageBusy,
    StorageError,
    StorageFault,
    StorageReadOnly,
)

_UNAVAILABLE: dict[int, tuple[type[StorageError], str]] = {
    sqlite3.SQLITE_FULL: (DiskFull, "There is no room left for the database"),
    sqlite3.SQLITE_READONLY: (StorageReadOnly, "The database cannot be written"),
    sqlite3.SQLITE_PERM: (StorageReadOnly, "The database cannot be written"),
    sqlite3.SQLITE_BUSY: (StorageBusy, "Another process has held the database for too long"),
    sqlite3.SQLITE_LOCKED: (StorageBusy, "Another connection has held the database for too long"),
    sqlite3.SQLITE_IOERR: (StorageFault, "The device of the database answers with errors"),
    sqlite3.SQLITE_CANTOPEN: (StorageFault, "The database file cannot be opened"),
    sqlite3.SQLITE_CORRUPT: (StorageFault, "The database file is damaged"),
    sqlite3.SQLITE_NOTADB: (StorageFault, "The file is no database"),
    sqlite3.SQLITE_CONSTRAINT: (ConstraintViolated, "The rows contradict rows that are there"),
}


def primary_code(fault: sqlite3.Error) -> int:
    """Return SQLite's primary result code, 0 where the fault is the binding's own."""
    return getattr(fault, "sqlite_errorcode", 0) & 0xFF


def translated(fault: sqlite3.Error) -> Exception:
    """Return the storage error for this fault; a mistake in the SQL stays what it is."""
    known = _UNAVAILABLE.get(primary_code(fault))
    if known is None:
        return fault
    kind, sentence = known
    return kind(f"{sentence} ({fault})")

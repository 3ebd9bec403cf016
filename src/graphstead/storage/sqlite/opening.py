"""Opens the database file: refuses what is not ours, migrates what is older."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

from graphstead.storage.errors import (
    DatabaseRefused,
    DirectoryNotWritable,
    ForeignDatabase,
    NotADatabase,
    SchemaTooNew,
)
from graphstead.storage.migrating import Migration, SchemaState
from graphstead.storage.migrating import migrations as all_migrations
from graphstead.storage.sqlite.faults import primary_code
from graphstead.storage.sqlite.functions import install

APPLICATION_ID = 0x67537464
_OLDEST_SQLITE = (3, 35, 0)
_BUSY_MS = 10_000


def migrations() -> list[Migration]:
    """Return every migration in order."""
    return all_migrations(files("graphstead.storage").joinpath("migrations"))


def prepare_directory(path: Path) -> None:
    """Make the database's directory; raises DirectoryNotWritable."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise DirectoryNotWritable(path, f"its directory cannot be made ({fault})") from fault
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise DirectoryNotWritable(path, f"its directory {path.parent} cannot be written")


def open_writer(path: Path) -> sqlite3.Connection:
    """Open the file for writing, with the newest schema; the caller holds the gate.

    Raises NotADatabase, ForeignDatabase, SchemaTooNew or DatabaseRefused.
    """
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise DatabaseRefused(path, f"SQLite {sqlite3.sqlite_version} is older than 3.35")
    connection: sqlite3.Connection | None = None
    try:
        connection = _connect(path)
        _check_owner(connection, path)
        _configure(connection, path)
        _migrate(connection, path)
    except BaseException as fault:
        if connection is not None:
            connection.close()
        if isinstance(fault, sqlite3.Error):
            raise refusal(path, fault) from fault
        raise
    return connection


def schema_state(path: Path) -> SchemaState:
    """Tell how old the schema of a file is, changing nothing; 0 where there is no file yet."""
    newest = migrations()[-1].version
    if not path.exists():
        return SchemaState(0, 0, newest)
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            return SchemaState(*_schema_version(connection.cursor()), newest)
    except sqlite3.Error as fault:
        raise refusal(path, fault) from fault


def open_reader(path: Path) -> sqlite3.Connection:
    """Open the file for reading alone."""
    connection = _connect(path)
    connection.execute("pragma query_only = on")
    return connection


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    connection.execute(f"pragma busy_timeout = {_BUSY_MS}")
    connection.execute("pragma temp_store = memory")
    connection.execute("pragma cache_size = -16000")
    install(connection)
    return connection


def _check_owner(connection: sqlite3.Connection, path: Path) -> None:
    tables = connection.execute("select count(*) from sqlite_master").fetchone()[0]
    owner = connection.execute("pragma application_id").fetchone()[0]
    if tables and owner != APPLICATION_ID:
        raise ForeignDatabase(path, "it belongs to another application")


def _configure(connection: sqlite3.Connection, path: Path) -> None:
    # Takes effect on an empty file only, and has to come before the journal mode.
    connection.execute("pragma auto_vacuum = incremental")
    mode = connection.execute("pragma journal_mode = wal").fetchone()[0]
    if mode != "wal":
        raise DatabaseRefused(path, "its file system has no shared memory for a write-ahead log")
    connection.execute("pragma synchronous = full")
    connection.execute("pragma journal_size_limit = 67108864")
    # Deletions follow the engine's order, row by row.
    connection.execute("pragma foreign_keys = off")


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    steps = migrations()
    with closing(connection.cursor()) as cursor:
        cursor.execute("begin immediate")
        try:
            version, compat = _schema_version(cursor)
            if compat > steps[-1].version:
                raise SchemaTooNew(path, found=version, supported=steps[-1].version)
            for step in steps:
                if step.version > version:
                    _apply(cursor, step)
            cursor.execute("commit")
        finally:
            if connection.in_transaction:
                cursor.execute("rollback")


def _schema_version(cursor: sqlite3.Cursor) -> tuple[int, int]:
    """Return the version of the schema and the oldest version that can use it."""
    known = cursor.execute("select 1 from sqlite_master where name = 'schema_version'").fetchone()
    if not known:
        return 0, 0
    version, compat = cursor.execute(
        "select version, compat_version from schema_version order by version desc limit 1"
    ).fetchone()
    return int(version), int(compat)


def _apply(cursor: sqlite3.Cursor, step: Migration) -> None:
    cursor.execute(f"pragma application_id = {APPLICATION_ID}")
    for statement in _statements(step.sql):
        cursor.execute(statement)
    # What keeps older programs out, an encrypted database above all, does so for good.
    cursor.execute(
        "insert into schema_version (version, compat_version, applied_at) values ("
        "?, max(?, (select coalesce(max(compat_version), 0) from schema_version)), ?)",
        (step.version, step.compat, datetime.now(UTC).isoformat(timespec="microseconds")),
    )


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def refusal(path: Path, fault: sqlite3.Error) -> DatabaseRefused:
    code = primary_code(fault)
    if code == sqlite3.SQLITE_NOTADB:
        return NotADatabase(path, "the file is not an SQLite database")
    if code == sqlite3.SQLITE_CORRUPT:
        return NotADatabase(path, "the file is damaged; restore it from a backup")
    if code == sqlite3.SQLITE_READONLY:
        return DirectoryNotWritable(path, "the file or its directory cannot be written")
    return DatabaseRefused(path, str(fault))

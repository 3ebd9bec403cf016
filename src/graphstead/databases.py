"""Which database the settings mean: an SQLite file, or Postgres where its driver is installed."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from graphstead.problems import StartupError
from graphstead.settings import Settings
from graphstead.storage import sqlite
from graphstead.storage.base import Storage
from graphstead.storage.errors import DatabaseRefused, StorageError
from graphstead.storage.migrating import SchemaState

__all__ = ["open_clear", "schema_state"]


def open_clear(settings: Settings) -> Storage:
    """Open the database as it lies there, sealed or not. Raises StartupError if it cannot be."""
    with _told_as_startup_fault(settings):
        if settings.postgres_uri is not None:
            return _open_postgres(settings, settings.postgres_uri)
        settings.database_path.parent.mkdir(parents=True, exist_ok=True)
        return sqlite.open_sqlite(settings.database_path)


def _open_postgres(settings: Settings, uri: str) -> Storage:
    writers = settings.database_connections // 2
    try:
        storage: Storage = _postgres().open_postgres(
            uri,
            writers=writers,
            readers=settings.database_connections - 1 - writers,
            procrastinate=settings.dispatch == "procrastinate",
        )
    except ImportError as error:
        fault = f"dispatch: procrastinate needs pip install 'graphstead[procrastinate]' ({error})"
        raise StartupError([fault]) from error
    return storage


def schema_state(settings: Settings) -> SchemaState:
    """Tell how old the database's schema is, changing nothing. Raises StartupError."""
    with _told_as_startup_fault(settings):
        if settings.postgres_uri is not None:
            state: SchemaState = _postgres().schema_state(settings.postgres_uri)
            return state
        return sqlite.schema_state(settings.database_path)


def _postgres() -> Any:
    # Imported here: an installation without the extra serves SQLite.
    try:
        return importlib.import_module("graphstead.storage.postgres")
    except ImportError as error:
        fault = f"Postgres needs pip install 'graphstead[postgres]' ({error})"
        raise StartupError([fault]) from error


@contextmanager
def _told_as_startup_fault(settings: Settings) -> Iterator[None]:
    try:
        yield
    except DatabaseRefused as error:
        raise StartupError([str(error)]) from error
    except (StorageError, OSError) as error:
        name = settings.database_name
        raise StartupError([f"The database {name} cannot be used: {error}"]) from error

"""Which database the settings mean: an SQLite file, or Postgres where its driver is installed.

Beside Postgres a Redis may carry the events of runs.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from graphstead.problems import StartupError
from graphstead.settings import Settings
from graphstead.storage import sqlite
from graphstead.storage.base import Storage
from graphstead.storage.errors import DatabaseRefused, StorageError
from graphstead.storage.migrating import SchemaState

__all__ = [
    "copy_file",
    "open_clear",
    "pooled",
    "redis_state",
    "schema_state",
    "told_as_startup_fault",
]


def open_clear(settings: Settings) -> Storage:
    """Open the database as it lies there, sealed or not. Raises StartupError if it cannot be."""
    with told_as_startup_fault(settings):
        if settings.postgres_uri is not None:
            return _open_postgres(settings)
        settings.database_path.parent.mkdir(parents=True, exist_ok=True)
        return sqlite.open_sqlite(settings.database_path)


def _open_postgres(settings: Settings) -> Storage:
    writers = settings.database_connections // 2
    try:
        storage: Storage = _postgres().open_postgres(
            settings.postgres_uri,
            direct_uri=settings.direct_uri,
            writers=writers,
            readers=settings.database_connections - 1 - writers,
            procrastinate=settings.dispatch == "procrastinate",
        )
    except ImportError as error:
        fault = f"dispatch: procrastinate needs pip install 'graphstead[procrastinate]' ({error})"
        raise StartupError([fault]) from error
    return storage if settings.redis_uri is None else _with_redis(settings, storage)


def _with_redis(settings: Settings, storage: Storage) -> Storage:
    try:
        beside: Storage = _redis().open_redis(
            storage,
            settings.redis_uri,
            prefix=settings.redis_key_prefix,
            kept_s=settings.resumable_stream_ttl_s,
        )
    except BaseException:
        storage.close()
        raise
    return beside


def redis_state(settings: Settings) -> str | None:
    """Return how the Redis of these settings is, None where none is used.

    Raises StartupError with what is wrong with it.
    """
    if settings.redis_uri is None or settings.postgres_uri is None:
        return None
    try:
        return f"{settings.redis_name}, version {_redis().redis_state(settings.redis_uri)}"
    except StorageError as error:
        raise StartupError([str(error)]) from error


def schema_state(settings: Settings) -> SchemaState:
    """Tell how old the database's schema is, changing nothing. Raises StartupError."""
    with told_as_startup_fault(settings):
        if settings.postgres_uri is not None:
            state: SchemaState = _postgres().schema_state(settings.direct_uri)
            return state
        return sqlite.schema_state(settings.database_path)


def pooled(settings: Settings) -> tuple[bool, bool]:
    """Tell for the address of a Postgres and the direct one whether they lead over a pooler.

    Raises StartupError, also where they lead to different places.
    """
    with told_as_startup_fault(settings):
        postgres = _postgres()
        found: tuple[bool, bool] = postgres.pooled_at(
            postgres.Addresses(settings.postgres_uri, settings.direct_uri)
        )
        return found


def copy_file(settings: Settings, target: Path) -> None:
    """Write a consistent copy of the SQLite file, beside any servers. Raises StartupError."""
    if settings.postgres_uri is not None:
        raise StartupError([f"{settings.database_name} is no file: pg_dump makes its backup"])
    with told_as_startup_fault(settings):
        sqlite.copy_file(settings.database_path, target)


def _postgres() -> Any:
    # Imported here: an installation without the extra serves SQLite.
    try:
        return importlib.import_module("graphstead.storage.postgres")
    except ImportError as error:
        fault = f"Postgres needs pip install 'graphstead[postgres]' ({error})"
        raise StartupError([fault]) from error


def _redis() -> Any:
    # Imported here: the package is an extra of its own.
    try:
        return importlib.import_module("graphstead.storage.redis")
    except ImportError as error:
        raise StartupError([f"REDIS_URI needs pip install 'graphstead[redis]' ({error})"]) from (
            error
        )


@contextmanager
def told_as_startup_fault(settings: Settings) -> Iterator[None]:
    """Tell as a StartupError why the database of these settings cannot be used."""
    try:
        yield
    except DatabaseRefused as error:
        raise StartupError([str(error)]) from error
    except (StorageError, OSError) as error:
        name = settings.database_name
        raise StartupError([f"The database {name} cannot be used: {error}"]) from error

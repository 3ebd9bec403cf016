"""The databases that tests run on: SQLite files, and schemas of their own on a Postgres server."""

from __future__ import annotations

import atexit
import contextlib
import os
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import psycopg
import pytest
import redis

from graphstead.storage.base import Storage
from graphstead.storage.postgres import open_postgres
from graphstead.storage.sqlite import open_sqlite

SERVER = os.environ.get("GRAPHSTEAD_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")


REDIS = os.environ.get("GRAPHSTEAD_TEST_REDIS", "redis://127.0.0.1:6379/0")
# Names the database that every test server uses: sqlite, postgres, or postgres+redis.
KIND = os.environ.get("GRAPHSTEAD_TEST_DATABASE", "sqlite")

_places: dict[Path, PostgresPlace] = {}
_free: list[str] = []
_made: list[str] = []


class PostgresPlace:
    """An empty schema of the test server; `uri` leads there.

    To empty one takes a hundredth of making one, so schemas are used again within a session.
    """

    def __init__(self) -> None:
        self.schema = _free.pop() if _free else _new_schema()
        mark = "&" if "?" in SERVER else "?"
        path = quote(f"-csearch_path={self.schema}")
        self.uri = f"{SERVER}{mark}options={path}&application_name={self.schema}"
        self.redis_prefix = f"{self.schema}:"

    def connect(self) -> psycopg.Connection[Any]:
        return _connect(self.uri)

    def await_the_end(self) -> None:
        """Wait until no server is connected: what a killed one began may yet be committed."""
        others = (
            "select 1 from pg_stat_activity where application_name = %s and pid <> pg_backend_pid()"
        )
        until_s = time.monotonic() + 60
        with self.connect() as connection:
            while connection.execute(others, (self.schema,)).fetchone():
                assert time.monotonic() < until_s, f"somebody is still connected to {self.schema}"
                time.sleep(0.05)

    def leave(self) -> None:
        """Empty the schema for whoever comes next."""
        with self.connect() as connection:
            tables = connection.execute(
                "select tablename from pg_tables"
                " where schemaname = %s and tablename <> 'schema_version'",
                (self.schema,),
            ).fetchall()
            connection.execute("; ".join(f"delete from {table}" for (table,) in tables) or "select")
        _free.append(self.schema)


def _new_schema() -> str:
    if not _made:
        atexit.register(_drop_all)
    schema = f"test_{uuid4().hex[:12]}"
    with _connect(SERVER) as connection:
        connection.execute(f"create schema {schema}")
    _made.append(schema)
    return schema


def check_redis() -> None:
    """Fail where no Redis answers."""
    try:
        with redis.Redis.from_url(REDIS, socket_connect_timeout=30) as client:
            client.ping()
    except redis.RedisError as fault:
        pytest.fail(
            f"No Redis answers at {REDIS}, and its tests are not skipped: start one"
            f" (scripts/redis), or name another in GRAPHSTEAD_TEST_REDIS ({fault})",
            pytrace=False,
        )


def _drop_all() -> None:
    with contextlib.suppress(redis.RedisError), redis.Redis.from_url(REDIS) as client:
        for schema in _made:
            if keys := list(client.scan_iter(f"{schema}:*", 1000)):
                client.unlink(*keys)
    with psycopg.connect(SERVER, autocommit=True) as connection:
        for schema in _made:
            connection.execute(f"drop schema if exists {schema} cascade")


def database_of(data_dir: Path) -> dict[str, str]:
    """Return the variables that lead a server to its database, the same for the same folder."""
    if KIND == "sqlite":
        return {}
    # Few connections: a session of tests has many servers at a time.
    place = place_of(data_dir)
    found = {"GRAPHSTEAD_DATABASE_URI": place.uri, "GRAPHSTEAD_DATABASE_CONNECTIONS": "7"}
    if KIND == "postgres+redis":
        check_redis()
        found |= {"REDIS_URI": REDIS, "REDIS_KEY_PREFIX": place.redis_prefix}
    return found


def opened(data_dir: Path) -> Storage:
    """Open the database that stands for a data folder, as another process would."""
    if KIND == "sqlite":
        return open_sqlite(data_dir / "graphstead.sqlite3")
    return open_postgres(place_of(data_dir).uri, writers=1, readers=1)


def rows_of(data_dir: Path, sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return what a query finds in the database that stands for a data folder."""
    if KIND != "sqlite":
        with place_of(data_dir).connect() as connection:
            return connection.execute(sql.replace("?", "%s"), values).fetchall()
    uri = f"file:{data_dir / 'graphstead.sqlite3'}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        return connection.execute(sql, values).fetchall()


def place_of(data_dir: Path) -> PostgresPlace:
    """Return the schema that stands for a data folder."""
    if data_dir not in _places:
        _places[data_dir] = PostgresPlace()
    return _places[data_dir]


def _connect(uri: str) -> psycopg.Connection[Any]:
    try:
        return psycopg.connect(uri, autocommit=True, connect_timeout=30)
    except psycopg.OperationalError as fault:
        pytest.fail(
            f"No PostgreSQL server answers at {SERVER}, and its tests are not skipped: start one"
            f" (scripts/postgres), or name another in GRAPHSTEAD_TEST_POSTGRES ({fault})",
            pytrace=False,
        )

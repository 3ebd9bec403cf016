"""One suite for every backend: a backend that passes it can carry the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest
from databases import REDIS, PostgresPlace, check_redis
from poolers import PooledDatabase, shared_database

from graphstead.storage.aes import AesCipher
from graphstead.storage.base import Storage, Tx
from graphstead.storage.postgres import open_postgres
from graphstead.storage.redis import open_redis
from graphstead.storage.sealed import SealedTx
from graphstead.storage.sealing import Sealer
from graphstead.storage.sealing_start import with_ciphers
from graphstead.storage.sqlite import open_sqlite
from graphstead.storage.sqlite.tx import SqliteTx


class Backend(Protocol):
    """What the suite needs to know about the data behind a storage."""

    @property
    def writes_at_once(self) -> int: ...

    def open(self) -> Storage:
        """Open the same data once more, as another process would."""

    def fill(self, storage: Storage) -> None:
        """Let the disk be full from now on."""

    def free(self, storage: Storage) -> None:
        """Let there be room again."""

    def close(self) -> None:
        """Throw the data away."""


class SqliteBackend:
    writes_at_once = 1

    def __init__(self, directory: Path) -> None:
        self._path = directory / "rows.sqlite"

    def open(self) -> Storage:
        return open_sqlite(self._path)

    def fill(self, storage: Storage) -> None:
        _limit_pages(storage, 1)

    def free(self, storage: Storage) -> None:
        _limit_pages(storage, 1_000_000)

    def close(self) -> None:
        return None


class EncryptedBackend(SqliteBackend):
    """The same database behind a key: whoever uses a storage notices nothing of it."""

    def open(self) -> Storage:
        return encrypted(super().open())


def encrypted(storage: Storage) -> Storage:
    cipher = AesCipher(b"a key of 16 byte")
    return with_ciphers(storage, Sealer(cipher, cipher), "2026-01-01")


def _limit_pages(storage: Storage, pages: int) -> None:
    def limit(tx: Tx) -> None:
        if isinstance(tx, SealedTx):
            tx = tx.below
        assert isinstance(tx, SqliteTx)
        tx.connection.execute(f"pragma max_page_count = {pages}")

    storage.write_blocking(limit)


class PostgresBackend:
    """A schema of its own; its disk is full when the server says so, for large rows alone."""

    writes_at_once = 2

    def __init__(self, _directory: Path) -> None:
        self._place: PostgresPlace | PooledDatabase = PostgresPlace()

    def open(self) -> Storage:
        return open_postgres(self._place.uri, writers=self.writes_at_once, readers=2)

    def fill(self, storage: Storage) -> None:
        with self._place.connect() as connection:
            for table, column in (("runs", "kwargs"), ("threads", '"values"')):
                connection.execute(
                    f"create function refuse_{table}() returns trigger language plpgsql as $$ begin"
                    f" if octet_length(new.{column}) > 50000 then"
                    " raise exception 'could not extend file' using errcode = 'disk_full';"
                    " end if; return new; end $$"
                )
                connection.execute(
                    f"create trigger full_disk before insert or update on {table}"
                    f" for each row execute function refuse_{table}()"
                )

    def free(self, storage: Storage) -> None:
        with self._place.connect() as connection:
            for table in ("runs", "threads"):
                connection.execute(f"drop function refuse_{table} cascade")

    def close(self) -> None:
        self._place.leave()


class EncryptedPostgresBackend(PostgresBackend):
    def open(self) -> Storage:
        return encrypted(super().open())


class RedisBackend(PostgresBackend):
    """The same with events and bells in Redis, under keys of its own."""

    def open(self) -> Storage:
        check_redis()
        assert isinstance(self._place, PostgresPlace)
        storage = open_postgres(self._place.uri, writers=self.writes_at_once, readers=2)
        return open_redis(storage, REDIS, prefix=self._place.redis_prefix)


class PooledBackend(PostgresBackend):
    """The same over a pooler that lends sessions by transaction."""

    def __init__(self, _directory: Path) -> None:
        self._place = self._database = shared_database()

    def open(self) -> Storage:
        uri, direct_uri = self._database.uri, self._database.direct_uri
        return open_postgres(uri, direct_uri=direct_uri, writers=self.writes_at_once, readers=2)


BACKENDS: dict[str, Callable[[Path], Backend]] = {
    "postgres": PostgresBackend,
    "pooled-postgres": PooledBackend,
    "sqlite": SqliteBackend,
    "postgres+redis": RedisBackend,
    "encrypted": EncryptedBackend,
    "encrypted-postgres": EncryptedPostgresBackend,
}
# Where a session for each transaction could make a difference; the rest asks as these do.
OVER_A_POOLER = {
    "test_doorbells",
    "test_run_decisions",
    "test_stored_checkpoints",
    "test_stored_deliveries",
    "test_stored_events",
    "test_stored_replays",
    "test_stored_runs",
    "test_transactions",
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test the backends that it is for."""
    module = metafunc.module.__name__.rpartition(".")[2]
    pooled = module in OVER_A_POOLER
    kinds = [kind for kind in sorted(BACKENDS) if pooled or not kind.startswith("pooled")]
    if "backend" in metafunc.fixturenames:
        metafunc.parametrize("backend", kinds, indirect=True)
    if "clear_storage" in metafunc.fixturenames:
        clear = [kind for kind in kinds if not kind.startswith("encrypted")]
        metafunc.parametrize("clear_storage", clear, indirect=True)


@pytest.fixture
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    one = BACKENDS[request.param](tmp_path)
    yield one
    one.close()


@pytest.fixture
def storage(backend: Backend) -> Iterator[Storage]:
    opened = backend.open()
    yield opened
    opened.close()


@pytest.fixture
def clear_storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    """A storage of which tests know to the byte how much it stores."""
    one = BACKENDS[request.param](tmp_path)
    opened = one.open()
    yield opened
    opened.close()
    one.close()

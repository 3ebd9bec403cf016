"""One suite for the engine over every database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from databases import REDIS, PostgresPlace, check_redis

from graphstead.storage.aes import AesCipher
from graphstead.storage.base import Storage
from graphstead.storage.postgres import open_postgres
from graphstead.storage.redis import open_redis
from graphstead.storage.sealing import Sealer
from graphstead.storage.sealing_start import with_ciphers
from graphstead.storage.sqlite import open_sqlite

Open = Callable[[], Storage]


@pytest.fixture(params=["encrypted-postgres", "postgres", "postgres+redis", "sqlite"])
def open_storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Open the test's database, as often as processes would."""
    if request.param == "sqlite":
        yield lambda: open_sqlite(tmp_path / "test.db")
        return
    place = PostgresPlace()
    yield partial(OPENING[request.param], place)
    place.leave()


def _with_redis(place: PostgresPlace) -> Storage:
    check_redis()
    return open_redis(open_postgres(place.uri), REDIS, prefix=place.redis_prefix)


def _encrypted(place: PostgresPlace) -> Storage:
    cipher = AesCipher(b"a key of 16 byte")
    return with_ciphers(open_postgres(place.uri), Sealer(cipher, cipher), "2026-01-01")


OPENING: dict[str, Callable[[PostgresPlace], Storage]] = {
    "encrypted-postgres": _encrypted,
    "postgres": lambda place: open_postgres(place.uri),
    "postgres+redis": _with_redis,
}


@pytest.fixture
def storage(open_storage: Open) -> Iterator[Storage]:
    storage = open_storage()
    yield storage
    storage.close()

"""One suite for the engine over every database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from databases import PostgresPlace

from graphstead.storage.base import Storage
from graphstead.storage.postgres import open_postgres
from graphstead.storage.sqlite import open_sqlite

Open = Callable[[], Storage]


@pytest.fixture(params=["postgres", "sqlite"])
def open_storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Open the test's database, as often as processes would."""
    if request.param == "sqlite":
        yield lambda: open_sqlite(tmp_path / "test.db")
        return
    place = PostgresPlace()
    yield lambda: open_postgres(place.uri)
    place.leave()


@pytest.fixture
def storage(open_storage: Open) -> Iterator[Storage]:
    storage = open_storage()
    yield storage
    storage.close()

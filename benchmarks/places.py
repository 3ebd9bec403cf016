"""The databases that benchmarks compare, each empty, gone at the end.

Postgres is the server of GRAPHSTEAD_TEST_POSTGRES (postgresql://postgres@127.0.0.1:5432/postgres),
in schemas of their own; `redis` is Postgres with the Redis of GRAPHSTEAD_TEST_REDIS beside it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import psycopg

from graphstead.databases import open_clear
from graphstead.settings import Settings
from graphstead.storage.base import Storage

__all__ = ["KINDS", "Place", "places"]

SERVER = os.environ.get("GRAPHSTEAD_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")
REDIS = os.environ.get("GRAPHSTEAD_TEST_REDIS", "")
# With a Redis only where these settings know of one.
KINDS = (
    "sqlite",
    "postgres",
    "procrastinate",
    *(("redis",) if REDIS and "redis_uri" in Settings.model_fields else ()),
)


@dataclass(frozen=True, slots=True)
class Place:
    """A database by its kind and the variables that lead a server to it."""

    kind: str
    env: dict[str, str]

    def open(self) -> Storage:
        """Open it in this process as a server would."""
        prefix = "GRAPHSTEAD_"
        named: dict[str, Any] = {
            key.removeprefix(prefix).lower(): value for key, value in self.env.items()
        }
        return open_clear(Settings(**named))


@contextmanager
def places(kinds: Sequence[str]) -> Iterator[list[Place]]:
    """Make an empty database of each kind."""
    schemas = {kind: f"bench_{uuid4().hex[:8]}" for kind in kinds if kind != "sqlite"}
    with (
        tempfile.TemporaryDirectory(prefix="graphstead-bench-") as folder,
        psycopg.connect(SERVER, autocommit=True) as server,
    ):
        for schema in schemas.values():
            server.execute(f"create schema {schema}")
        try:
            yield [Place(kind, _env(kind, Path(folder), schemas.get(kind, ""))) for kind in kinds]
        finally:
            for schema in schemas.values():
                server.execute(f"drop schema {schema} cascade")


def _env(kind: str, folder: Path, schema: str) -> dict[str, str]:
    if kind == "sqlite":
        return {"GRAPHSTEAD_DATA_DIR": str(folder / uuid4().hex[:8])}
    mark = "&" if "?" in SERVER else "?"
    uri = f"{SERVER}{mark}options={quote(f'-csearch_path={schema}')}"
    env = {"GRAPHSTEAD_DATABASE_URI": uri, "GRAPHSTEAD_DATABASE_CONNECTIONS": "15"}
    if kind == "procrastinate":
        env["GRAPHSTEAD_DISPATCH"] = "procrastinate"
    if kind == "redis":
        env |= {"GRAPHSTEAD_REDIS_URI": REDIS, "GRAPHSTEAD_REDIS_KEY_PREFIX": schema}
    return env

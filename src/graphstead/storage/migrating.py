"""The numbered steps of a schema: `NNNN_what.sql`, each with its `-- compat:` line first."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import NamedTuple

__all__ = ["Migration", "SchemaState", "migrations"]


class SchemaState(NamedTuple):
    """The version of a database's schema, the oldest that can use it, and the newest known here."""

    version: int
    compat: int
    newest: int


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered step of the schema.

    `compat` is the oldest schema version whose programs can still use the database afterwards.
    """

    version: int
    compat: int
    sql: str


def migrations(folder: Traversable) -> list[Migration]:
    """Return every migration of a folder in order."""
    found = sorted(folder.iterdir(), key=lambda file: file.name)
    return [
        _migration(file.name, file.read_text("utf-8"))
        for file in found
        if file.name.endswith(".sql")
    ]


def _migration(name: str, sql: str) -> Migration:
    header, _, _ = sql.partition("\n")
    return Migration(int(name.split("_")[0]), int(header.removeprefix("-- compat:")), sql)

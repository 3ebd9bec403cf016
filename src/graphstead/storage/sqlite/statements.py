"""Runs named queries on one connection; faults come out as storage errors."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import orjson

from graphstead.storage.queries import load
from graphstead.storage.rows import Json
from graphstead.storage.sqlite.faults import translated

QUERIES = load("sqlite")
_SQL = {name: query.sql for name, query in QUERIES.items()}
Row = tuple[Any, ...]


def to_json(value: Any) -> str:
    """Encode for a JSON column; raises TypeError for what JSON cannot say."""
    return orjson.dumps(value).decode()


def to_json_or_null(value: Any) -> str | None:
    """Encode, with None as NULL."""
    return None if value is None else to_json(value)


def from_json(text: str) -> Json:
    """Decode a JSON object column."""
    value: Json = orjson.loads(text)
    return value


def from_json_or_null(text: str | None) -> Any:
    """Decode a JSON column, with NULL as None."""
    return None if text is None else orjson.loads(text)


@lru_cache(maxsize=1024)
def composed(name: str, conditions: tuple[str, ...] = (), order: str = "", way: str = "") -> str:
    """Fill a query's `{conditions}` and `{order}` with the named texts of these names."""
    met = " and ".join(_SQL[condition] for condition in conditions) or "true"
    sorting = _SQL[order].replace("{direction}", way) if order else ""
    return _SQL[name].replace("{conditions}", met).replace("{order}", sorting)


class Statements:
    """The named queries, bound to one connection; every value goes in as a parameter."""

    __slots__ = ("connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def execute(self, name: str, /, **values: Any) -> int:
        """Run a statement; return how many rows it changed."""
        try:
            return self.connection.execute(_SQL[name], values).rowcount
        except sqlite3.Error as fault:
            raise translated(fault) from fault

    def execute_many(self, name: str, rows: Iterable[dict[str, Any]]) -> None:
        """Run a statement once per row of values."""
        try:
            self.connection.executemany(_SQL[name], rows)
        except sqlite3.Error as fault:
            raise translated(fault) from fault

    def rows(self, name: str, /, **values: Any) -> list[Row]:
        """Return every row of a query."""
        return self.rows_of(_SQL[name], values)

    def rows_of(self, sql: str, values: dict[str, Any]) -> list[Row]:
        """Return every row of a composed query."""
        try:
            return self.connection.execute(sql, values).fetchall()
        except sqlite3.Error as fault:
            raise translated(fault) from fault

    def row(self, name: str, /, **values: Any) -> Row | None:
        """Return the first row of a query."""
        rows = self.rows(name, **values)
        return rows[0] if rows else None

    def value(self, name: str, /, **values: Any) -> Any:
        """Return the first column of a query that always has a row."""
        return self.rows(name, **values)[0][0]

"""Runs named queries on one connection, whatever the dialect; values go in as parameters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import orjson

from graphstead.storage.queries import Query, load
from graphstead.storage.rows import Json

__all__ = [
    "Dialect",
    "Row",
    "Statements",
    "from_json",
    "from_json_or_null",
    "to_json",
    "to_json_or_null",
]

Row = tuple[Any, ...]
Values = Mapping[str, Any]


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


class Dialect:
    """The named queries as one database understands them."""

    def __init__(self, name: str) -> None:
        self.queries: Mapping[str, Query] = load(name)
        self.texts = {query.name: query.sql for query in self.queries.values()}
        self.composed = lru_cache(maxsize=1024)(self._composed)

    def _composed(
        self, name: str, conditions: tuple[str, ...] = (), order: str = "", way: str = ""
    ) -> str:
        """Fill a query's `{conditions}` and `{order}` with the named texts of these names."""
        texts = self.texts
        met = " and ".join(texts[condition] for condition in conditions) or "true"
        sorting = texts[order].replace("{direction}", way) if order else ""
        return texts[name].replace("{conditions}", met).replace("{order}", sorting)


class Statements(ABC):
    """The queries of a dialect, bound to one connection; faults come out as storage errors."""

    __slots__ = ("_texts", "composed")

    def __init__(self, dialect: Dialect) -> None:
        self._texts = dialect.texts
        self.composed = dialect.composed

    @abstractmethod
    def execute_sql(self, sql: str, values: Values) -> int:
        """Run a statement; return how many rows it changed."""

    @abstractmethod
    def execute_sql_many(self, sql: str, rows: Iterable[Values]) -> None:
        """Run a statement once per row of values."""

    @abstractmethod
    def rows_of(self, sql: str, values: Values) -> list[Row]:
        """Return every row of a composed query."""

    def execute(self, name: str, /, **values: Any) -> int:
        """Run a named statement; return how many rows it changed."""
        return self.execute_sql(self._texts[name], values)

    def execute_many(self, name: str, rows: Iterable[Values]) -> None:
        """Run a named statement once per row of values."""
        self.execute_sql_many(self._texts[name], rows)

    def rows(self, name: str, /, **values: Any) -> list[Row]:
        """Return every row of a query."""
        return self.rows_of(self._texts[name], values)

    def row(self, name: str, /, **values: Any) -> Row | None:
        """Return the first row of a query."""
        rows = self.rows_of(self._texts[name], values)
        return rows[0] if rows else None

    def value(self, name: str, /, **values: Any) -> Any:
        """Return the first column of a query that always has a row."""
        return self.rows_of(self._texts[name], values)[0][0]

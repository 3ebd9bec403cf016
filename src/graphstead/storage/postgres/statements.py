"""Runs named queries on one Postgres connection."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, LiteralString

import psycopg

from graphstead.storage.postgres.faults import translated
from graphstead.storage.statements import Dialect, Row, Statements, Values

DIALECT = Dialect("postgres")
_PLACEHOLDER = re.compile(r"(?<![\w:]):([a-z_]+)")


_HOLDING = re.compile(r"\s+for (no key )?update( skip locked)?")


@lru_cache(maxsize=4096)
def bound(sql: str, *, holds: bool) -> LiteralString:
    """Return a query with its `:name` placeholders as psycopg wants them.

    Without `holds` it holds no row: a transaction that only reads must not.
    """
    wanted = sql if holds else _HOLDING.sub("", sql)
    return _PLACEHOLDER.sub(r"%(\1)s", wanted.replace("%", "%%"))


@lru_cache(maxsize=4096)
def changes(sql: str) -> bool:
    """Tell whether a query may change rows; to hold some is no change."""
    return not sql.startswith("select")


class PostgresStatements(Statements):
    """The named queries, bound to one connection; `changed` once one has changed something."""

    __slots__ = ("_cursor", "_holds", "changed")

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        super().__init__(DIALECT)
        self._cursor = connection.cursor()
        self._holds = not connection.read_only
        self.changed = False

    def execute_sql(self, sql: str, values: Values) -> int:
        self.changed = True
        try:
            return self._cursor.execute(bound(sql, holds=self._holds), values).rowcount
        except psycopg.Error as fault:
            raise translated(fault) from fault

    def execute_sql_many(self, sql: str, rows: Iterable[Values]) -> None:
        self.changed = True
        found = list(rows)
        if len(found) == 1:  # no pipeline has to be begun and ended for it
            self.execute_sql(sql, found[0])
            return
        try:
            self._cursor.executemany(bound(sql, holds=self._holds), found)
        except psycopg.Error as fault:
            raise translated(fault) from fault

    def rows_of(self, sql: str, values: Values) -> list[Row]:
        self.changed = self.changed or changes(sql)
        try:
            return self._cursor.execute(bound(sql, holds=self._holds), values).fetchall()
        except psycopg.Error as fault:
            raise translated(fault) from fault

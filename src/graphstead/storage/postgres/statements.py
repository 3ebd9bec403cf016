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


class PostgresStatements(Statements):
    """The named queries, bound to one connection."""

    __slots__ = ("_cursor", "_holds")

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        super().__init__(DIALECT)
        self._cursor = connection.cursor()
        self._holds = not connection.read_only

    def execute_sql(self, sql: str, values: Values) -> int:
        try:
            return self._cursor.execute(bound(sql, holds=self._holds), values).rowcount
        except psycopg.Error as fault:
            raise translated(fault) from fault

    def execute_sql_many(self, sql: str, rows: Iterable[Values]) -> None:
        try:
            self._cursor.executemany(bound(sql, holds=self._holds), rows)
        except psycopg.Error as fault:
            raise translated(fault) from fault

    def rows_of(self, sql: str, values: Values) -> list[Row]:
        try:
            return self._cursor.execute(bound(sql, holds=self._holds), values).fetchall()
        except psycopg.Error as fault:
            raise translated(fault) from fault

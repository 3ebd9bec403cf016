"""Runs named queries on one SQLite connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from graphstead.storage.sqlite.faults import translated
from graphstead.storage.statements import Dialect, Row, Statements, Values

DIALECT = Dialect("sqlite")
QUERIES = DIALECT.queries
composed = DIALECT.composed


class SqliteStatements(Statements):
    """The named queries, bound to one connection."""

    __slots__ = ("connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(DIALECT)
        self.connection = connection

    def execute_sql(self, sql: str, values: Values) -> int:
        try:
            return self.connection.execute(sql, values).rowcount
        except sqlite3.Error as fault:
            raise translated(fault) from fault

    def execute_sql_many(self, sql: str, rows: Iterable[Values]) -> None:
        try:
            self.connection.executemany(sql, rows)
        except sqlite3.Error as fault:
            raise translated(fault) from fault

    def rows_of(self, sql: str, values: Values) -> list[Row]:
        try:
            return self.connection.execute(sql, values).fetchall()
        except sqlite3.Error as fault:
            raise translated(fault) from fault

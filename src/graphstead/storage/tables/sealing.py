"""Which ciphers the database is encrypted with."""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from graphstead.storage.forms import marks
from graphstead.storage.rows import Resealed, SealedPlace, SealRow
from graphstead.storage.sealed_columns import SealedColumns
from graphstead.storage.statements import Statements, to_json


class StoredSealing:
    """Implements `base.Sealing`."""

    __slots__ = ("_known_since", "_sql")

    def __init__(self, sql: Statements, *, known_since: int) -> None:
        self._sql = sql
        self._known_since = known_since

    def list(self) -> builtins.list[SealRow]:
        return [SealRow(*row) for row in self._sql.rows("sealing.list")]

    def add(self, row: SealRow) -> None:
        self._sql.execute("sealing.add", cipher=row.cipher, proof=row.proof, since=row.since)
        self._sql.execute("sealing.keep_older_out", known_since=self._known_since)

    def replace(self, place: SealedPlace, old: Any, new: Any) -> None:
        octets = isinstance(new, bytes | str)
        self._sql.execute(
            f"sealing.replace_{place.table}_{place.column}",
            **place.key,
            old=old if octets else to_json(old),
            new=new if octets else to_json(new),
        )

    def forget(self, cipher: str) -> None:
        self._sql.execute("sealing.forget", cipher=cipher)

    def page(
        self, columns: SealedColumns, after: Mapping[str, Any], limit: int, key_name: str
    ) -> builtins.list[tuple[Mapping[str, Any], Sequence[str | bytes | None]]]:
        name, keys = f"resealing.page_{columns.table}", len(columns.key)
        rows = self._sql.rows(name, **marks(key_name), **after, limit=limit)
        return [(dict(zip(columns.key, row, strict=False)), row[keys:]) for row in rows]

    def renew(self, table: str, values: Sequence[Resealed]) -> None:
        for column, found in groupby(sorted(values, key=_column), _column):
            given = [{**one.key, "old": one.old, "new": one.new} for one in found]
            self._sql.execute_many(f"sealing.replace_{table}_{column}", given)


def _column(one: Resealed) -> str:
    return one.column

"""Which ciphers the database is encrypted with."""

from __future__ import annotations

import builtins
from typing import Any

from graphstead.storage.rows import SealedPlace, SealRow
from graphstead.storage.sqlite.statements import Statements, to_json

KNOWN_SINCE = 9


class SqliteSealing:
    """Implements `base.Sealing`."""

    __slots__ = ("_sql",)

    def __init__(self, sql: Statements) -> None:
        self._sql = sql

    def list(self) -> builtins.list[SealRow]:
        return [SealRow(*row) for row in self._sql.rows("sealing.list")]

    def add(self, row: SealRow) -> None:
        self._sql.execute("sealing.add", cipher=row.cipher, proof=row.proof, since=row.since)
        self._sql.execute("sealing.keep_older_out", known_since=KNOWN_SINCE)

    def replace(self, place: SealedPlace, old: Any, new: Any) -> None:
        octets = isinstance(new, bytes | str)
        self._sql.execute(
            f"sealing.replace_{place.table}_{place.column}",
            **place.key,
            old=old if octets else to_json(old),
            new=new if octets else to_json(new),
        )

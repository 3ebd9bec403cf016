"""Which ciphers the database is encrypted with."""

from __future__ import annotations

import builtins
from typing import Any

from graphstead.storage.rows import SealedPlace, SealRow
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

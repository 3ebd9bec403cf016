"""Answers remembered under an Idempotency-Key."""

from __future__ import annotations

from graphstead.storage.rows import ReplayRow
from graphstead.storage.statements import Statements


class StoredReplays:
    """Implements `base.Replays`."""

    __slots__ = ("_sql",)

    def __init__(self, sql: Statements) -> None:
        self._sql = sql

    def get(self, scope: str, key: str) -> ReplayRow | None:
        row = self._sql.row("replays.get", scope=scope, key=key)
        return ReplayRow(*row) if row else None

    def keep(self, row: ReplayRow) -> None:
        self._sql.execute(
            "replays.keep",
            scope=row.scope,
            key=row.key,
            fingerprint=row.fingerprint,
            answer=row.answer,
            created_ms=row.created_ms,
        )

    def purge(self, before_ms: int, limit: int) -> None:
        self._sql.execute("replays.purge", before_ms=before_ms, limit=limit)

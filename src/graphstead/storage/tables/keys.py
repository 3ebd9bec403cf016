"""Keys of this server."""

from __future__ import annotations

import builtins

import orjson

from graphstead.storage.rows import ApiKeyRow
from graphstead.storage.statements import Row, Statements, to_json


class StoredApiKeys:
    """Implements `base.ApiKeys`."""

    __slots__ = ("_sql",)

    def __init__(self, sql: Statements) -> None:
        self._sql = sql

    def add(self, row: ApiKeyRow) -> bool:
        added = self._sql.execute(
            "keys.add",
            key_id=row.key_id,
            secret_hash=row.secret_hash,
            identity=row.identity,
            name=row.name,
            permissions=to_json(row.permissions),
            created_ms=row.created_ms,
            expires_ms=row.expires_ms,
            revoked_ms=row.revoked_ms,
            last_used_ms=row.last_used_ms,
        )
        return added > 0

    def get(self, key_id: str) -> ApiKeyRow | None:
        row = self._sql.row("keys.get", key_id=key_id)
        return _key(row) if row else None

    def list(self, limit: int) -> builtins.list[ApiKeyRow]:
        return [_key(row) for row in self._sql.rows("keys.list", limit=limit)]

    def revoke(self, key_id: str, now_ms: int) -> bool:
        return self._sql.execute("keys.revoke", key_id=key_id, now_ms=now_ms) > 0

    def used(self, key_id: str, now_ms: int) -> None:
        self._sql.execute("keys.used", key_id=key_id, now_ms=now_ms)


def _key(row: Row) -> ApiKeyRow:
    key_id, secret_hash, identity, name, permissions, *times = row
    return ApiKeyRow(key_id, secret_hash, identity, name, tuple(orjson.loads(permissions)), *times)

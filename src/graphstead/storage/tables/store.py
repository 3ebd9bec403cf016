"""The store's items and their vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphstead.storage.rows import StoreMatch, StoreRow
from graphstead.storage.statements import Row, Statements, from_json, to_json


class StoredStoreItems:
    """Implements `base.StoreItems`."""

    __slots__ = ("_sql",)

    def __init__(self, sql: Statements) -> None:
        self._sql = sql

    def get(self, namespace: str, key: str, now_ms: int) -> StoreRow | None:
        row = self._sql.row("store.get", namespace=namespace, key=key, now_ms=now_ms)
        return _item(row) if row else None

    def put(self, row: StoreRow, vectors: Sequence[bytes], now_ms: int) -> None:
        self._sql.execute("store.delete_vectors", namespace=row.namespace, key=row.key)
        self._sql.execute(
            "store.put",
            namespace=row.namespace,
            key=row.key,
            value=to_json(row.value),
            created_at=row.created_at,
            updated_at=row.updated_at,
            ttl_minutes=row.ttl_minutes,
            expires_ms=row.expires_ms,
            now_ms=now_ms,
        )
        place = {"namespace": row.namespace, "key": row.key}
        self._sql.execute_many(
            "store.put_vector",
            [place | {"number": n, "vector": self._vector(v)} for n, v in enumerate(vectors)],
        )

    def delete(self, namespace: str, key: str) -> None:
        self._sql.execute("store.delete_vectors", namespace=namespace, key=key)
        self._sql.execute("store.delete", namespace=namespace, key=key)

    def touch(self, row: StoreRow, expires_ms: int, now_ms: int) -> None:
        self._sql.execute(
            "store.touch",
            namespace=row.namespace,
            key=row.key,
            expires_ms=expires_ms,
            now_ms=now_ms,
        )

    def search(
        self, match: StoreMatch, query: bytes | None, *, limit: int, offset: int
    ) -> list[tuple[StoreRow, float | None]]:
        conditions, values = _conditions(match)
        name = "store.search"
        if query is not None:
            name, values = "store.search_by_meaning", values | {"query": self._vector(query)}
        bounds = {"limit": limit, "offset": offset}
        rows = self._sql.rows_of(self._sql.composed(name, conditions), values | bounds)
        return [(_item(row[:-1]), row[-1]) for row in rows]

    def namespaces(self, prefix: str, now_ms: int) -> list[str]:
        conditions, values = _conditions(StoreMatch(now_ms, prefix))
        return [
            row[0]
            for row in self._sql.rows_of(self._sql.composed("store.namespaces", conditions), values)
        ]

    def is_expired(self, now_ms: int) -> bool:
        return self._sql.row("store.expired", now_ms=now_ms, limit=1) is not None

    def purge(self, now_ms: int, limit: int) -> int:
        due = self._sql.rows("store.expired", now_ms=now_ms, limit=limit)
        places = [{"namespace": namespace, "key": key} for namespace, key in due]
        self._sql.execute_many("store.delete_vectors", places)
        self._sql.execute_many("store.delete", places)
        return len(due)

    def _vector(self, packed: bytes) -> Any:
        """Return a packed vector as the dialect stores it."""
        return packed


def _item(row: Row) -> StoreRow:
    namespace, key, value, *rest = row
    return StoreRow(namespace, key, from_json(value), *rest)


def _conditions(match: StoreMatch) -> tuple[tuple[str, ...], dict[str, Any]]:
    names = ["store.where_alive"]
    values: dict[str, Any] = {"now_ms": match.now_ms}
    if match.prefix:
        names.append("store.where_prefix")
        # Between the dot, which begins every label below, and the character after it.
        values |= {"prefix": match.prefix, "prefix_from": f"{match.prefix}."}
        values["prefix_to"] = f"{match.prefix}/"
    if match.filter:
        names.append("store.where_filter")
        values["filter"] = to_json(match.filter)
    return tuple(names), values

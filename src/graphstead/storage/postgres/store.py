"""The store's items on Postgres, their vectors as arrays of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphstead.storage.tables.store import StoredStoreItems
from graphstead.storage.vectors import unpacked


class PostgresStoreItems(StoredStoreItems):
    """Implements `base.StoreItems`."""

    __slots__ = ()

    def _vector(self, packed: bytes) -> Any:
        return _array(unpacked(packed))


def _array(numbers: Sequence[float]) -> str:
    return "{" + ",".join(map(repr, numbers)) + "}"

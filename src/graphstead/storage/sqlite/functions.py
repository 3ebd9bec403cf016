"""The SQL functions that SQLite lacks and Postgres has as jsonb operators."""

from __future__ import annotations

import sqlite3
from functools import lru_cache
from typing import Any

import orjson

from graphstead.storage.conditions import meets, same
from graphstead.storage.rules import Condition, from_json, met
from graphstead.storage.vectors import product, unpacked


def contains(whole: Any, part: Any) -> bool:
    """Tell whether `whole` contains `part`, as jsonb's `@>` does.

    Objects match by subset at every depth, arrays where each element of `part` is contained in
    some element of `whole`, anything else by equality of type and value (1 equals 1.0).
    """
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(
            key in whole and contains(whole[key], value) for key, value in part.items()
        )
    if isinstance(part, list):
        return isinstance(whole, list) and all(
            any(contains(have, want) for have in whole) for want in part
        )
    return same(whole, part)


@lru_cache(maxsize=256)
def _filter(text: str) -> Any:
    return orjson.loads(text)


def json_contains(whole: str | None, part: str) -> bool:
    """Do `contains` on JSON texts; NULL contains nothing."""
    return whole is not None and contains(orjson.loads(whole), _filter(part))


def json_has_items(whole: str, items: str) -> bool:
    """Tell whether an object has each of these top-level keys with an equal value."""
    have = orjson.loads(whole)
    return all(key in have and same(have[key], value) for key, value in _filter(items).items())


def json_meets(whole: str, conditions: str) -> bool:
    """Tell whether an object meets conditions on its members."""
    return meets(orjson.loads(whole), _filter(conditions))


@lru_cache(maxsize=256)
def _condition(text: str) -> Condition:
    return from_json(orjson.loads(text))


def json_admits(metadata: str | None, condition: str) -> bool:
    """Tell whether metadata meets a rule's condition; NULL meets none."""
    return metadata is not None and met(_condition(condition), orjson.loads(metadata))


@lru_cache(maxsize=32)
def _query(packed: bytes) -> list[float]:
    return unpacked(packed)


def vector_product(packed: bytes, query: bytes) -> float | None:
    """Return how alike two packed vectors are, NULL where their lengths differ."""
    return product(packed, _query(query))


def install(connection: sqlite3.Connection) -> None:
    """Make the functions known to this connection."""
    connection.create_function("json_contains", 2, json_contains, deterministic=True)
    connection.create_function("json_has_items", 2, json_has_items, deterministic=True)
    connection.create_function("json_meets", 2, json_meets, deterministic=True)
    connection.create_function("json_admits", 2, json_admits, deterministic=True)
    connection.create_function("vector_product", 2, vector_product, deterministic=True)

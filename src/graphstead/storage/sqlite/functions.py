"""The SQL functions that SQLite lacks and Postgres has as jsonb operators."""

from __future__ import annotations

import sqlite3
from functools import lru_cache
from typing import Any

import orjson

from graphstead.storage.conditions import contains, has_items, meets
from graphstead.storage.rules import Condition, from_json, met
from graphstead.storage.vectors import product, unpacked


@lru_cache(maxsize=256)
def _filter(text: str) -> Any:
    return orjson.loads(text)


def json_contains(whole: str | None, part: str) -> bool:
    """Do `contains` on JSON texts; NULL contains nothing."""
    return whole is not None and contains(orjson.loads(whole), _filter(part))


def json_has_items(whole: str, items: str) -> bool:
    """Tell whether an object has each of these top-level keys with an equal value."""
    return has_items(orjson.loads(whole), _filter(items))


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

"""The SQL functions that SQLite lacks and Postgres has as jsonb operators."""

from __future__ import annotations

import sqlite3
from functools import lru_cache
from typing import Any

import orjson


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


def same(left: Any, right: Any) -> bool:
    """Tell whether two JSON values are equal; true is not 1."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


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


def install(connection: sqlite3.Connection) -> None:
    """Make the functions known to this connection."""
    connection.create_function("json_contains", 2, json_contains, deterministic=True)
    connection.create_function("json_has_items", 2, json_has_items, deterministic=True)

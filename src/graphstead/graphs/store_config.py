"""`store` of langgraph.json: how long items live, and what makes them searchable by meaning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphstead.graphs.thread_ttl import CENTURY_MINUTES, Fault

__all__ = ["INDEX_KEYS", "STORE_KEYS", "STORE_TTL_KEYS", "StoreConfig", "StoreIndex", "StoreTtl"]

STORE_KEYS = frozenset({"index", "path", "ttl"})
INDEX_KEYS = frozenset({"embed", "dims", "fields"})
STORE_TTL_KEYS = frozenset({"default_ttl", "refresh_on_read", "sweep_interval_minutes"})
WHOLE = ("$",)


@dataclass(frozen=True, slots=True)
class StoreIndex:
    """`embed` makes vectors of `dims` numbers from what stands at `fields` ($: everything)."""

    embed: str
    dims: int
    fields: tuple[str, ...] = WHOLE


@dataclass(frozen=True, slots=True)
class StoreTtl:
    """Without `default_minutes` an item lives for ever unless its writer says otherwise."""

    default_minutes: float | None = None
    refresh_on_read: bool = True
    sweep_interval_minutes: float | None = None


@dataclass(frozen=True, slots=True)
class StoreConfig:
    """What the project asks of the store."""

    index: StoreIndex | None = None
    ttl: StoreTtl = field(default_factory=StoreTtl)


def read_index(given: Mapping[str, Any], fault: Fault) -> StoreIndex | None:
    """Read the object; what is wrong with it goes to `fault` as (key, what was expected)."""
    embed, dims = given.get("embed"), given.get("dims")
    fields = given.get("fields", list(WHOLE))
    sound = True
    if not isinstance(embed, str) or not all(embed.rpartition(":")[::2]):
        sound = False
        expected = "expected './file.py:variable', 'module:variable' or 'provider:model'"
        fault("store.index.embed", f"{expected}, found {embed!r}")
    if isinstance(dims, bool) or not isinstance(dims, int) or dims < 1:
        sound = False
        fault("store.index.dims", f"expected a whole number from 1, found {dims!r}")
    if not isinstance(fields, list) or not all(isinstance(one, str) for one in fields):
        sound = False
        fault("store.index.fields", f"expected a list of paths, found {fields!r}")
    return StoreIndex(str(embed), int(dims or 0), tuple(fields)) if sound else None


def read_store_ttl(given: Mapping[str, Any], fault: Fault) -> StoreTtl:
    """Read the object; what is wrong with it goes to `fault` as (key, what was expected)."""
    refresh = given.get("refresh_on_read", True)
    if not isinstance(refresh, bool):
        fault("store.ttl.refresh_on_read", f"expected true or false, found {refresh!r}")
    return StoreTtl(
        _minutes(given, "default_ttl", fault),
        refresh is True,
        _minutes(given, "sweep_interval_minutes", fault),
    )


def _minutes(given: Mapping[str, Any], key: str, fault: Fault) -> float | None:
    value = given.get(key)
    if value is None:
        return None
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and 0 < value <= CENTURY_MINUTES:
        return float(value)
    fault(f"store.ttl.{key}", f"expected minutes up to a century, found {value!r}")
    return None

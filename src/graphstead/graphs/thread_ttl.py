"""`checkpointer.ttl` of langgraph.json: how long new threads may rest, and how often one looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["CHECKPOINTER_KEYS", "TTL_KEYS", "ThreadTtl", "read_ttl"]

CHECKPOINTER_KEYS = frozenset({"backend", "path", "serde", "ttl", "uri"})
TTL_KEYS = frozenset({"strategy", "default_ttl", "sweep_interval_minutes", "sweep_limit"})
STRATEGIES = ("delete", "keep_latest")
SWEEP_LIMIT = 10_000
CENTURY_MINUTES = 52_560_000

Fault = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class ThreadTtl:
    """What the project asks for; without `minutes` only the rhythm of the sweep is set."""

    strategy: Literal["delete", "keep_latest"] = "delete"
    minutes: float | None = None
    sweep_interval_minutes: float | None = None
    sweep_limit: int = SWEEP_LIMIT


def read_ttl(ttl: Mapping[str, Any], fault: Fault) -> ThreadTtl:
    """Read the object; what is wrong with it goes to `fault` as (key, what was expected)."""
    strategy = ttl.get("strategy", "delete")
    if strategy not in STRATEGIES:
        fault("checkpointer.ttl.strategy", f"expected delete or keep_latest, found {strategy!r}")
    limit = ttl.get("sweep_limit", SWEEP_LIMIT)
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        fault("checkpointer.ttl.sweep_limit", f"expected a whole number from 1, found {limit!r}")
    return ThreadTtl(
        strategy,
        _minutes(ttl, "default_ttl", fault),
        _minutes(ttl, "sweep_interval_minutes", fault),
        limit,
    )


def _minutes(ttl: Mapping[str, Any], key: str, fault: Fault) -> float | None:
    given = ttl.get(key)
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float):
        fault(f"checkpointer.ttl.{key}", f"expected minutes, found {given!r}")
    elif not 0 < given <= CENTURY_MINUTES:
        fault(f"checkpointer.ttl.{key}", f"expected minutes up to a century, found {given!r}")
    else:
        return float(given)
    return None

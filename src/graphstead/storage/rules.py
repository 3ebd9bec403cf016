"""What a rule about access demands of a row's metadata; each backend finds rows by it.

    Equals("owner", "ada")             the member is there and is that very value
    Contains("readers", ("ada",))      the member is a list that has all of these
    Every((…)), AnyOf((…))             all of these conditions, at least one of them

There is no "not": a row without the member meets nothing that is said about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from graphstead.storage.conditions import same

__all__ = ["AnyOf", "Condition", "Contains", "Equals", "Every", "as_json", "from_json", "met"]


@dataclass(frozen=True, slots=True)
class Equals:
    key: str
    value: Any


@dataclass(frozen=True, slots=True)
class Contains:
    key: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Every:
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    parts: tuple[Condition, ...]


Condition: TypeAlias = Equals | Contains | Every | AnyOf


def met(condition: Condition, metadata: Mapping[str, Any]) -> bool:
    """Tell whether metadata meets a condition."""
    if isinstance(condition, Equals):
        return condition.key in metadata and same(metadata[condition.key], condition.value)
    if isinstance(condition, Contains):
        have = metadata.get(condition.key)
        return isinstance(have, list) and all(
            any(same(one, wanted) for one in have) for wanted in condition.values
        )
    judge = all if isinstance(condition, Every) else any
    return judge(met(part, metadata) for part in condition.parts)


def as_json(condition: Condition) -> list[Any]:
    """Return a condition as JSON: its kind, then what it is made of."""
    if isinstance(condition, Equals):
        return ["equals", condition.key, condition.value]
    if isinstance(condition, Contains):
        return ["contains", condition.key, list(condition.values)]
    kind = "every" if isinstance(condition, Every) else "any"
    return [kind, *map(as_json, condition.parts)]


def from_json(parts: list[Any]) -> Condition:
    """Return the condition that `as_json` wrote. Raises ValueError for anything else."""
    kind, *rest = parts
    if kind == "equals":
        return Equals(*rest)
    if kind == "contains":
        return Contains(rest[0], tuple(rest[1]))
    if kind in ("every", "any"):
        made = tuple(map(from_json, rest))
        return Every(made) if kind == "every" else AnyOf(made)
    raise ValueError(f"There is no condition of the kind {kind!r}")

"""The filters that rules return, read into conditions on metadata.

    {"owner": "ada"}                                    equal
    {"owner": {"$eq": "ada"}}                           the same
    {"readers": {"$contains": "ada"}}                   a list that has it, or all of several
    {"$or": [{"owner": "ada"}, {"public": True}]}       two or more; also "$and"
    {"owner": "ada", "public": True}                    both

What is not understood is refused and never matches: a misspelt rule shows nothing to anybody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from graphstead.storage.rules import AnyOf, Condition, Contains, Equals, Every

__all__ = ["FilterFault", "condition_of"]

DEEPEST = 2
JOINTS = ("$or", "$and")


class FilterFault(Exception):
    """A rule answered something that is no filter."""


def condition_of(given: Any, depth: int = 0) -> Condition | None:
    """Return what a filter demands, None for an empty one. Raises FilterFault."""
    if not isinstance(given, Mapping):
        raise FilterFault(
            f"expected None, True, False or a filter object, found {type(given).__name__}"
        )
    parts = tuple(part for name, wanted in given.items() for part in _parts(name, wanted, depth))
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else Every(parts)


def _parts(name: Any, wanted: Any, depth: int) -> Iterator[Condition]:
    if not isinstance(name, str):
        raise FilterFault(f"a key of metadata is text, found {name!r}")
    if name in JOINTS:
        yield _joined(name, wanted, depth + 1)
    elif name.startswith("$"):
        raise FilterFault(f"unknown operator {name}; filters are joined by $or and $and")
    elif isinstance(wanted, Mapping) and any(str(key).startswith("$") for key in wanted):
        yield from (_compared(name, operator, bound) for operator, bound in wanted.items())
    else:
        yield Equals(name, _json(wanted))


def _joined(name: str, given: Any, depth: int) -> Condition:
    if depth > DEEPEST:
        raise FilterFault(f"{name} is nested deeper than {DEEPEST} levels")
    if not isinstance(given, list | tuple) or len(given) < 2:
        raise FilterFault(f"{name} takes a list of two filters or more")
    parts = []
    for one in given:
        part = condition_of(one, depth)
        if part is None:
            raise FilterFault(f"{name} has an empty filter in it")
        parts.append(part)
    return AnyOf(tuple(parts)) if name == "$or" else Every(tuple(parts))


def _compared(key: str, operator: Any, bound: Any) -> Condition:
    if operator == "$eq":
        return Equals(key, _json(bound))
    if operator == "$contains":
        wanted = bound if isinstance(bound, list | tuple) else (bound,)
        return Contains(key, tuple(map(_json, wanted)))
    raise FilterFault(f"unknown operator {operator}; a member is compared by $eq and $contains")


def _json(value: Any) -> Any:
    """Return a value as JSON has it. Raises FilterFault."""
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, list | tuple):
        return [_json(one) for one in value]
    if isinstance(value, Mapping):
        return {str(key): _json(one) for key, one in value.items()}
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise FilterFault(f"a value of metadata cannot be a {type(value).__name__}")

"""Conditions on JSON objects, member by member; what makes one unfit is told by `unfit`.

    {"age": {"$gte": 18}, "city": "Bern", "home": {"floor": 2}}

A member must be there to meet anything. Text is compared with text by code points and numbers with
numbers; kinds that differ never match a range.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["contains", "has_items", "meets", "same", "unfit"]

DEEPEST = 50
TOO_DEEP = f"The filter is nested deeper than {DEEPEST} levels"


def same(left: Any, right: Any) -> bool:
    """Tell whether two JSON values are equal; true is not 1."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


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


def has_items(whole: Mapping[str, Any], items: Mapping[str, Any]) -> bool:
    """Tell whether an object has each of these top-level members with an equal value."""
    return all(key in whole and same(whole[key], value) for key, value in items.items())


def _ranged(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def holds(have: Any, bound: Any) -> bool:
        return _kind(have) is not None and _kind(have) == _kind(bound) and compare(have, bound)

    return holds


def _kind(value: Any) -> str | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else None


RANGES = {
    "$gt": _ranged(operator.gt),
    "$gte": _ranged(operator.ge),
    "$lt": _ranged(operator.lt),
    "$lte": _ranged(operator.le),
}
OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "$eq": same,
    "$ne": lambda have, unwanted: not same(have, unwanted),
    **RANGES,
}


def meets(value: Any, conditions: Mapping[str, Any]) -> bool:
    """Tell whether an object has every member named, each as its condition wants it."""
    return all(name in value and _holds(value[name], one) for name, one in conditions.items())


def _holds(have: Any, wanted: Any) -> bool:
    if not isinstance(wanted, dict):
        return same(have, wanted)
    if any(name.startswith("$") for name in wanted):
        return all(OPERATORS[name](have, bound) for name, bound in wanted.items())
    return isinstance(have, dict) and meets(have, wanted)


def unfit(conditions: Any, depth: int = 0) -> str | None:
    """Return why these conditions cannot be judged, None where they can."""
    if depth > DEEPEST:
        return TOO_DEEP
    if not isinstance(conditions, dict):
        return None if _depth(conditions, depth) <= DEEPEST else TOO_DEEP
    compared = depth > 0 and any(name.startswith("$") for name in conditions)
    judge = _unfit_operator if compared else _unfit_member
    faults = (judge(name, one, depth) for name, one in conditions.items())
    return next((fault for fault in faults if fault is not None), None)


def _unfit_member(name: str, wanted: Any, depth: int) -> str | None:
    return _unknown(name) if name.startswith("$") else unfit(wanted, depth + 1)


def _unfit_operator(name: str, wanted: Any, depth: int) -> str | None:
    if name not in OPERATORS:
        return _unknown(name)
    if name in RANGES and _kind(wanted) is None:
        return f"Operator {name} compares with a number or a text alone"
    return None if _depth(wanted, depth) <= DEEPEST else TOO_DEEP


def _unknown(name: str) -> str:
    return f"Unsupported operator: {name}. A member is compared with {', '.join(OPERATORS)}"


def _depth(value: Any, depth: int) -> int:
    """Return how deep a value is nested, looking no deeper than is allowed."""
    if depth > DEEPEST or not isinstance(value, dict | list):
        return depth
    parts = value.values() if isinstance(value, dict) else value
    return max((_depth(part, depth + 1) for part in parts), default=depth)

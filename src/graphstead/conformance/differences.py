"""Find where two answers differ, and put the same difference of many calls into one line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Final

__all__ = ["ABSENT", "Difference", "Found", "differences", "grouped"]

ABSENT: Final = "(absent)"


@dataclass(frozen=True, slots=True)
class Difference:
    """One place: where, and what either side has there, as JSON or `(absent)`."""

    path: str
    a: str
    b: str


@dataclass(frozen=True, slots=True)
class Found:
    """One difference and the calls that showed it, in their order."""

    difference: Difference
    calls: tuple[str, ...]


def differences(a: Any, b: Any, path: str = "") -> Iterator[Difference]:
    """Yield the differences of two JSON values, members in the order of their names."""
    if isinstance(a, dict) and isinstance(b, dict):
        for key in sorted(a.keys() | b.keys()):
            yield from _member(a, b, key, f"{path}.{key}" if path else key)
    elif isinstance(a, list) and isinstance(b, list):
        yield from _items(a, b, path)
    elif a != b or type(a) is not type(b):
        yield Difference(path, _shown(a), _shown(b))


def _member(a: dict[str, Any], b: dict[str, Any], key: str, path: str) -> Iterator[Difference]:
    if key not in a:
        yield Difference(path, ABSENT, _shown(b[key]))
    elif key not in b:
        yield Difference(path, _shown(a[key]), ABSENT)
    else:
        yield from differences(a[key], b[key], path)


def _items(a: list[Any], b: list[Any], path: str) -> Iterator[Difference]:
    """Compare pairwise; where the lengths differ or events are out of step, align by label."""
    labels_a, labels_b = [_label(one) for one in a], [_label(one) for one in b]
    for tag, a1, a2, b1, b2 in SequenceMatcher(None, labels_a, labels_b, False).get_opcodes():
        if tag in ("equal", "replace") and a2 - a1 == b2 - b1:
            for left, right in zip(a[a1:a2], b[b1:b2], strict=True):
                yield from differences(left, right, f"{path}[{_short(left)}]")
        else:
            yield from (Difference(f"{path}[]", _shown(one), ABSENT) for one in a[a1:a2])
            yield from (Difference(f"{path}[]", ABSENT, _shown(one)) for one in b[b1:b2])


def _label(item: Any) -> str:
    """Return what an item is recognised by: an event's name, else its kind alone."""
    return str(item["event"]) if isinstance(item, dict) and "event" in item else "item"


def _short(item: Any) -> str:
    return _label(item) if _label(item) != "item" else ""


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def grouped(found: Iterable[tuple[str, Difference]]) -> list[Found]:
    """Gather (call, difference) pairs by difference, in the order of their first call."""
    calls: dict[Difference, list[str]] = {}
    for call, difference in found:
        if call not in calls.setdefault(difference, []):
            calls[difference].append(call)
    return [Found(difference, tuple(names)) for difference, names in calls.items()]

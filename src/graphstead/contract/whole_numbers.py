"""Read whole numbers as such, however JSON writes them.

To JSON Schema 10.0 is an integer; to Python it is a float, which no list can be cut by and no
database counts with. Where the contract asks for an integer and nothing else, one is what
handlers get; free-form data stays as it was sent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from graphstead.contract.parameters import kinds_of
from graphstead.contract.specification import Place

__all__ = ["WholeNumbers", "compile_whole_numbers"]

MAX_DEPTH = 8


@dataclass(frozen=True, slots=True)
class WholeNumbers:
    """Which members of an object are integers, with what is known of the levels below."""

    names: frozenset[str]
    below: dict[str, WholeNumbers]
    items: WholeNumbers | None

    def restore(self, value: Any) -> None:
        """Make integers of the floats at these places of a valid body, in place."""
        if isinstance(value, dict):
            for name in self.names & value.keys():
                if isinstance(value[name], float):
                    value[name] = int(value[name])
            for name in self.below.keys() & value.keys():
                self.below[name].restore(value[name])
        elif isinstance(value, list) and self.items is not None:
            for item in value:
                self.items.restore(item)


def compile_whole_numbers(schema: Place) -> WholeNumbers | None:
    """Find the integers of a schema; None where it has none."""
    return _compile([schema], frozenset(), MAX_DEPTH)


def _compile(places: Sequence[Place], seen: frozenset[str], depth: int) -> WholeNumbers | None:
    resolved = [place for place in map(Place.resolved, places) if isinstance(place.value, dict)]
    fresh = [place for place in resolved if place.pointer not in seen]
    parts = [part for place in fresh for part in place.composed("then", "else")]
    if not parts or not depth:
        return None
    deeper = seen | {place.pointer for place in resolved}
    members = _members(parts)
    names = frozenset(name for name, found in members.items() if all(map(_is_whole, found)))
    inner = {name: _compile(found, deeper, depth - 1) for name, found in members.items()}
    below = {name: found for name, found in inner.items() if found is not None}
    lists = [part.schema("items") for part in parts if isinstance(part.value.get("items"), dict)]
    items = _compile(lists, deeper, depth - 1)
    return WholeNumbers(names, below, items) if names or below or items else None


def _members(parts: Sequence[Place]) -> dict[str, list[Place]]:
    members: dict[str, list[Place]] = defaultdict(list)
    for part in parts:
        named = part.get("properties")
        for name in named.value if named else ():
            members[name].append(part.child("properties").schema(name))
    return members


def _is_whole(place: Place) -> bool:
    kinds = kinds_of(place.value, place.document)
    return "integer" in kinds and "number" not in kinds

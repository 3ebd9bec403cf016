"""Know which members of a request body the contract declares.

Bodies stay open, since clients send keys of their own; a key nobody declared is reported, never
dropped in silence. Objects without declared properties, or with ``additionalProperties``
written out, are free-form and never reported.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from graphstead.contract.specification import Place

__all__ = ["Members", "Unknown", "compile_members"]

MAX_REPORTED = 20
MAX_DEPTH = 8


@dataclass(frozen=True, slots=True)
class Unknown:
    """One undeclared member: where it is, and the declared name that looks most like it."""

    path: str
    nearest: str | None


@dataclass(slots=True)
class Members:
    """Declared names at one level, with what is known of the levels below."""

    names: frozenset[str] = frozenset()
    below: dict[str, Members] = field(default_factory=dict)
    items: Members | None = None
    closed: bool = False

    def unknown(self, value: Any) -> list[Unknown]:
        """Return the undeclared members of a body, at most twenty."""
        found: list[Unknown] = []
        for unknown in self._walk(value, ""):
            found.append(unknown)
            if len(found) == MAX_REPORTED:
                break
        return found

    def _walk(self, value: Any, path: str) -> Iterator[Unknown]:
        if isinstance(value, dict):
            if self.closed:
                for name in value.keys() - self.names:
                    yield Unknown(_join(path, name), self._nearest(name))
            for name in self.below.keys() & value.keys():
                yield from self.below[name]._walk(value[name], _join(path, name))
        elif isinstance(value, list) and self.items is not None:
            for index, item in enumerate(value):
                yield from self.items._walk(item, f"{path}[{index}]")

    def _nearest(self, name: str) -> str | None:
        near = difflib.get_close_matches(name, self.names, n=1)
        return near[0] if near else None


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def compile_members(schema: Place) -> Members | None:
    """Read the declared members of a schema; None when nothing in it can be unknown."""
    members = _compile(schema, frozenset(), MAX_DEPTH)
    return members if _matters(members) else None


def _matters(members: Members | None) -> bool:
    return members is not None and (
        members.closed
        or _matters(members.items)
        or any(_matters(inner) for inner in members.below.values())
    )


def _compile(schema: Place, seen: frozenset[str], depth: int) -> Members:
    place = schema.resolved()
    members = Members()
    if depth and place.pointer not in seen and isinstance(place.value, dict):
        parts = list(place.composed())
        names: set[str] = set()
        for part in parts:
            names.update(part.value.get("properties", {}))
        members.names = frozenset(names)
        members.closed = bool(names) and not any(_is_open(part, names) for part in parts)
        deeper = seen | {place.pointer}
        for part in parts:
            _add_below(members, part, deeper, depth - 1)
    return members


def _add_below(members: Members, part: Place, seen: frozenset[str], depth: int) -> None:
    for name in part.value.get("properties", {}):
        properties = Place(part.document, f"{part.pointer}/properties", part.value["properties"])
        inner = _compile(properties.schema(name), seen, depth)
        if _worth_keeping(inner) and name not in members.below:
            members.below[name] = inner
    if isinstance(part.value.get("items"), dict) and members.items is None:
        inner = _compile(part.schema("items"), seen, depth)
        members.items = inner if _worth_keeping(inner) else None


def _worth_keeping(members: Members) -> bool:
    return members.closed or bool(members.below) or members.items is not None


def _is_open(part: Place, names: set[str]) -> bool:
    value = part.value
    if "additionalProperties" in value or "patternProperties" in value:
        return True
    kinds = value.get("type")
    composed = any(key in value for key in ("allOf", "anyOf", "oneOf", "properties"))
    return not composed and (kinds == "object" or (isinstance(kinds, list) and "object" in kinds))

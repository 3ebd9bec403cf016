"""Tell how a JSON Schema changed: what it no longer admits, and what it newly admits.

What is narrower breaks those who send, what is wider breaks those who read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from graphstead.contract.load import resolved

__all__ = ["Direction", "SchemaChange", "Schemas"]

Direction: TypeAlias = Literal["narrower", "wider", "other", "added"]
Node: TypeAlias = Mapping[str, Any]

ALL_TYPES = frozenset({"null", "boolean", "integer", "number", "string", "array", "object"})
LOWER_BOUNDS = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
UPPER_BOUNDS = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
SHAPES = ("pattern", "format", "contentEncoding", "contentMediaType")
CHOICES = ("anyOf", "oneOf")


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """One difference: where in the schema, in which direction, in words."""

    where: str
    direction: Direction
    what: str


@dataclass
class Schemas:
    """Compares schemas of two documents; references lead into the document they are of."""

    old: Node
    new: Node
    _seen: set[tuple[str, str]] = field(default_factory=set)

    def compare(self, old: Any, new: Any, where: str = "") -> Iterator[SchemaChange]:
        """Yield what changed, each pair of referenced schemas once."""
        pair = (str(_reference(old)), str(_reference(new)))
        if pair != ("", ""):
            if pair in self._seen:
                return
            self._seen.add(pair)
        before, after = _resolved(self.old, old), _resolved(self.new, new)
        if before is False or after is False:
            if before is not after:
                yield SchemaChange(where, "narrower" if after is False else "wider", "is closed")
            return
        yield from _types(before, after, where)
        yield from _values(before, after, where)
        yield from _bounds(before, after, where)
        yield from _shapes(before, after, where)
        yield from self._members(before, after, where)
        yield from self._inner(before, after, where)
        for keyword in CHOICES:
            yield from self._choices(keyword, before, after, where)
        yield from self._parts(before, after, where)

    def _members(self, old: Node, new: Node, where: str) -> Iterator[SchemaChange]:
        before, after = old.get("properties", {}), new.get("properties", {})
        for name in sorted({*old.get("required", ())} ^ {*new.get("required", ())}):
            needed = name in new.get("required", ())
            direction: Direction = "narrower" if needed else "wider"
            text = "must be there now" if needed else "may be missing now"
            yield SchemaChange(f"{where}.{name}", direction, text)
        for name in sorted(before.keys() - after.keys()):
            yield SchemaChange(f"{where}.{name}", "other", "is no longer described")
        for name in sorted(after.keys() - before.keys()):
            yield SchemaChange(f"{where}.{name}", "added", "is new")
        for name in sorted(before.keys() & after.keys()):
            yield from self.compare(before[name], after[name], f"{where}.{name}")

    def _inner(self, old: Node, new: Node, where: str) -> Iterator[SchemaChange]:
        for keyword, sign in (("additionalProperties", ".*"), ("items", "[]"), ("contains", "[?]")):
            before, after = old.get(keyword, True), new.get(keyword, True)
            if before != after or isinstance(before, Mapping):
                yield from self.compare(before, after, f"{where}{sign}")
        for index, (before, after) in enumerate(
            zip(old.get("prefixItems", ()), new.get("prefixItems", ()), strict=False)
        ):
            yield from self.compare(before, after, f"{where}[{index}]")

    def _choices(self, keyword: str, old: Node, new: Node, where: str) -> Iterator[SchemaChange]:
        before, after = old.get(keyword), new.get(keyword)
        if before is None or after is None:
            if before != after:
                direction: Direction = "narrower" if before is None else "wider"
                yield SchemaChange(where, direction, f"{keyword} is {_came(before)}")
            return
        gone, come, same = _matched(before, after)
        if len(gone) == len(come) == 1:
            same.append((gone.pop(), come.pop()))
        for choice in gone:
            yield SchemaChange(where, "narrower", f"no longer admits {_name(choice)}")
        for choice in come:
            yield SchemaChange(where, "wider", f"newly admits {_name(choice)}")
        for left, right in same:
            yield from self.compare(left, right, where)

    def _parts(self, old: Node, new: Node, where: str) -> Iterator[SchemaChange]:
        gone, come, same = _matched(old.get("allOf", ()), new.get("allOf", ()))
        for part in gone:
            yield SchemaChange(where, "wider", f"need no longer be {_name(part)}")
        for part in come:
            yield SchemaChange(where, "narrower", f"must also be {_name(part)}")
        for left, right in same:
            yield from self.compare(left, right, where)
        if old.get("not") != new.get("not"):
            yield SchemaChange(where, "other", "what it must not be has changed")


def _reference(node: Any) -> str:
    return node.get("$ref", "") if isinstance(node, Mapping) else ""


def _resolved(document: Node, node: Any) -> Any:
    """Return the schema itself; True is the one that admits everything."""
    found = resolved(document, node)
    return {} if found is True else found


def _types(old: Node, new: Node, where: str) -> Iterator[SchemaChange]:
    before, after = _type_names(old), _type_names(new)
    if before != after and ALL_TYPES in (before, after):
        named = ", ".join(sorted(before & after))
        if after == ALL_TYPES:
            yield SchemaChange(where, "wider", f"was only {named}, may be anything now")
        else:
            yield SchemaChange(where, "narrower", f"may only be {named} now")
        return
    for name in sorted(before - after):
        yield SchemaChange(where, "narrower", f"no longer admits {name}")
    for name in sorted(after - before):
        yield SchemaChange(where, "wider", f"newly admits {name}")


def _type_names(node: Node) -> frozenset[str]:
    given = node.get("type")
    if given is None:
        return ALL_TYPES
    names = {given} if isinstance(given, str) else set(given)
    return frozenset(names | ({"integer"} if "number" in names else set()))


def _values(old: Node, new: Node, where: str) -> Iterator[SchemaChange]:
    before, after = _value_list(old), _value_list(new)
    if before is None or after is None:
        if before is not after:
            direction: Direction = "narrower" if before is None else "wider"
            yield SchemaChange(where, direction, f"a list of values is {_came(before)}")
        return
    for value in before:
        if value not in after:
            yield SchemaChange(where, "narrower", f"no longer admits {value!r}")
    for value in after:
        if value not in before:
            yield SchemaChange(where, "wider", f"newly admits {value!r}")


def _value_list(node: Node) -> list[Any] | None:
    if "const" in node:
        return [node["const"]]
    values = node.get("enum")
    return None if values is None else list(values)


def _bounds(old: Node, new: Node, where: str) -> Iterator[SchemaChange]:
    for keywords, sign in ((LOWER_BOUNDS, 1), (UPPER_BOUNDS, -1)):
        for keyword in keywords:
            before, after = old.get(keyword), new.get(keyword)
            if before != after:
                tighter = before is None or (after is not None and sign * (after - before) > 0)
                direction: Direction = "narrower" if tighter else "wider"
                yield SchemaChange(where, direction, f"{keyword} was {before}, is {after}")


def _shapes(old: Node, new: Node, where: str) -> Iterator[SchemaChange]:
    for keyword in SHAPES:
        before, after = old.get(keyword), new.get(keyword)
        if before != after:
            direction: Direction = (
                "narrower" if before is None else "wider" if after is None else "other"
            )
            yield SchemaChange(where, direction, f"{keyword} was {before!r}, is {after!r}")


def _matched(before: Any, after: Any) -> tuple[list[Any], list[Any], list[tuple[Any, Any]]]:
    """Pair schemas that are equal, or go by the same name; return those gone, come, and kept."""
    left, right = [*before], [*after]
    same: list[tuple[Any, Any]] = []
    for choice in [*left]:
        twin = next((one for one in right if one == choice or _name(one) == _name(choice)), None)
        if twin is not None:
            left.remove(choice)
            right.remove(twin)
            same.append((choice, twin))
    return left, right, same


def _name(schema: Any) -> str:
    """Return what a choice is called: its component, its title, its constant, its type."""
    if not isinstance(schema, Mapping):
        return str(schema)
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    for keyword in ("title", "const", "format", "type"):
        if keyword in schema:
            return str(schema[keyword])
    return "another form"


def _came(before: Any) -> str:
    return "new" if before is None else "gone"

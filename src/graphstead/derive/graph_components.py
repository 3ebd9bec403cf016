"""The JSON Schemas of a graph as components of an OpenAPI document."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import orjson

from graphstead.contract.load import Document, escape, follow
from graphstead.contract.schemas import schemas_for
from graphstead.derive.message_forms import with_message_forms
from graphstead.derive.specimens import specimen

__all__ = ["PARTS", "WRITE", "GraphComponents", "graph_components"]

PARTS = ("input", "output", "state", "context")
# What a state may be written with, where that is more than it is read as.
WRITE = "write"
POINTER = "/components/schemas/"
PLACE = f"#{POINTER}"
UNFIT = re.compile(r"[^A-Za-z0-9_]+")
# Below these, keys are names the author chose; what these others hold is data.
NAMED = frozenset({"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"})
DATA = frozenset({"const", "default", "enum", "example", "examples"})
# A component is part of the document: it says nothing of where it is or what it is written in.
DROPPED = frozenset({"$anchor", "$id", "$schema"})


class GraphComponents:
    """Components by name, and which of them is what part of the graph.

    A part whose schema is missing, empty or no sound JSON Schema has no component.
    """

    def __init__(self, names: Mapping[str, str], schemas: Mapping[str, Document]) -> None:
        self._names = names
        self.schemas = schemas

    def reference(self, part: str) -> Document | None:
        """Return what refers to the schema of a part."""
        return {"$ref": PLACE + self._names[part]} if part in self._names else None

    def schema(self, part: str) -> Document | None:
        """Return the schema of a part itself."""
        return self.schemas[self._names[part]] if part in self._names else None

    def example(self, part: str) -> Any:
        """Return a small value that a part admits; None where none is found."""
        if part not in self._names:
            return None
        return specimen({"components": {"schemas": self.schemas}}, POINTER + self._names[part])


def graph_components(
    schemas: Mapping[str, Any], taken: Collection[str] = frozenset()
) -> GraphComponents:
    """Return components for `<part>_schema` of each part, named `GraphInput` and so on.

    What a schema defines for itself becomes `GraphInput<Name>`. Names in `taken` are not used.
    """
    prefix = "Graph"
    while any(name.startswith(_names_with(prefix)) for name in taken):
        prefix += "_"
    names: dict[str, str] = {}
    found: dict[str, Document] = {}
    # Through JSON, so that nothing is shared with the graph and all of it can be sent.
    given = orjson.loads(orjson.dumps({part: schemas.get(f"{part}_schema") for part in PARTS}))
    for part, schema in _with_messages(given).items():
        if isinstance(schema, dict) and schema:
            name = prefix + part.title()
            moved = _Mover(name, schema).components()
            if _is_sound(moved, name):
                names[part], found = name, {**found, **moved}
    return GraphComponents(names, found)


def _names_with(prefix: str) -> tuple[str, ...]:
    return tuple(prefix + part.title() for part in (*PARTS, WRITE))


def _with_messages(given: Document) -> Document:
    """Let what goes in have messages in every form that a graph takes."""
    written = {
        part: with_message_forms(given[part]) for part in ("input", "state") if given.get(part)
    }
    more = {"input": written["input"]} if "input" in written else {}
    state = written.get("state", {})
    return {**given, **more, **({WRITE: state} if state != given["state"] else {})}


def _is_sound(schemas: Mapping[str, Document], name: str) -> bool:
    try:
        schemas_for({"components": {"schemas": schemas}}).at(POINTER + name)
    except ValueError:
        return False
    return True


class _Mover:
    """Takes one schema apart: itself and each of its `$defs` become a component."""

    def __init__(self, name: str, schema: Document) -> None:
        self._name = name
        self._schema = schema
        self._own: dict[str, str] = {}
        self._defined: Document = schema.get("$defs", {})
        for defined in self._defined:
            self._own[defined] = self._free(name + UNFIT.sub("_", defined))

    def _free(self, name: str) -> str:
        while name in self._own.values():
            name += "_"
        return name

    def components(self) -> dict[str, Document]:
        whole = {key: value for key, value in self._schema.items() if key != "$defs"}
        inner = {self._own[name]: self._moved(one) for name, one in self._defined.items()}
        return {self._name: self._moved(whole), **inner}

    def _moved(self, node: Any, *, named: bool = False) -> Any:
        if isinstance(node, list):
            return [self._moved(one) for one in node]
        if not isinstance(node, dict):
            return node
        if named:
            return {key: self._moved(value) for key, value in node.items()}
        return dict(self._members(node))

    def _members(self, node: Document) -> Iterator[tuple[str, Any]]:
        for key, value in node.items():
            if key in DATA:
                yield key, value
            elif key == "$ref" and isinstance(value, str):
                yield from self._reference(value)
            elif key == "discriminator" and isinstance(value, dict):
                mapping = value.get("mapping", {})
                targets = {name: self._place(one) for name, one in mapping.items()}
                yield key, {**value, "mapping": {n: one for n, one in targets.items() if one}}
            elif key not in DROPPED:
                yield key, self._moved(value, named=key in NAMED and isinstance(value, dict))

    def _reference(self, reference: str) -> Iterator[tuple[str, Any]]:
        place = self._place(reference)
        if place is None:
            yield "$comment", f"The graph refers to {reference}, which is not part of its schema."
        else:
            yield "$ref", place

    def _place(self, reference: str) -> str | None:
        """Return where a local reference leads in the document; None for any other."""
        if reference == "#":
            return PLACE + self._name
        try:
            follow(self._schema, reference)
        except LookupError:
            return None
        root, _, rest = reference.removeprefix("#/").partition("/")
        if root != "$defs":
            return f"{PLACE}{self._name}/{root}/{rest}".rstrip("/")
        key, _, deeper = rest.partition("/")
        target = next(own for name, own in self._own.items() if escape(name) == key)
        return f"{PLACE}{target}/{deeper}".rstrip("/")

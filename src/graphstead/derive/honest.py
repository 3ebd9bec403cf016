"""Take out of a document what contradicts its own schemas: examples and defaults."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from graphstead.contract.load import Document, escape, references
from graphstead.contract.schemas import Schemas, schemas_for
from graphstead.contract.specification import placed_operations

__all__ = ["NewExample", "honest", "reaching"]

PREFIX = "#/components/schemas/"
NewExample = Callable[[Any], Document | None]


def reaching(document: Mapping[str, Any], changed: Collection[str]) -> frozenset[str]:
    """Return the schemas that are among these or refer to them, directly or not."""
    schemas = document["components"]["schemas"]
    uses = {name: {place for _, place in references(one)} for name, one in schemas.items()}
    found = set(changed)
    while more := {
        name
        for name, places in uses.items()
        if name not in found and any(PREFIX + one in places for one in found)
    }:
        found |= more
    return frozenset(found)


def honest(document: Document, changed: Collection[str], new_example: NewExample) -> Document:
    """Return the document without examples and defaults that `changed` schemas made untrue.

    Where a request body loses its last example, `new_example` is asked for one; it is given what
    tells whether a value is admitted.
    """
    schemas, affected = schemas_for(document), reaching(document, changed)
    components = document["components"]
    cleaned = {
        name: _schema(one, f"/components/schemas/{name}", schemas) if name in affected else one
        for name, one in components["schemas"].items()
    }
    places = {PREFIX + name for name in affected}
    bodies = {
        pointer: _media(media, pointer, schemas, new_example if is_request else None)
        for pointer, media, is_request in _contents(document)
        if any(place in places for _, place in references(media))
    }
    whole = {**document, "components": {**components, "schemas": cleaned}}
    replaced: Document = _replaced(whole, "", bodies)
    return replaced


def _contents(document: Document) -> Iterator[tuple[str, Document, bool]]:
    """Yield pointer and value of every media type, and whether it is that of a request."""
    for operation in placed_operations(document):
        body = operation.place.get("requestBody")
        for _, media in body.children("content") if body is not None else ():
            yield media.pointer, media.value, True
        for _, response in operation.place.children("responses"):
            for _, media in response.children("content"):
                yield media.pointer, media.value, False


def _media(media: Document, pointer: str, schemas: Schemas, new: NewExample | None) -> Document:
    ok = schemas.at(f"{pointer}/schema").ok
    given = media.get("examples", {})
    kept = {name: one for name, one in given.items() if "value" not in one or ok(one["value"])}
    if not kept and new is not None and (made := new(ok)):
        kept = {"own": made}
    cleaned = {key: value for key, value in media.items() if key != "examples"}
    if "example" in media and not ok(media["example"]):
        del cleaned["example"]
    return {**cleaned, "examples": kept} if kept else cleaned


def _schema(schema: Any, pointer: str, schemas: Schemas, *, named: bool = False) -> Any:
    """Clean a schema and those inside it."""
    if isinstance(schema, list):
        return [_schema(one, f"{pointer}/{n}", schemas) for n, one in enumerate(schema)]
    if not isinstance(schema, dict):
        return schema
    cleaned: Document = {}
    for key, value in schema.items():
        if named or key not in ("const", "default", "enum", "examples"):
            inner = not named and key in ("properties", "patternProperties", "definitions")
            cleaned[key] = _schema(value, f"{pointer}/{escape(key)}", schemas, named=inner)
        elif key == "default":
            if _admits(schema, pointer, schemas)(value):
                cleaned[key] = value
        elif key == "examples" and isinstance(value, list):
            if kept := list(filter(_admits(schema, pointer, schemas), value)):
                cleaned[key] = kept
        else:
            cleaned[key] = value
    return cleaned


def _admits(schema: Document, pointer: str, schemas: Schemas) -> Callable[[Any], bool]:
    """Return what judges values; a schema without references is compiled by itself, and fast."""
    alone = next(references(schema), None) is None
    return schemas_for(schema).at("").ok if alone else schemas.at(pointer).ok


def _replaced(node: Any, pointer: str, bodies: Mapping[str, Document]) -> Any:
    if pointer in bodies:
        return bodies[pointer]
    if isinstance(node, list):
        return [_replaced(one, f"{pointer}/{n}", bodies) for n, one in enumerate(node)]
    if not isinstance(node, dict):
        return node
    if not any(place.startswith(f"{pointer}/") for place in bodies):
        return node
    return {key: _replaced(one, f"{pointer}/{escape(key)}", bodies) for key, one in node.items()}

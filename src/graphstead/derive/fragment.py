"""The contract of one operation, cut out of the whole so that it stands by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from graphstead.contract.load import DATA, Document, follow, references
from graphstead.derive.catalogue import Entry

__all__ = ["as_yaml", "dereferenced", "fragment"]

WIDTH = 100
PREFIX = "#/components/"


class _Plain(yaml.SafeDumper):
    """Block style, no anchors, long text folded."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else ">" if len(text) > WIDTH and "  " not in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Plain.add_representer(str, _text)


def as_yaml(value: Any) -> str:
    """Write JSON data as YAML that people read; the order of members is kept."""
    text: str = yaml.dump(
        value, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=WIDTH, indent=2
    )
    return text


def fragment(document: Mapping[str, Any], entry: Entry) -> Document:
    """Return an OpenAPI document of one operation, with only the components it reaches.

    Links are left out: they point to operations that are not in it.
    """
    item = _without_links(_item(entry))
    components = _reached(document, item)
    used = {name for rule in document.get("security", ()) for name in rule}
    schemes = document["components"].get("securitySchemes", {})
    components["securitySchemes"] = {name: schemes[name] for name in schemes if name in used}
    info = document["info"]
    return {
        "openapi": document["openapi"],
        "info": {"title": info["title"], "version": info["version"]},
        "servers": document.get("servers", []),
        "security": document.get("security", []),
        "tags": [tag for tag in document["tags"] if tag["name"] == entry.tag],
        "paths": {entry.path: item},
        "components": {kind: found for kind, found in components.items() if found},
    }


def _item(entry: Entry) -> Document:
    shared = entry.item.get("parameters")
    start: Document = {"parameters": shared} if shared else {}
    return {**start, entry.method: entry.operation}


def _reached(document: Mapping[str, Any], item: Document) -> dict[str, Document]:
    """Return the components that the item reaches, in the order of the document."""
    found = _closure(document, item)
    return {
        kind: {
            name: found[place] for name in members if (place := f"{PREFIX}{kind}/{name}") in found
        }
        for kind, members in document["components"].items()
    }


def _closure(document: Mapping[str, Any], start: Any) -> dict[str, Document]:
    """Return everything that is referred to from here, by reference."""
    found: dict[str, Document] = {}
    waiting = [start]
    while waiting:
        for _, reference in references(waiting.pop()):
            if reference not in found:
                found[reference] = _without_links(follow(document, reference))
                waiting.append(found[reference])
    return found


def _without_links(node: Any) -> Any:
    if isinstance(node, list):
        return [_without_links(part) for part in node]
    if not isinstance(node, dict):
        return node
    return {
        key: value if key in DATA else _without_links(value)
        for key, value in node.items()
        if not (key == "links" and "description" in node)
    }


def dereferenced(document: Mapping[str, Any], schema: Any) -> Document:
    """Return a JSON Schema that refers to nothing outside itself.

    Components move below ``$defs``: schemas that contain themselves stay finite that way.
    """
    reached = _reached(document, schema).get("schemas", {})
    local = {name: _local(one) for name, one in reached.items()}
    body = _local(schema)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return {**head, **body, **({"$defs": local} if local else {})}


def _local(node: Any) -> Any:
    if isinstance(node, list):
        return [_local(part) for part in node]
    if not isinstance(node, dict):
        return node
    return {key: _moved(value) if key == "$ref" else _local(value) for key, value in node.items()}


def _moved(reference: Any) -> Any:
    moved = isinstance(reference, str) and reference.startswith(f"{PREFIX}schemas/")
    return f"#/$defs/{reference.rpartition('/')[2]}" if moved else _local(reference)

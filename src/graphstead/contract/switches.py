"""What of the contract a project does not want served: gone from router and document alike."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeAlias

from graphstead.contract.load import Document
from graphstead.contract.specification import METHODS

__all__ = ["ALL_BUT_SYSTEM", "HEALTH_PATH", "switched_off", "without"]

Gone: TypeAlias = Callable[[str, Mapping[str, Any]], bool]

TAGS_OF = {
    "assistants": ("Assistants",),
    "threads": ("Threads",),
    "runs": ("Thread Runs", "Stateless Runs", "Streaming", "Crons"),
    "store": ("Store",),
    "mcp": ("MCP",),
    "a2a": ("A2A",),
    "meta": ("Docs",),
    "docs": ("Docs",),
}
# What is left of it: health, version, figures.
ALL_BUT_SYSTEM = frozenset({*TAGS_OF, "ui", "webhooks"} - {"meta"})
UI = "/ui/"
# Of an assistant, what tells of the contract.
ABOUT = ("/assistants/{assistant_id}/openapi.json", "/assistants/{assistant_id}/skill.zip")
HEALTH_PATH = "/ok"


def switched_off(document: Mapping[str, Any], parts: Collection[str]) -> Document:
    """Return the document without the operations of these parts and without links to them.

    Parts are `assistants, threads, runs, store, mcp, a2a, ui, meta, docs` and `webhooks`; `meta` is
    what the server tells of itself, and leaves the health check; `docs` is the pages alone.
    """
    if not parts:
        return dict(document)
    gone = _judge(parts)
    left = without(document, lambda path, operation: gone(path, operation["tags"][0]))
    if "webhooks" in parts:
        left.pop("webhooks", None)
    return left


def without(document: Mapping[str, Any], gone: Gone) -> Document:
    """Return the document without some operations, which `gone` tells, and links to them."""
    paths = {path: _kept(path, item, gone) for path, item in document["paths"].items()}
    left = {**document, "paths": {path: item for path, item in paths.items() if _methods(item)}}
    served = {
        item[method].get("operationId")
        for item in left["paths"].values()
        for method in METHODS
        if method in item
    }
    return _without_links(left, document["components"].get("links", {}), served)


def _judge(parts: Collection[str]) -> Callable[[str, str], bool]:
    tags = {tag for part in parts for tag in TAGS_OF.get(part, ())}

    def gone(path: str, tag: str) -> bool:
        if tag == "System":
            if path.startswith(UI):
                return "ui" in parts
            return "meta" in parts and path != HEALTH_PATH
        return tag in tags or ("meta" in parts and path in ABOUT)

    return gone


def _kept(path: str, item: Mapping[str, Any], gone: Gone) -> Document:
    return {
        key: value for key, value in item.items() if key not in METHODS or not gone(path, value)
    }


def _methods(item: Mapping[str, Any]) -> list[str]:
    return [method for method in METHODS if method in item]


def _without_links(
    document: Document, links: Mapping[str, Any], served: Collection[str]
) -> Document:
    """Drop links that lead to operations that are not served."""
    dead = {
        f"#/components/links/{name}"
        for name, link in links.items()
        if link.get("operationId") not in served
    }

    def _is_dead(link: Any) -> bool:
        if not isinstance(link, dict):
            return False
        return link.get("$ref") in dead or link.get("operationId", None) not in {None, *served}

    def clean(node: Any) -> Any:
        if isinstance(node, list):
            return [clean(one) for one in node]
        if not isinstance(node, dict):
            return node
        cleaned = {key: clean(value) for key, value in node.items() if key != "links"}
        if isinstance(node.get("links"), dict):
            cleaned["links"] = {
                name: link for name, link in node["links"].items() if not _is_dead(link)
            }
        return cleaned

    responses = {**document, "paths": clean(document["paths"])}
    components = {**document["components"]}
    components["responses"] = clean(components.get("responses", {}))
    components["links"] = {
        name: link for name, link in links.items() if f"#/components/links/{name}" not in dead
    }
    return {**responses, "components": components}

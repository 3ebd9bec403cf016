"""One document of the contract and of what the project's own application publishes of itself."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from starlette.applications import Starlette

from graphstead.contract.load import Document
from graphstead.contract.specification import METHODS

__all__ = ["merged"]

log = logging.getLogger("graphstead.custom")
REFERENCE = "#/components/"


def merged(document: Mapping[str, Any], app: Starlette) -> Document:
    """Return the contract with the application's operations, which replace those they hide.

    Names that both use for different things get `Custom` before them in the application's part. An
    application that describes itself not at all, or wrongly, changes nothing.
    """
    theirs = _described(app)
    if theirs is None:
        return dict(document)
    ours: Document = dict(document)
    components = {kind: dict(names) for kind, names in document.get("components", {}).items()}
    renamed = _take_components(components, theirs.get("components", {}))
    taken = {one["operationId"] for item in ours["paths"].values() for one in _operations(item)}
    paths = dict(ours["paths"])
    for path, item in theirs.get("paths", {}).items():
        moved = _moved(item, renamed)
        for operation in _operations(moved):
            if operation.get("operationId") in taken:
                operation["operationId"] = f"custom_{operation['operationId']}"
            # The contract's own rule would ask for a key that these routes do not.
            operation.setdefault("security", theirs.get("security", []))
        paths[path] = {**paths.get(path, {}), **moved}
    tags = [*ours.get("tags", [])]
    known = {tag["name"] for tag in tags}
    tags += [tag for tag in theirs.get("tags", []) if tag.get("name") not in known]
    return {**ours, "paths": paths, "components": components, "tags": tags}


def _described(app: Starlette) -> Mapping[str, Any] | None:
    describe = getattr(app, "openapi", None)
    if describe is None:
        return None
    try:
        found: Any = describe()
    except Exception:  # the edge to the project's code
        log.warning(
            "the custom app cannot describe itself; its routes work all the same", exc_info=True
        )
        return None
    return found if isinstance(found, dict) else None


def _take_components(ours: dict[str, Document], theirs: Mapping[str, Any]) -> dict[str, str]:
    """Add their components to ours; return which references have to change."""
    renamed = {}
    for kind, names in theirs.items():
        for name, value in names.items():
            if name in ours.get(kind, {}) and ours[kind][name] != value:
                renamed[f"{REFERENCE}{kind}/{name}"] = f"{REFERENCE}{kind}/Custom{name}"
    for kind, names in theirs.items():
        for name, value in names.items():
            reference = f"{REFERENCE}{kind}/{name}"
            own_name = renamed.get(reference, reference).rpartition("/")[2]
            ours.setdefault(kind, {})[own_name] = _moved(value, renamed)
    return renamed


def _moved(node: Any, renamed: Mapping[str, str]) -> Any:
    if isinstance(node, list):
        return [_moved(one, renamed) for one in node]
    if not isinstance(node, dict):
        return node
    moved = {key: _moved(value, renamed) for key, value in node.items()}
    reference = moved.get("$ref")
    if isinstance(reference, str):
        moved["$ref"] = renamed.get(reference, reference)
    return moved


def _operations(item: Mapping[str, Any]) -> list[Document]:
    return [item[method] for method in METHODS if method in item]

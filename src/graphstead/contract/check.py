"""Judge a bundled document: OpenAPI 3.1 itself, and the habits this project adds.

Used by ``scripts/derive`` and the tests; a running server trusts the bundle it ships with.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from openapi_spec_validator import OpenAPIV31SpecValidator

from graphstead.contract.load import NAME_MAPS, Document

__all__ = ["check_document"]


def check_document(document: Document) -> list[str]:
    """Return every fault of the document, one sentence each; an empty list when it is sound."""
    faults = [f"{_place(error.path)}: {error.message}" for error in _standard_errors(document)]
    faults.extend(_leftovers(document, ""))
    return faults


def _standard_errors(document: Document) -> Iterator[Any]:
    yield from OpenAPIV31SpecValidator(document).iter_errors()


def _place(path: Any) -> str:
    return "/".join(str(part) for part in path) or "document"


def _leftovers(node: Any, where: str, *, named: bool = False) -> Iterator[str]:
    """Find ``nullable``, which 3.1 dropped and validators silently ignore."""
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from _leftovers(item, f"{where}/{index}")
    elif isinstance(node, dict):
        for key, value in node.items():
            if not named and key == "nullable":
                yield f"{where}: nullable has no meaning in OpenAPI 3.1, use type: [X, 'null']"
            yield from _leftovers(value, f"{where}/{key}", named=not named and key in NAME_MAPS)

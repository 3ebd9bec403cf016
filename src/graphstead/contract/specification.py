"""Connexion's specification model, taught OpenAPI 3.1.

Connexion checks, resolves and mutates documents the 3.0 way. Here only structural references
(parameters, bodies, responses, headers) are put in place; schemas keep theirs and are addressed
by JSON pointer, so that one set of compiled validators serves the whole document.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from connexion.operations import OpenAPIOperation
from connexion.spec import OpenAPISpecification

from graphstead.contract.load import escape, follow

__all__ = ["METHODS", "Contract31", "ContractOperation", "Place", "placed_operations"]

COMPOSED = ("allOf", "anyOf", "oneOf")
METHODS = ("get", "put", "post", "delete", "patch", "head", "options", "trace")


@dataclass(frozen=True, slots=True)
class Place:
    """A value inside the document together with the pointer that leads to it."""

    document: Mapping[str, Any]
    pointer: str
    value: Any

    def child(self, key: str) -> Place:
        """Step down one key; a reference found there is followed."""
        return Place(self.document, f"{self.pointer}/{escape(key)}", self.value[key]).resolved()

    def schema(self, key: str = "schema") -> Place:
        """Step down to a schema, which keeps its reference."""
        return Place(self.document, f"{self.pointer}/{escape(key)}", self.value[key])

    def get(self, key: str) -> Place | None:
        """Step down one key when it is there."""
        return self.child(key) if key in self.value else None

    def children(self, key: str) -> Iterator[tuple[str, Place]]:
        """Walk the members of a map or the items of a list below ``key``."""
        below = self.get(key)
        if below is None:
            return
        keys = below.value if isinstance(below.value, dict) else range(len(below.value))
        for name in keys:
            yield str(name), below._item(name)

    def composed(self, *conditional: str) -> Iterator[Place]:
        """Yield this schema and all it is composed of, what `conditional` keywords hold too."""
        yield self
        below = [inner for keyword in COMPOSED for _, inner in self.children(keyword)]
        below += [self.child(keyword) for keyword in conditional if keyword in self.value]
        for inner in below:
            if isinstance(inner.value, dict):
                yield from inner.composed(*conditional)

    def _item(self, key: Any) -> Place:
        return Place(
            self.document, f"{self.pointer}/{escape(str(key))}", self.value[key]
        ).resolved()

    def resolved(self) -> Place:
        """Follow references until something real is found."""
        place = self
        while isinstance(place.value, dict) and isinstance(place.value.get("$ref"), str):
            reference: str = place.value["$ref"]
            place = Place(self.document, reference[1:], follow(self.document, reference))
        return place


@dataclass(frozen=True, slots=True)
class PlacedOperation:
    """One operation of the document, with the parameters of its path merged in."""

    path: str
    method: str
    place: Place
    parameters: tuple[Place, ...]


def placed_operations(document: Mapping[str, Any]) -> Iterator[PlacedOperation]:
    """Yield every operation in document order."""
    root = Place(document, "", document)
    for path, item in root.children("paths"):
        shared = [parameter for _, parameter in item.children("parameters")]
        for method in METHODS:
            if method in item.value:
                place = item.child(method)
                yield PlacedOperation(path, method, place, _merge_parameters(place, shared))


def _merge_parameters(place: Place, shared: list[Place]) -> tuple[Place, ...]:
    merged = {(p.value["in"], p.value["name"]): p for p in shared}
    for _, parameter in place.children("parameters"):
        merged[parameter.value["in"], parameter.value["name"]] = parameter
    return tuple(merged.values())


class ContractOperation(OpenAPIOperation):  # type: ignore[misc]
    """An operation whose schemas are left exactly as the document has them."""

    def with_definitions(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return the schema untouched; Connexion would write ``components`` into it."""
        return schema

    @property
    def tag(self) -> str:
        """Name the one tag, which chooses the handler module."""
        tags = self._operation.get("tags") or [""]
        return str(tags[0])

    @property
    def support(self) -> str:
        """Tell how far this version goes: ``full`` or ``planned``."""
        return str(self._operation.get("x-graphstead-support", "full"))


class Contract31(OpenAPISpecification):  # type: ignore[misc]
    """A bundled 3.1 document in the shape Connexion's middleware asks for."""

    operation_cls = ContractOperation

    def __init__(self, document: Mapping[str, Any], *, base_path: str = "") -> None:
        self._raw_spec: Mapping[str, Any] = document
        self._base_uri = ""
        self._base_path = base_path.rstrip("/")
        self._spec = {
            **document,
            "components": document.get("components", {}),
            "paths": _structural_paths(document),
        }

    @property
    def base_path(self) -> str:
        """Return the prefix all paths are served under; servers[] do not move it."""
        return self._base_path

    @base_path.setter
    def base_path(self, base_path: str) -> None:
        self._base_path = base_path.rstrip("/")

    @property
    def raw(self) -> Mapping[str, Any]:
        """Return the document as it was bundled."""
        return self._raw_spec

    @property
    def operation_ids(self) -> list[str]:
        """Return the ids of all operations in document order."""
        return [placed.place.value["operationId"] for placed in placed_operations(self._raw_spec)]

    def get_path_params(self, path: str) -> list[Any]:
        """Return nothing: the parameters of a path were merged into its operations."""
        return []

    def clone(self) -> Contract31:
        """Return a specification over the same document, which nobody mutates."""
        return Contract31(self._raw_spec, base_path=self._base_path)


def _structural_paths(document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    paths: dict[str, dict[str, Any]] = {}
    for found in placed_operations(document):
        operation = dict(found.place.value)
        operation["parameters"] = [parameter.value for parameter in found.parameters]
        body = found.place.get("requestBody")
        if body is not None:
            operation["requestBody"] = body.value
        operation["responses"] = {
            status: response.value for status, response in found.place.children("responses")
        }
        paths.setdefault(found.path, {})[found.method] = operation
    return paths

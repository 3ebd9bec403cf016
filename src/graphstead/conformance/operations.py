"""The operations of a contract, found by method and path, whoever wrote it."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from graphstead.conformance.checking import Profile
from graphstead.contract.load import Document
from graphstead.contract.specification import Place, placed_operations

__all__ = ["METHODS", "Described", "Operations", "for_server"]

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
PARAMETER = re.compile(r"\{[^}]+\}")
JSON = "application/json"
# Keeps, in a copy that was relaxed, the statuses that the document itself declares.
DECLARED = "x-declared-statuses"
# Of these no client of the Agent Server API depends on a server having them.
OPTIONAL = re.compile(r"^/(a2a|mcp|ui|metrics|\.well-known)\b|/commands$|/stream/events$")
# Beyond the document of the reference server: judged in the profile `full` alone.
OURS = re.compile(
    r"^/(docs|skills|llms|openapi\.json|$)|^/ui/[^/]+/|^/runs/\{run_id\}/stream$"
    r"|^/assistants/\{assistant_id\}/(openapi\.json|skill\.zip)$"
)
# Members that only this project requires of an answer.
ASKED_BY_US = {"Checkpoint": {"checkpoint_ns"}}


@dataclass(frozen=True)
class Described:
    """One operation as the contract describes it."""

    operation_id: str
    method: str
    path: str
    place: Place
    parameters: tuple[Mapping[str, Any], ...]

    @property
    def label(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def is_optional(self) -> bool:
        """Tell whether servers may do without it."""
        return OPTIONAL.search(self.path) is not None

    @property
    def is_ours(self) -> bool:
        """Tell whether only this project's contract has it."""
        return OURS.search(self.path) is not None

    @property
    def may_come_first(self) -> bool:
        """Tell whether clients use it before its thread exists, which a command makes."""
        return self.path.endswith(("/commands", "/stream/events"))

    @property
    def statuses(self) -> frozenset[str]:
        """Return the declared statuses, as text."""
        answers = self.place.value.get("responses", {})
        return frozenset(self.place.value.get(DECLARED, answers))

    @property
    def speaks_rpc(self) -> bool:
        """Tell whether refusals come inside a 200, as JSON-RPC has them."""
        return bool(self.path.startswith(("/a2a/", "/mcp")) or self.path.endswith("/commands"))

    @cached_property
    def body(self) -> Place | None:
        """Return the place of the JSON body's schema."""
        request = self.place.get("requestBody")
        content = request.value.get("content", {}) if request is not None else {}
        if request is None or JSON not in content or "schema" not in content[JSON]:
            return None
        return request.child("content").child(JSON).schema()

    @property
    def requires_body(self) -> bool:
        request = self.place.get("requestBody")
        return request is not None and bool(request.value.get("required"))

    def named(self, where: str) -> Iterator[Mapping[str, Any]]:
        """Yield the parameters in the path, the query or the headers."""
        return (one for one in self.parameters if one["in"] == where)


class Operations:
    """All operations of a document."""

    def __init__(self, document: Document, profile: Profile) -> None:
        self.all = tuple(
            _described(one) for one in placed_operations(document) if one.method.upper() in METHODS
        )
        self.judged = tuple(one for one in self.all if profile == "full" or not one.is_ours)
        self._patterns = sorted(
            ((_pattern(one.path), one) for one in self.all), key=lambda pair: _vagueness(pair[1])
        )

    def of(self, method: str, path: str) -> Described | None:
        """Find the operation that a request is of."""
        for pattern, one in self._patterns:
            if one.method == method and pattern.fullmatch(path):
                return one
        return None

    def methods(self, path: str) -> frozenset[str]:
        """Return the methods that the document declares for a templated path."""
        shape = PARAMETER.sub("{}", path)
        return frozenset(one.method for one in self.all if PARAMETER.sub("{}", one.path) == shape)


def _described(one: Any) -> Described:
    name = one.place.value.get("operationId", f"{one.method} {one.path}")
    parameters = tuple(parameter.value for parameter in one.parameters)
    return Described(name, one.method.upper(), one.path, one.place, parameters)


def _pattern(path: str) -> re.Pattern[str]:
    parts = PARAMETER.split(path)
    return re.compile("[^/]+".join(re.escape(part) for part in parts))


def _vagueness(one: Described) -> tuple[int, str]:
    return len(PARAMETER.findall(one.path)), one.path


def for_server(document: Document, base_url: str, profile: Profile) -> Document:
    """Return a copy of a contract that speaks of one server.

    In the profile `core` answers need no headers, and errors no more than a JSON object: what
    clients rely on, and no more.
    """
    copied: Document = copy.deepcopy(document)
    copied["servers"] = [{"url": base_url if urlsplit(base_url).path else f"{base_url}/"}]
    if profile == "core":
        schemas = copied.get("components", {}).get("schemas", {})
        for name in ASKED_BY_US.keys() & schemas.keys():
            required = schemas[name].get("required", [])
            schemas[name]["required"] = [one for one in required if one not in ASKED_BY_US[name]]
        for one in placed_operations(copied):
            _relax(one.place.value)
    for one in placed_operations(copied):
        one.place.value.setdefault("operationId", f"{one.method} {one.path}")
    return copied


def _relax(operation: dict[str, Any]) -> None:
    operation[DECLARED] = list(operation.get("responses", {}))
    for status, answer in list(operation.get("responses", {}).items()):
        if status.startswith("2"):
            answer.pop("headers", None)
        else:
            del operation["responses"][status]
    error = {"description": "An error.", "content": {JSON: {"schema": {"type": "object"}}}}
    operation["responses"] |= {"4XX": error, "5XX": error}
    if "204" in operation["responses"]:
        # Clients that expect nothing do not mind being told something.
        operation["responses"].setdefault("200", {"description": "Done."})

"""Answer questions about the contract: find operations, show them, judge payloads.

What an operation takes is judged by the same schemas as real requests. Nothing is compiled before
the first question.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from graphstead.contract.load import follow, references
from graphstead.contract.members import compile_members
from graphstead.contract.schemas import schemas_for
from graphstead.contract.specification import Place, PlacedOperation, placed_operations
from graphstead.problems import FieldError, NotFound

__all__ = ["ContractReference"]

JSON = "application/json"
WORD = re.compile(r"[a-z0-9]+")
WEIGHTS = {"operationId": 4, "path": 3, "summary": 3, "tag": 2, "description": 1}
COMPONENT = "#/components/schemas/"


class ContractReference:
    """One document, for people and models who write clients."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document

    @cached_property
    def _operations(self) -> dict[str, PlacedOperation]:
        placed = placed_operations(self._document)
        return {one.place.value["operationId"]: one for one in placed}

    @cached_property
    def _words(self) -> dict[str, dict[str, str]]:
        return {name: _texts(one) for name, one in self._operations.items()}

    @cached_property
    def _schemas(self) -> Any:
        return schemas_for(self._document)

    def search(self, query: str, limit: int) -> list[dict[str, Any]]:
        """Return the operations whose texts have most of the words, best first."""
        words = WORD.findall(query.lower())
        scored = [(_score(texts, words), name) for name, texts in self._words.items()]
        best = sorted((-score, name) for score, name in scored if score or not words)
        return [_line(self._operations[name]) for _, name in best[:limit]]

    def show(self, name: str) -> dict[str, Any]:
        """Return an operation (operationId or `METHOD /path`) or a schema, with what it refers to.

        Raises NotFound.
        """
        placed = self._find(name)
        if placed is not None:
            return self._with_schemas(_described(placed))
        schema = self._document.get("components", {}).get("schemas", {}).get(name)
        if schema is None:
            raise NotFound(f"The contract has no operation and no schema called '{name}'")
        return self._with_schemas({"name": name, "schema": schema})

    def judge(self, name: str, payload: Any) -> dict[str, Any]:
        """Judge a request body; returns `{operation_id, valid, errors, unknown_members}`.

        Raises NotFound for an unknown operation, and for one that takes no JSON.
        """
        placed = self._find(name)
        if placed is None:
            raise NotFound(f"The contract has no operation called '{name}'")
        schema = _body_schema(placed)
        if schema is None:
            raise NotFound(f"{_label(placed)} takes no JSON body")
        errors = self._schemas.at(schema.pointer).errors(payload, "body")
        members = compile_members(schema)
        unknown = members.unknown(payload) if members is not None else []
        return {
            "operation_id": placed.place.value["operationId"],
            "valid": not errors,
            "errors": errors,
            "unknown_members": [{"path": one.path, "nearest": one.nearest} for one in unknown],
        }

    def faults_of(self, schema: Mapping[str, Any], value: Any, loc: str) -> list[FieldError]:
        """Judge a value by a schema that stands for itself; at most ten faults, below `loc`."""
        return schemas_for(schema).at("").errors(value, loc)

    def _find(self, name: str) -> PlacedOperation | None:
        found = self._operations.get(name)
        wanted = " ".join(name.split()).lower()
        named = (one for one in self._operations.values() if _label(one).lower() == wanted)
        return found or next(named, None)

    def _with_schemas(self, shown: dict[str, Any]) -> dict[str, Any]:
        found = {place for _, place in references(shown) if place.startswith(COMPONENT)}
        schemas = {
            place.removeprefix(COMPONENT): follow(self._document, place) for place in sorted(found)
        }
        return {**shown, "schemas": schemas}


def _label(placed: PlacedOperation) -> str:
    return f"{placed.method.upper()} {placed.path}"


def _texts(placed: PlacedOperation) -> dict[str, str]:
    value = placed.place.value
    texts = {
        "operationId": value["operationId"],
        "path": _label(placed),
        "tag": value["tags"][0],
        "summary": value.get("summary", ""),
        "description": value.get("description", ""),
    }
    return {name: text.lower() for name, text in texts.items()}


def _score(texts: Mapping[str, str], words: list[str]) -> int:
    """Count each word where it weighs most; many matching words go before one heavy one."""
    found = [
        max((WEIGHTS[place] for place, text in texts.items() if word in text), default=0)
        for word in words
    ]
    return sum(found) + 10 * sum(1 for weight in found if weight)


def _line(placed: PlacedOperation) -> dict[str, Any]:
    value = placed.place.value
    return {
        "operation_id": value["operationId"],
        "method": placed.method.upper(),
        "path": placed.path,
        "tag": value["tags"][0],
        "summary": value.get("summary", ""),
        "support": value.get("x-graphstead-support", "full"),
    }


def _described(placed: PlacedOperation) -> dict[str, Any]:
    body = _body_schema(placed)
    return {
        **_line(placed),
        "description": placed.place.value.get("description", ""),
        "parameters": [parameter.value for parameter in placed.parameters],
        "body": None if body is None else body.value,
        "responses": {
            status: {
                "description": response.value.get("description", ""),
                "content": {
                    media_type: media.value.get("schema")
                    for media_type, media in response.children("content")
                },
            }
            for status, response in placed.place.children("responses")
        },
    }


def _body_schema(placed: PlacedOperation) -> Place | None:
    body = placed.place.get("requestBody")
    for media_type, media in body.children("content") if body is not None else ():
        if media_type == JSON and "schema" in media.value:
            return media.schema()
    return None

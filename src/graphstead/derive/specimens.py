"""A small value that a JSON Schema admits: the same for the same schema, on every machine."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from graphstead.contract.load import Document, resolved
from graphstead.contract.schemas import schemas_for

__all__ = ["specimen"]

MAX_DEPTH = 12
TEXT = "Hello"
FORMATS = {
    "date": "2026-01-15",
    "date-time": "2026-01-15T09:30:00Z",
    "duration": "PT1M",
    "email": "ada@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "time": "09:30:00Z",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uuid": "7d7a9c52-0c1e-4b8e-8c53-6b4a3f2d1e00",
}
# Of the kinds of messages, the one that a caller has to say.
PREFERRED = "HumanMessage"


class _Unknown(Exception):
    """Nothing can be said without trying more than is worth it."""


def specimen(document: Mapping[str, Any], pointer: str) -> Any:
    """Return a value that the schema at a pointer admits, None where none is found.

    Of an object it has the required members, or the first one where none is required.
    """
    schema = {"$ref": f"#{pointer}"}
    try:
        found = _Maker(document).value(schema, MAX_DEPTH)
    except (_Unknown, LookupError):
        return None
    return found if schemas_for(document).at(pointer).ok(found) else None


class _Maker:
    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root

    def value(self, schema: Any, depth: int) -> Any:
        """Return a value. Raises _Unknown."""
        if depth == 0 or schema is False:
            raise _Unknown
        known = resolved(self._root, schema) if isinstance(schema, dict) else {}
        for given in _given(known):
            return given
        if "allOf" in known:
            return self.value(self._together(known), depth - 1)
        for name in ("anyOf", "oneOf"):
            if name in known:
                return self._one_of(known[name], depth)
        return self._of_type(known, depth)

    def _together(self, schema: Document) -> Document:
        whole = {key: value for key, value in schema.items() if key != "allOf"}
        for part in schema["allOf"]:
            more = resolved(self._root, part)
            properties = {**whole.get("properties", {}), **more.get("properties", {})}
            required = [*whole.get("required", ()), *more.get("required", ())]
            whole = {**whole, **more, "properties": properties, "required": required}
        return whole

    def _one_of(self, choices: list[Any], depth: int) -> Any:
        """Try alternatives in order, messages of people first and null last."""
        for choice in sorted(choices, key=self._rank):
            try:
                return self.value(choice, depth - 1)
            except _Unknown:
                continue
        raise _Unknown

    def _rank(self, choice: Any) -> int:
        known = resolved(self._root, choice) if isinstance(choice, dict) else {}
        if known.get("title") == PREFERRED:
            return 0
        return 2 if known.get("type") == "null" else 1

    def _of_type(self, schema: Document, depth: int) -> Any:
        kind = schema.get("type", "object" if "properties" in schema else "string")
        if isinstance(kind, list):
            kind = next((one for one in kind if one != "null"), "null")
        match kind:
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, depth)
            case "string":
                return _text(schema)
            case "integer" | "number":
                return _number(schema, whole=kind == "integer")
            case "boolean":
                return True
        return None

    def _object(self, schema: Document, depth: int) -> Document:
        properties: Document = schema.get("properties", {})
        wanted = schema.get("required") or list(properties)[:1]
        found = {name: self.value(properties.get(name, {}), depth - 1) for name in wanted}
        # A kind that everybody else has to be told of, such as the `type` of a message.
        fixed = {
            name: one["const"]
            for name, one in properties.items()
            if isinstance(one, dict) and "const" in one
        }
        return {**fixed, **found}

    def _array(self, schema: Document, depth: int) -> list[Any]:
        first = [self.value(one, depth - 1) for one in schema.get("prefixItems", ())]
        count = max(schema.get("minItems", 0), 1) - len(first)
        if "items" not in schema or schema.get("maxItems") == 0:
            return first if "minItems" not in schema else first + [TEXT] * count
        return first + [self.value(schema["items"], depth - 1) for _ in range(count)]


def _given(schema: Document) -> Iterator[Any]:
    """Yield what the schema names itself."""
    if "const" in schema:
        yield schema["const"]
    if schema.get("enum"):
        yield schema["enum"][0]
    if isinstance(schema.get("examples"), list):
        yield from schema["examples"][:1]
    if schema.get("default") not in (None, "", [], {}):
        yield schema["default"]


def _text(schema: Document) -> str:
    text = FORMATS.get(schema.get("format", ""), TEXT)
    text = text.ljust(schema.get("minLength", 0), "o")
    return text[: schema.get("maxLength", len(text))]


def _number(schema: Document, *, whole: bool) -> float:
    """Return the first of a few likely numbers that is within all bounds."""
    step = schema.get("multipleOf", 1)
    least = schema.get("minimum", schema.get("exclusiveMinimum", step))
    most = schema.get("maximum", schema.get("exclusiveMaximum", least + 2 * step))
    up, down = math.ceil(least / step) * step, math.floor(most / step) * step
    likely = [1, up, up + step, down, *([] if whole else [(least + most) / 2])]
    fits = schemas_for(schema).at("").ok
    return next((one for one in likely if fits(one)), 1)

"""Decode path, query and header parameters once the document says how.

Everything that depends on the document is decided when the contract is compiled; a request only
runs the closures. A value is decoded to the JSON types its schema allows and then validated.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

import orjson

from graphstead.contract.load import follow
from graphstead.contract.schemas import Schemas, Validator
from graphstead.contract.specification import Place
from graphstead.problems import FieldError, StartupError, Unprocessable

__all__ = ["Parameter", "compile_parameter", "kinds_of", "parse_query", "python_name"]

Kinds: TypeAlias = frozenset[str]
Decode: TypeAlias = Callable[[list[str]], Any]

INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)\Z", re.ASCII)
NUMBER = re.compile(
    r"-?(?:0|[1-9][0-9]{0,18})(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,2})?\Z", re.ASCII
)
BARE_UUID = re.compile(r"[0-9a-fA-F]{32}\Z", re.ASCII)
BOOLEANS = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}
ANY: Kinds = frozenset({"string", "number", "integer", "boolean", "null", "array", "object"})
IGNORED_HEADERS = frozenset({"accept", "content-type", "authorization"})


@dataclass(frozen=True, slots=True)
class Parameter:
    """One compiled parameter; ``argument`` is what handlers call it."""

    name: str
    location: str
    argument: str
    required: bool
    default: Any
    decode: Decode
    validator: Validator
    prefix: str = ""

    @property
    def loc(self) -> str:
        """Name the place of an error, such as ``query.limit``."""
        return f"{self.location}.{self.name}"

    def read(self, raw: list[str], errors: list[FieldError]) -> Any:
        """Decode and validate what was sent; faults are appended to ``errors``."""
        try:
            value = self.decode(raw)
        except ValueError as fault:
            errors.append({"loc": self.loc, "msg": str(fault)})
            return None
        if not self.validator.ok(value):
            errors.extend(self.validator.errors(value, self.loc))
        return value


def python_name(name: str) -> str:
    """Turn a wire name into a handler argument: ``Last-Event-ID`` becomes ``last_event_id``."""
    snake = re.sub(r"[^0-9a-zA-Z]+", "_", name).strip("_").lower()
    return f"{snake}_" if keyword.iskeyword(snake) or snake[:1].isdigit() else snake


def compile_parameter(place: Place, schemas: Schemas) -> Parameter | None:
    """Compile a parameter object; None for the headers that OpenAPI says to ignore."""
    value = place.value
    location, name = value["in"], value["name"]
    if location == "header" and name.lower() in IGNORED_HEADERS:
        return None
    if location not in ("path", "query", "header"):
        raise StartupError([f"#{place.pointer}: {location} parameters are not supported"])
    schema = _schema_place(place)
    return Parameter(
        name=name.lower() if location == "header" else name,
        location=location,
        argument=python_name(name),
        required=bool(value.get("required", False)),
        default=_default_of(schema),
        decode=_decoder(place, schema),
        validator=schemas.at(schema.pointer),
        prefix=f"{name}[" if value.get("style") == "deepObject" else "",
    )


def _schema_place(place: Place) -> Place:
    if "content" in place.value:
        _, media = next(place.children("content"))
        return media.schema()
    return place.schema()


def _default_of(schema: Place) -> Any:
    value = schema.value if isinstance(schema.value, dict) else {}
    if "default" in value:
        return value["default"]
    target = schema.resolved().value
    return target.get("default") if isinstance(target, dict) else None


def kinds_of(schema: Any, document: Mapping[str, Any], depth: int = 0) -> Kinds:
    """Return the JSON types a schema leaves open, as far as its keywords tell."""
    if not isinstance(schema, dict) or depth > 20:
        return ANY
    kinds = ANY
    if isinstance(schema.get("$ref"), str):
        kinds &= kinds_of(follow(document, schema["$ref"]), document, depth + 1)
    if "type" in schema:
        types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        kinds &= frozenset(types) | ({"integer"} if "number" in types else frozenset())
    if "const" in schema or "enum" in schema:
        values = schema.get("enum", [schema.get("const")])
        kinds &= frozenset().union(*(_kind_of_value(value) for value in values))
    for keyword_name in ("anyOf", "oneOf"):
        if keyword_name in schema:
            branches = (kinds_of(item, document, depth + 1) for item in schema[keyword_name])
            kinds &= frozenset().union(*branches)
    for item in schema.get("allOf", ()):
        kinds &= kinds_of(item, document, depth + 1)
    return kinds


def _kind_of_value(value: Any) -> Kinds:
    if value is None:
        return frozenset({"null"})
    if isinstance(value, bool):
        return frozenset({"boolean"})
    if isinstance(value, int):
        return frozenset({"integer", "number"})
    names = {float: "number", str: "string", list: "array", dict: "object"}
    return frozenset({names[type(value)]})


def scalar(kinds: Kinds) -> Callable[[str], Any]:
    """Return a decoder of one text to the first fitting type; unfitting text stays text."""

    def decode(text: str) -> Any:
        if "integer" in kinds and INTEGER.match(text):
            if _fits(text):
                return int(text)
            if "string" not in kinds:
                raise ValueError(f"{text[:24]} does not fit into 64 bits")
        if "number" in kinds and NUMBER.match(text):
            return float(text)
        if "boolean" in kinds and text.lower() in BOOLEANS:
            return BOOLEANS[text.lower()]
        if "null" in kinds and "string" not in kinds and text in ("", "null"):
            return None
        return text

    return decode if kinds & {"integer", "number", "boolean", "null"} else _same


def _same(text: str) -> Any:
    return text


def _fits(digits: str) -> bool:
    return len(digits) <= 20 and -(2**63) <= int(digits) < 2**63


def _decoder(place: Place, schema: Place) -> Decode:
    parameter = place.value
    kinds = kinds_of(schema.value, place.document)
    if "content" in parameter:
        return _single(_json_text)
    if parameter.get("style") == "deepObject":
        return _pairs(schema)
    if "array" in kinds:
        return _array(parameter, kinds, _item_kinds(schema))
    if parameter["in"] == "path" and _has_format(schema, "uuid"):
        return _single(canonical_uuid)
    return _single(scalar(kinds))


def _single(decode: Callable[[str], Any]) -> Decode:
    def run(raw: list[str]) -> Any:
        if len(raw) > 1:
            raise ValueError("is given more than once")
        return decode(raw[0])

    return run


def _json_text(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"is not valid JSON: {error}") from error


def canonical_uuid(text: str) -> str:
    """Return the hyphenated lower-case form of a UUID; other text comes back unchanged."""
    if BARE_UUID.match(text):
        text = f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
    return text.lower() if len(text) == 36 else text


def _array(parameter: Mapping[str, Any], kinds: Kinds, items: Kinds) -> Decode:
    style = parameter.get("style", "form" if parameter["in"] == "query" else "simple")
    exploded = parameter.get("explode", style == "form")
    separator = {"spaceDelimited": " ", "pipeDelimited": "|"}.get(style, ",")
    item, alone = scalar(items), scalar(kinds - {"array"})
    may_be_empty = bool(parameter.get("allowEmptyValue"))
    or_scalar = bool(kinds - {"array", "object", "null"})

    def run(raw: list[str]) -> Any:
        if len(raw) == 1:
            text = raw[0]
            if text.startswith("[") and text.endswith("]"):
                return _bracketed(text)
            if not text and may_be_empty:
                return []
            if or_scalar:
                return alone(text)
            raw = raw if exploded else text.split(separator)
        return [item(text) for text in raw]

    return run


def _bracketed(text: str) -> Any:
    """Accept a JSON array in one query value, the way the JavaScript SDK writes lists."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return [text]


def _pairs(schema: Place) -> Decode:
    """Decode ``name[key]=value`` pairs, which arrive as alternating keys and values."""
    properties = schema.resolved().value.get("properties", {})
    decoders = {key: scalar(kinds_of(value, schema.document)) for key, value in properties.items()}

    def run(raw: list[str]) -> Any:
        decoded: dict[str, Any] = {}
        for key, text in zip(raw[::2], raw[1::2], strict=True):
            if key in decoded:
                raise ValueError(f"{key!r} is given more than once")
            decoded[key] = decoders.get(key, _same)(text)
        return decoded

    return run


def _item_kinds(schema: Place) -> Kinds:
    found: set[str] = set()
    for branch in _branches(schema):
        if isinstance(branch, dict) and "items" in branch:
            found |= kinds_of(branch["items"], schema.document)
    return frozenset(found) or ANY


def _branches(schema: Place) -> list[Any]:
    value = schema.resolved().value
    inner = [
        item
        for key in ("anyOf", "oneOf", "allOf")
        for item in (value.get(key, ()) if isinstance(value, dict) else ())
    ]
    return [value] + [b for i in inner for b in _branches(Place(schema.document, "", i))]


def _has_format(schema: Place, name: str) -> bool:
    value = schema.resolved().value
    return isinstance(value, dict) and value.get("format") == name


def parse_query(query: bytes) -> dict[str, list[str]]:
    """Group the query string by name. Raises Unprocessable on broken UTF-8 or NUL."""
    try:
        text = query.decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, encoding="utf-8", errors="strict")
    except ValueError as error:
        raise Unprocessable("query: the query string is not valid UTF-8") from error
    grouped: dict[str, list[str]] = {}
    for name, value in pairs:
        if "\0" in value or "\0" in name:
            raise Unprocessable(f"query.{name}: NUL characters are not allowed".replace("\0", "?"))
        grouped.setdefault(name, []).append(value)
    return grouped

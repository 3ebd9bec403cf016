"""Compile JSON Schemas of the document, Draft 2020-12 with formats on.

References stay: the whole document is one resource, ``urn:contract``, and a schema is named by
its JSON pointer. jsonschema-rs does the work; plain jsonschema stands in where it has no wheel
or is too old to be trusted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from types import ModuleType
from typing import Any, Protocol
from urllib.parse import quote

import jsonschema
import orjson
import referencing
import referencing.jsonschema

from graphstead.problems import FieldError

try:
    import jsonschema_rs as _rust
except ImportError:  # pragma: no cover - platforms without a wheel
    _rust = None  # type: ignore[assignment]
    _rust_release = None
else:
    _rust_release = version("jsonschema-rs")

__all__ = [
    "MAX_ERRORS",
    "LateSchemas",
    "PythonSchemas",
    "RustSchemas",
    "Schemas",
    "Validator",
    "distrusted_engine",
    "schemas_for",
]

# Up to 0.46 it let a cron without its schedule pass; langgraph-cli[inmem] wants one below 0.45.
TRUSTED = (0, 60, 1)
RESOURCE = "urn:contract"
MAX_ERRORS = 10
SHOWN = 80


class Validator(Protocol):
    """One compiled schema."""

    def ok(self, value: Any) -> bool:
        """Tell whether the value satisfies the schema; the fast path."""

    def errors(self, value: Any, loc: str) -> list[FieldError]:
        """Return at most ten reasons why it does not, each below ``loc``."""


class Schemas(Protocol):
    """A source of compiled schemas of one document."""

    def at(self, pointer: str) -> Validator:
        """Compile the schema at a JSON pointer such as ``/components/schemas/Run``."""


def schemas_for(document: Mapping[str, Any]) -> Schemas:
    """Return the fastest engine installed that judges rightly."""
    if _rust is None or distrusted_engine() is not None:
        return PythonSchemas(document)
    return RustSchemas(document, _rust)


def distrusted_engine(release: str | None = _rust_release) -> str | None:
    """Return the release of jsonschema-rs where it is too old to judge rightly."""
    if release is None:
        return None
    numbers = tuple(int(part) for part in release.split(".")[:3] if part.isdigit())
    return release if numbers < TRUSTED else None


def reference_to(pointer: str) -> dict[str, str]:
    """Return a schema that is nothing but a reference to another one."""
    return {"$ref": f"{RESOURCE}#{quote(pointer, safe='/~')}"}


class RustSchemas:
    """jsonschema-rs over a registry that holds the document once."""

    def __init__(self, document: Mapping[str, Any], rust: ModuleType | Any = _rust) -> None:
        self._rust = rust
        self._registry = rust.Registry([(RESOURCE, document)])

    def at(self, pointer: str) -> Validator:
        """Compile the schema at a pointer."""
        return _RustValidator(
            self._rust.Draft202012Validator(
                reference_to(pointer), registry=self._registry, validate_formats=True
            )
        )


class _RustValidator:
    __slots__ = ("_validator", "ok")

    def __init__(self, validator: Any) -> None:
        self._validator = validator
        self.ok = validator.is_valid

    def errors(self, value: Any, loc: str) -> list[FieldError]:
        return _collect(_describe_rust(error, loc) for error in self._validator.iter_errors(value))


def _describe_rust(error: Any, loc: str) -> Iterator[FieldError]:
    branches = getattr(error.kind, "context", None)
    here = loc + dotted(error.instance_path)
    if not branches:
        yield {"loc": here, "msg": _rust_message(error)}
        return
    depth = len(error.instance_path)
    chosen = _closest([(list(branch), depth) for branch in branches])
    if chosen is None:
        yield {"loc": here, "msg": _alternatives(error, branches)}
        return
    for inner in chosen:
        yield from _describe_rust(inner, loc)


def _rust_message(error: Any) -> str:
    kind = error.kind
    name = kind.name
    shown = _short(error.instance)
    if name == "required":
        return f"{kind.property!r} is required"
    if name == "enum":
        return f"{shown} is not one of {_short(kind.as_dict().get('options', []), 300)}"
    if name == "type":
        return f"{shown} is not of type {_types(kind)}"
    if name == "format":
        return f"{shown} is not a valid {kind.format}"
    return _clip(str(error.message))


def _types(kind: Any) -> str:
    value = kind.value
    return " or ".join(value) if isinstance(value, list) else str(value)


def _alternatives(error: Any, branches: Any) -> str:
    reasons = dict.fromkeys(
        reason for branch in branches for reason in _reasons(branch, len(error.instance_path))
    )
    return "; or ".join(list(reasons)[:4]) or _clip(str(error.message))


def _reasons(branch: Iterable[Any], depth: int) -> Iterator[str]:
    for inner in branch:
        nested = getattr(inner.kind, "context", None)
        if nested and len(inner.instance_path) == depth:
            for deeper in nested:
                yield from _reasons(deeper, depth)
        else:
            yield _rust_message(inner)


def _closest(branches: list[tuple[list[Any], int]]) -> list[Any] | None:
    """Pick the one alternative that got the value's own type right and failed further inside."""
    deeper = [
        branch
        for branch, depth in branches
        if branch and all(_is_inside(error, depth) for error in branch)
    ]
    return deeper[0] if len(deeper) == 1 else None


def _is_inside(error: Any, depth: int) -> bool:
    return len(error.instance_path) > depth or error.kind.name == "required"


class PythonSchemas:
    """The reference implementation: slow, and the judge in differential tests."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        resource = referencing.jsonschema.DRAFT202012.create_resource(document)
        registry: Any = referencing.Registry()
        self._registry = registry.with_resource(RESOURCE, resource)

    def at(self, pointer: str) -> Validator:
        """Compile the schema at a pointer."""
        return _PythonValidator(
            jsonschema.Draft202012Validator(
                reference_to(pointer),
                registry=self._registry,
                format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER,
            )
        )


class _PythonValidator:
    __slots__ = ("_validator",)

    def __init__(self, validator: Any) -> None:
        self._validator = validator

    def ok(self, value: Any) -> bool:
        return bool(self._validator.is_valid(value))

    def errors(self, value: Any, loc: str) -> list[FieldError]:
        return _collect(
            iter([{"loc": loc + dotted(error.absolute_path), "msg": _clip(error.message)}])
            for error in self._validator.iter_errors(value)
        )


class LateSchemas:
    """Compiles a schema when it first judges: answers have 600 and a server may judge none.

    A fault of such a schema shows late as well; `scripts/derive` and strict mode find it early.
    """

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas

    def at(self, pointer: str) -> Validator:
        """Note the pointer."""
        return _LateValidator(self._schemas, pointer)


class _LateValidator:
    __slots__ = ("_pointer", "_schemas", "_validator")

    def __init__(self, schemas: Schemas, pointer: str) -> None:
        self._schemas = schemas
        self._pointer = pointer
        self._validator: Validator | None = None

    def ok(self, value: Any) -> bool:
        return self._compiled().ok(value)

    def errors(self, value: Any, loc: str) -> list[FieldError]:
        return self._compiled().errors(value, loc)

    def _compiled(self) -> Validator:
        if self._validator is None:
            self._validator = self._schemas.at(self._pointer)
        return self._validator


def _collect(descriptions: Iterable[Iterator[FieldError]]) -> list[FieldError]:
    found: list[FieldError] = []
    for description in descriptions:
        for error in description:
            if error not in found:
                found.append(error)
            if len(found) == MAX_ERRORS:
                return found
    return found


def dotted(path: Iterable[Any]) -> str:
    """Write an instance path as ``.name[0].other``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)


def _short(value: Any, limit: int = SHOWN) -> str:
    """Show a value as Python would, cut to a readable length."""
    try:
        return _clip(repr(value), limit)
    except (ValueError, RecursionError):
        return _clip(orjson.dumps(value, default=str).decode(), limit)


def _clip(text: str, limit: int = 400) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"

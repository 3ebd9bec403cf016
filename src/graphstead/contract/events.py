"""Judge server-sent events by the schemas the contract gives each of them.

In the document the schema of ``text/event-stream`` describes one event: an object with ``event``
and ``data``, where ``data`` is JSON text with a ``contentSchema``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from graphstead.contract.compile import EVENT_STREAM
from graphstead.contract.schemas import Schemas, Validator, schemas_for
from graphstead.contract.specification import Place, placed_operations

__all__ = ["EventContract", "parse_frames"]

DEFAULT_EVENT = "message"


@dataclass(frozen=True, slots=True)
class _EventKind:
    names: frozenset[str]
    pattern: re.Pattern[str] | None
    data: Validator | None

    def names_it(self, event: str) -> bool:
        if self.names:
            return event in self.names
        return self.pattern is None or self.pattern.search(event) is not None


class EventContract:
    """All event schemas of a document, compiled once."""

    def __init__(self, document: Mapping[str, Any], schemas: Schemas | None = None) -> None:
        compiled = schemas or schemas_for(document)
        self._kinds: dict[str, tuple[_EventKind, ...]] = {}
        for placed in placed_operations(document):
            kinds = tuple(_event_kinds(placed.place, compiled))
            if kinds:
                self._kinds[placed.place.value["operationId"]] = kinds

    def streams(self, operation_id: str) -> bool:
        """Tell whether an operation answers with events."""
        return operation_id in self._kinds

    def check(self, operation_id: str, event: str, data: bytes) -> tuple[str, ...]:
        """Return what is wrong with one event; nothing when it keeps the contract.

        ``data`` is the JSON text that the event carries.
        """
        named = [kind for kind in self._kinds.get(operation_id, ()) if kind.names_it(event)]
        if not named:
            return (f"event {event!r} is not declared",)
        try:
            value = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            return (f"event {event!r}: data is not JSON: {error}",)
        if any(kind.data is None or kind.data.ok(value) for kind in named):
            return ()
        judge = named[0].data
        faults = judge.errors(value, "data") if judge is not None else []
        return tuple(f"event {event!r}: {fault['loc']}: {fault['msg']}" for fault in faults)

    def check_frames(self, operation_id: str, chunk: bytes) -> tuple[str, ...]:
        """Return what is wrong with encoded frames; comments count for nothing."""
        return tuple(
            fault
            for event, data in parse_frames(chunk)
            for fault in self.check(operation_id, event, data)
        )


def parse_frames(chunk: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield (event name, data) of the whole frames in a chunk."""
    for frame in chunk.replace(b"\r\n", b"\n").split(b"\n\n"):
        event, data = DEFAULT_EVENT, []
        for line in frame.split(b"\n"):
            name, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if name == b"event":
                event = value.decode()
            elif name == b"data":
                data.append(value)
        if data:
            yield event, b"\n".join(data)


def _event_kinds(operation: Place, schemas: Schemas) -> Iterator[_EventKind]:
    for status, response in operation.children("responses"):
        if not status.startswith("2"):
            continue
        for media_type, media in response.children("content"):
            if media_type.lower() == EVENT_STREAM and "schema" in media.value:
                yield from _variants(media.schema().resolved(), schemas)


def _variants(schema: Place, schemas: Schemas) -> Iterator[_EventKind]:
    branches = [branch for keyword in ("oneOf", "anyOf") for _, branch in schema.children(keyword)]
    if branches:
        for branch in branches:
            yield from _variants(branch, schemas)
        return
    properties = _properties(schema)
    yield _kind(properties.get("event"), properties.get("data"), schemas)


def _properties(schema: Place) -> dict[str, Place]:
    found: dict[str, Place] = {}
    for _, part in schema.children("allOf"):
        found.update(_properties(part))
    found.update(dict(schema.children("properties")))
    return found


def _kind(event: Place | None, data: Place | None, schemas: Schemas) -> _EventKind:
    rule = event.value if event is not None else {}
    names = frozenset(rule.get("enum", [rule["const"]] if "const" in rule else []))
    pattern = re.compile(rule["pattern"]) if "pattern" in rule else None
    validator = None
    if data is not None and isinstance(data.value, dict) and "contentSchema" in data.value:
        validator = schemas.at(data.schema("contentSchema").pointer)
    return _EventKind(names, pattern, validator)

"""What a graph takes as messages, besides the objects that its JSON Schema names.

A schema made from LangChain's types admits messages as they are answered. The reducers of graphs
take more: what the SDKs' users write, `{"role": …, "content": …}`, pairs, plain text, one alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphstead.contract.load import Document

__all__ = ["with_message_forms"]

LIKE = "MessageLike"
KINDS = frozenset({"AIMessage", "HumanMessage"})
BASE = "BaseMessage"
SPEAKERS = ["user", "human", "assistant", "ai", "system", "developer"]
PART = {"anyOf": [{"type": "string"}, {"type": "object"}]}
CONTENT: Document = {
    "anyOf": [{"type": "string"}, {"type": "array", "items": PART}, {"type": "null"}]
}
# What says what a list is, and not what it holds.
ABOUT = ("title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly")


def with_message_forms(schema: Document) -> Document:
    """Return a schema that admits every form of message where it admits messages in a list.

    One that has none is returned as it is.
    """
    defined: Document = schema.get("$defs", {})
    found: list[Any] = []
    name = LIKE
    while name in defined:
        name += "_"
    changed: Document = _opened(schema, defined, {"$ref": f"#/$defs/{name}"}, found)
    if not found:
        return schema
    return {**changed, "$defs": {**changed.get("$defs", {}), name: _like(found)}}


def _opened(node: Any, defined: Mapping[str, Any], like: Document, found: list[Any]) -> Any:
    if isinstance(node, list):
        return [_opened(one, defined, like, found) for one in node]
    if not isinstance(node, dict):
        return node
    if node.get("type") == "array" and _is_message(node.get("items"), defined):
        found.append(node["items"])
        about = {key: node[key] for key in ABOUT if key in node}
        held = {key: value for key, value in node.items() if key not in ABOUT}
        return {**about, "anyOf": [{**held, "items": like}, like]}
    return {key: _opened(value, defined, like, found) for key, value in node.items()}


def _is_message(items: Any, defined: Mapping[str, Any]) -> bool:
    """Tell whether these are messages of any kind: LangChain's union of them, or their base."""
    if not isinstance(items, dict):
        return False
    choices = items.get("oneOf") or items.get("anyOf") or [items]
    names = {one.get("$ref", "").rpartition("/")[2] for one in choices if isinstance(one, dict)}
    titles = {defined[name].get("title") for name in names if name in defined}
    return titles >= KINDS or BASE in titles


def _like(found: list[Document]) -> Document:
    messages = [one for n, one in enumerate(found) if one not in found[:n]]
    return {
        "title": LIKE,
        "description": "A message: as it is answered, by its role, as a pair, or as text.",
        "anyOf": [*messages, *_by_role(), _pair(), {"type": "string"}, _constructor()],
        "examples": [{"role": "user", "content": "Hello"}],
    }


def _by_role() -> list[Document]:
    """Return objects that name who speaks by `role`, or, as messages do themselves, by `type`."""
    kinds = ((SPEAKERS, ()), (["tool"], ("tool_call_id",)), (["function"], ("name",)))
    own = [_spoken(key, roles, more) for roles, more in kinds for key in ("role", "type")]
    return [*own, *(_spoken(key, ["remove"], ("id",)) for key in ("role", "type"))]


def _spoken(key: str, roles: list[str], more: tuple[str, ...]) -> Document:
    named = {name: {"type": "string"} for name in more}
    return {
        "type": "object",
        "required": [key, "content", *more],
        "properties": {key: {"enum": roles}, "content": CONTENT, **named},
    }


def _pair() -> Document:
    """Return a pair of who speaks and what: a tuple in Python, an array in JSON."""
    return {
        "type": "array",
        "prefixItems": [{"enum": SPEAKERS}, CONTENT],
        "minItems": 2,
        "maxItems": 2,
    }


def _constructor() -> Document:
    """Return what a message of LangChain for JavaScript becomes in JSON."""
    return {
        "type": "object",
        "required": ["lc", "type", "id", "kwargs"],
        "properties": {
            "lc": {"type": "integer"},
            "type": {"const": "constructor"},
            "id": {"type": "array", "items": {"type": "string"}},
            "kwargs": {"type": "object"},
        },
    }

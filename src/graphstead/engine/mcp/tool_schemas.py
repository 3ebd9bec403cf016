"""The schemas of a graph in the form that tools have, and inputs in the form that graphs take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphstead.storage.rows import Json

ANY_OBJECT: Json = {"type": "object"}
TEXT_INSTEAD = "The user message to send to the agent."
WHOLE_INPUT = "input"
WHOLE_OUTPUT = "output"
INTERRUPTS: Json = {
    "description": (
        "Questions that the graph stopped with, each with `id` and `value`; "
        "graphstead_resume answers them."
    ),
    "type": "array",
    "items": {"type": "object"},
}


def input_schema(schema: Mapping[str, Any] | None) -> Json:
    """Return the schema of a tool's arguments: an object, lists of messages as one text.

    A graph whose input is no object gets it as the argument `input`.
    """
    if schema is None:
        return dict(ANY_OBJECT)
    if not _is_object(schema):
        rest = {key: value for key, value in schema.items() if key != "$defs"}
        wrapped = {"type": "object", "properties": {WHOLE_INPUT: rest}, "required": [WHOLE_INPUT]}
        return {**wrapped, "$defs": schema["$defs"]} if "$defs" in schema else wrapped
    shown: Json = {**schema, "type": "object"}
    properties = schema.get("properties") or {}
    if any(map(_is_message_list, properties.values())):
        shown["properties"] = {name: _as_text(one) for name, one in properties.items()}
        if not _refers(shown["properties"]):
            shown.pop("$defs", None)
    return shown


def accepted_schema(schema: Mapping[str, Any] | None) -> Json:
    """Return what arguments are judged by: the same, with messages also as a list."""
    shown = input_schema(schema)
    properties = (schema or {}).get("properties") or {}
    both = {
        name: {"type": ["string", "array"]}
        for name, one in properties.items()
        if _is_message_list(one)
    }
    return {**shown, "properties": {**shown.get("properties", {}), **both}} if both else shown


def graph_input(schema: Mapping[str, Any] | None, arguments: Json) -> Any:
    """Return what the graph gets for these arguments."""
    if schema is None:
        return arguments
    if not _is_object(schema):
        return arguments.get(WHOLE_INPUT)
    properties = schema.get("properties") or {}
    return {
        name: _as_messages(value) if _is_message_list(properties.get(name)) else value
        for name, value in arguments.items()
    }


def output_schema(schema: Mapping[str, Any] | None) -> Json | None:
    """Return the members that an output may have; None where it is no object.

    Graphs do not check what they put out, clients do: so types are told, not demanded.
    """
    if schema is None or not _is_object(schema) or "$ref" in schema:
        return None
    properties = {name: _told(one) for name, one in (schema.get("properties") or {}).items()}
    return {"type": "object", "properties": {**properties, "__interrupt__": INTERRUPTS}}


def structured(output: Any) -> Json:
    """Return an output as the object that structured content has to be."""
    return output if isinstance(output, dict) else {WHOLE_OUTPUT: output}


def _is_object(schema: Mapping[str, Any]) -> bool:
    target = schema.get("$ref")
    if isinstance(target, str) and target.startswith("#/$defs/"):
        return _is_object(schema.get("$defs", {}).get(target.removeprefix("#/$defs/"), {}))
    return schema.get("type") == "object"


def _is_message_list(schema: Any) -> bool:
    if not isinstance(schema, Mapping) or schema.get("type") != "array":
        return False
    items = schema.get("items")
    kinds = items.get("oneOf", ()) if isinstance(items, Mapping) else ()
    return {"$ref": "#/$defs/HumanMessage"} in kinds


def _refers(node: Any) -> bool:
    if isinstance(node, Mapping):
        return "$ref" in node or any(map(_refers, node.values()))
    return isinstance(node, list) and any(map(_refers, node))


def _as_text(schema: Any) -> Any:
    if not _is_message_list(schema):
        return schema
    return {
        "type": "string",
        "title": schema.get("title", "Messages"),
        "description": schema.get("description", TEXT_INSTEAD),
    }


def _as_messages(value: Any) -> Any:
    return [{"role": "user", "content": value}] if isinstance(value, str) else value


def _told(schema: Any) -> Json:
    if not isinstance(schema, Mapping):
        return {}
    told = {key: schema[key] for key in ("title", "description") if key in schema}
    kind = "array of messages" if _is_message_list(schema) else schema.get("type")
    if isinstance(kind, str):
        told.setdefault("description", f"Annotated as {kind}.")
    return told

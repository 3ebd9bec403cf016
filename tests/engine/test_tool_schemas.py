"""Schemas of graphs of every kind as tools show them."""

from __future__ import annotations

from typing import Any

import pytest

from graphstead.engine.mcp.tool_schemas import (
    accepted_schema,
    graph_input,
    input_schema,
    output_schema,
    structured,
)
from graphstead.engine.mcp.tools import tool_name

MESSAGES: dict[str, Any] = {
    "type": "array",
    "items": {"oneOf": [{"$ref": "#/$defs/AIMessage"}, {"$ref": "#/$defs/HumanMessage"}]},
}
DEFS = {"AIMessage": {"type": "object"}, "HumanMessage": {"type": "object"}}
CHAT = {"type": "object", "properties": {"messages": MESSAGES}, "$defs": DEFS}
TREE = {"$ref": "#/$defs/Tree", "$defs": {"Tree": {"type": "object", "properties": {}}}}


def test_a_list_of_messages_is_shown_as_text_and_taken_in_both_forms() -> None:
    assert input_schema(CHAT)["properties"]["messages"]["type"] == "string"
    assert "$defs" not in input_schema(CHAT)
    assert accepted_schema(CHAT)["properties"]["messages"] == {"type": ["string", "array"]}
    assert graph_input(CHAT, {"messages": "hi", "n": 1}) == {
        "messages": [{"role": "user", "content": "hi"}],
        "n": 1,
    }
    assert graph_input(CHAT, {"messages": []}) == {"messages": []}


def test_definitions_stay_where_something_else_refers_to_them() -> None:
    properties = {"messages": MESSAGES, "one": {"items": {"$ref": "#/$defs/AIMessage"}}}
    assert input_schema({**CHAT, "properties": properties})["$defs"] == DEFS


@pytest.mark.parametrize("schema", [{"type": "string"}, {"anyOf": [{"type": "null"}]}])
def test_an_input_that_is_no_object_becomes_one_argument(schema: Any) -> None:
    shown = input_schema({**schema, "$defs": DEFS})
    assert (shown["type"], shown["required"]) == ("object", ["input"])
    assert shown["properties"]["input"] == schema
    assert shown["$defs"] == DEFS
    assert graph_input(schema, {"input": "hi"}) == "hi"


def test_a_schema_that_refers_to_itself_stays_an_object() -> None:
    assert input_schema(TREE) == {**TREE, "type": "object"}
    assert graph_input(TREE, {"a": 1}) == {"a": 1}
    assert output_schema(TREE) is None


def test_a_graph_without_a_schema_takes_anything() -> None:
    assert input_schema(None) == accepted_schema(None) == {"type": "object"}
    assert graph_input(None, {"a": 1}) == {"a": 1}
    assert output_schema(None) is None


def test_an_output_tells_types_and_demands_none() -> None:
    shown = output_schema({**CHAT, "required": ["messages"]})
    assert shown is not None
    assert shown["properties"]["messages"] == {"description": "Annotated as array of messages."}
    assert "__interrupt__" in shown["properties"]
    assert "required" not in shown


def test_an_output_that_is_no_object_is_put_into_one() -> None:
    assert structured([1]) == {"output": [1]}
    assert structured({"a": 1}) == {"a": 1}


@pytest.mark.parametrize(
    ("name", "tool"),
    [
        ("My agent", "My_agent"),
        ("a\tb\nc", "a_b_c"),
        ("Zoë's agent!", "Zos_agent"),
        ("v1.2-beta_3", "v1.2-beta_3"),
        ("x" * 200, "x" * 128),
        ("☃", "id-1"),
    ],
)
def test_a_tool_is_named_after_its_assistant(name: str, tool: str) -> None:
    assert tool_name({"name": name, "assistant_id": "id-1"}) == tool

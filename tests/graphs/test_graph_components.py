"""What of any graph's types becomes of the contract of its assistant."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import pytest
from langchain_core.messages import AnyMessage, BaseMessage
from langgraph.graph import START, StateGraph
from langgraph.graph.message import add_messages
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from graphstead.contract.check import check_document
from graphstead.contract.load import packaged
from graphstead.contract.schemas import schemas_for
from graphstead.derive.assistant_contract import assistant_contract, example_run
from graphstead.derive.assistant_skill import assistant_skill, assistant_skill_name
from graphstead.derive.graph_components import WRITE, graph_components
from graphstead.engine.assistant_graphs import Portrait
from graphstead.graphs.schemas import describe

ID = "6f1c9a0e-3b57-4d0e-9f6a-8c2d41b7e905"
DOCUMENT = packaged()


class Node(BaseModel):
    """A tree, which contains itself."""

    label: str
    children: list[Node] = []


class Box(BaseModel):
    model_config = ConfigDict(extra="forbid")

    weight: Annotated[float, Field(gt=0, le=10)]
    kind: Literal["flat", "tall"] = "flat"


class Rich(BaseModel):
    """A state of many kinds of members, some of them required."""

    root: Node
    boxes: list[Box]
    code: Annotated[str, Field(min_length=7, max_length=9)]
    note: str | None = None


@dataclass
class Taste:
    model: str
    tone: str = "plain"
    limits: dict[str, int] = field(default_factory=dict)


class Small(TypedDict):
    x: int


def portrait(graph: Any, **more: Any) -> Portrait:
    base = Portrait(ID, "rich", "Rich one", None, 3, False, {}, dict(describe(graph)))
    return dataclasses.replace(base, **more)


def graph_of(state: Any, context: Any = None) -> Any:
    builder = StateGraph(state, context_schema=context)
    return builder.add_node("n", lambda state: {}).add_edge(START, "n").compile()


def bodies(document: Any) -> Any:
    return schemas_for(document).at("/components/schemas/RunCreateStateful")


@pytest.fixture(scope="module")
def rich() -> Any:
    """The contract of an assistant whose graph has nested, recursive and bounded types."""
    return assistant_contract(DOCUMENT, portrait(graph_of(Rich, Taste)), "pin")


def test_types_within_types_become_components_of_a_sound_document(rich: Any) -> None:
    assert check_document(rich) == []
    names = rich["components"]["schemas"].keys()
    assert {"GraphInput", "GraphInputNode", "GraphInputBox", "GraphContext"} <= names
    assert "$defs" not in str(rich["components"]["schemas"]["GraphInput"])


def test_the_example_of_a_run_is_one_that_the_contract_admits(rich: Any) -> None:
    whole = portrait(graph_of(Rich, Taste))
    run = example_run(whole, graph_components(whole.schemas))
    assert run["assistant_id"] == ID
    assert run["context"] == {"model": "Hello"}
    assert 0 < run["input"]["boxes"][0]["weight"] <= 10
    assert len(run["input"]["code"]) == 7
    assert bodies(rich).ok(run)
    assert not bodies(rich).ok({**run, "context": {}})
    assert not bodies(rich).ok({**run, "context": {"model": 5}})
    assert not bodies(rich).ok({**run, "input": {**run["input"], "boxes": [{"weight": 11}]}})
    deep = {"label": "a", "children": [{"label": "b", "children": [{"label": 1}]}]}
    assert not bodies(rich).ok({**run, "input": {**run["input"], "root": deep}})


def test_a_run_need_not_bring_the_context_that_its_assistant_gives() -> None:
    own = portrait(graph_of(Small, Taste), context={"model": "small"})
    document = assistant_contract(DOCUMENT, own, "pin")
    assert bodies(document).ok({"assistant_id": ID, "input": {"x": 1}, "context": {"tone": "dry"}})
    assert "context" not in example_run(own, graph_components(own.schemas))


def test_configurable_takes_the_members_of_the_context_and_others(rich: Any) -> None:
    body = {"assistant_id": ID, "input": None}
    free = {"configurable": {"tone": "dry", "thread_id": ID, "anything": [1]}}
    assert bodies(rich).ok({**body, "config": free})
    assert not bodies(rich).ok({**body, "config": {"configurable": {"tone": 7}}})


def test_a_part_without_a_sound_schema_stays_open() -> None:
    broken = {"type": "objec"}
    schemas = {"input_schema": None, "output_schema": {}, "state_schema": broken}
    own = portrait(graph_of(Small), schemas=schemas)
    document = assistant_contract(DOCUMENT, own, "pin")
    assert check_document(document) == []
    assert bodies(document).ok({"assistant_id": ID, "input": "anything"})
    assert not bodies(document).ok({"assistant_id": "other", "input": "anything"})
    assert example_run(own, graph_components(schemas))["input"] == {}


def test_references_out_of_a_schema_are_let_go_and_those_into_it_kept() -> None:
    schema = {
        "$id": "https://example.com/tree",
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "again": {"$ref": "#"},
            "first": {"$ref": "#/properties/plain"},
            "far": {"$ref": "https://example.com/elsewhere.json"},
            "odd": {"$ref": "#/$defs/Pair[int]"},
            "plain": {"type": "string"},
            "$ref": {"type": "string"},
        },
        "$defs": {"Pair[int]": {"type": "array", "maxItems": 2}},
    }
    found = graph_components({"input_schema": schema})
    properties = found.schemas["GraphInput"]["properties"]
    assert properties["again"] == {"$ref": "#/components/schemas/GraphInput"}
    assert properties["first"] == {"$ref": "#/components/schemas/GraphInput/properties/plain"}
    assert properties["odd"] == {"$ref": "#/components/schemas/GraphInputPair_int_"}
    assert "$ref" not in properties["far"]
    assert properties["$ref"] == {"type": "string"}
    judge = schemas_for({"components": {"schemas": found.schemas}}).at(
        "/components/schemas/GraphInput"
    )
    assert judge.ok({"again": {"odd": [1, 2]}, "far": 5})
    assert not judge.ok({"again": {"odd": [1, 2, 3]}})


def test_names_that_are_taken_are_left_to_who_has_them() -> None:
    schemas = {"input_schema": {"type": "object"}}
    assert list(graph_components(schemas, ["GraphInputBox"]).schemas) == ["Graph_Input"]


def test_the_programs_bring_the_context_that_is_needed() -> None:
    own = portrait(graph_of(Rich, Taste), name='A "quoted"\nname')
    files = assistant_skill(assistant_contract(DOCUMENT, own, "pin"), own, "/agents")
    assert assistant_skill_name(own) == "assistant-a-quoted-name"
    assert 'CONTEXT = {"model": "Hello"}' in files["examples/run.py"]
    assert "context: CONTEXT" in files["examples/run.mjs"]
    assert "http://127.0.0.1:8123/agents" in files["examples/run.sh"]
    compile(files["examples/run.py"], "run.py", "exec")
    assert "schemas/context.json" in files


class Talk(TypedDict, total=False):
    said: Annotated[Sequence[BaseMessage], add_messages]
    draft: list[AnyMessage] | None
    lines: list[str]


def test_messages_of_any_kind_may_go_in_in_every_form_and_come_out_in_one() -> None:
    graph = StateGraph(Talk).add_node("one", lambda state: {}).add_edge(START, "one").compile()
    found = graph_components(describe(graph))
    schemas = schemas_for({"components": {"schemas": found.schemas}})
    given = {"role": "user", "content": "hi"}
    for part, admits in (("Input", True), ("Write", True), ("State", False), ("Output", False)):
        judge = schemas.at(f"/components/schemas/Graph{part}")
        assert judge.ok({"said": [{"type": "human", "content": "hi"}], "draft": None})
        for values in ({"said": [given]}, {"said": given}, {"draft": [given]}, {"said": ["hi"]}):
            assert judge.ok(values) is admits, (part, values)
        assert not judge.ok({"said": [{"role": "nobody", "content": "hi"}]})
        assert not judge.ok({"lines": [given]})
    assert found.example("input") == {"said": [{"role": "user", "content": "Hello"}]}


def test_a_graph_without_messages_is_written_with_what_it_is_read_as() -> None:
    graph = StateGraph(Small).add_node("one", lambda state: {}).add_edge(START, "one").compile()
    assert graph_components(describe(graph)).reference(WRITE) is None

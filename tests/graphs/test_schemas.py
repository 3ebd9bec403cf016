"""Schemas and drawings; the expected answers were recorded from the reference server."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NotRequired, Required, cast

import pytest
from langgraph.func import entrypoint
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.pregel import Pregel
from langgraph.types import Command
from pydantic import BaseModel
from structlog.testing import capture_logs
from typing_extensions import TypedDict

from graphstead.graphs.drawing import draw
from graphstead.graphs.schemas import describe, describe_subgraphs

Graph = Pregel[Any, Any, Any, Any]


class State(TypedDict):
    a: int
    b: NotRequired[list[str]]


class Input(TypedDict):
    q: str


class Output(TypedDict):
    r: int | None


class Model(BaseModel):
    x: int = 3


@dataclass
class Context:
    model: str = "x"


class Opaque:
    pass


class Odd(TypedDict):
    o: Opaque
    ok: int


class Noted(TypedDict):
    """As middlewares of agents write their members: the qualifier within the notes."""

    seen: Annotated[NotRequired[int | None], "left out of input"]
    asked: Required[str]


class Awkward(TypedDict):
    _private: int
    copy: str
    model_name: str


A = {"title": "A", "type": "integer"}
B = {"items": {"type": "string"}, "title": "B", "type": "array"}
STATE = {"properties": {"a": A, "b": B}, "required": ["a"], "title": "State", "type": "object"}


def nothing(state: Any) -> Any:
    return {}


def make(state: Any = State, name: str = "g", **options: Any) -> Graph:
    builder: Any = StateGraph(state, **options).add_node("n", nothing).add_edge(START, "n")
    return cast(Graph, builder.compile(name=name))


def optional(schema: dict[str, Any]) -> dict[str, Any]:
    return {"default": None} | schema


def test_input_and_output_are_those_of_the_graph() -> None:
    found = describe(make())
    assert (found["input_schema"], found["output_schema"]) == (STATE, STATE)
    found = describe(make(input_schema=Input, output_schema=Output))
    assert found["input_schema"] == {
        "properties": {"q": {"title": "Q", "type": "string"}},
        "required": ["q"],
        "title": "Input",
        "type": "object",
    }
    assert found["output_schema"] == {
        "properties": {"r": {"anyOf": [{"type": "integer"}, {"type": "null"}], "title": "R"}},
        "required": ["r"],
        "title": "Output",
        "type": "object",
    }


def test_every_field_of_the_state_is_optional() -> None:
    assert describe(make(name="echo"))["state_schema"] == {
        "properties": {"a": optional(A), "b": optional(B)},
        "title": "echo_state",
        "type": "object",
    }


def test_a_state_is_titled_after_the_graphs_own_name() -> None:
    state = describe(make(name="Fancy"))["state_schema"]
    assert state is not None
    assert state["title"] == "FancyState"


def test_a_pydantic_state_loses_its_defaults() -> None:
    state = describe(make(Model))["state_schema"]
    assert state is not None
    assert state["properties"] == {"x": {"default": None, "title": "X", "type": "integer"}}


def test_a_bare_state_has_no_properties() -> None:
    assert describe(make(int, name="intg"))["state_schema"] == {
        "default": None,
        "title": "intg_state",
        "type": "integer",
    }


def test_a_functional_graph_has_its_result_as_state() -> None:
    @entrypoint()
    def func(x: int) -> str:
        return str(x)

    func.name = "func"
    found = describe(func)
    assert found["input_schema"] == {"title": "func_input", "type": "integer"}
    assert found["state_schema"] == {
        "properties": {"__end__": {"default": None, "title": "End  ", "type": "string"}},
        "title": "func_state",
        "type": "object",
    }


def test_field_names_that_pydantic_keeps_for_itself_are_described() -> None:
    state = describe(make(Awkward))["state_schema"]
    assert state is not None
    assert list(state["properties"]) == ["_private", "copy", "model_name"]


def test_qualifiers_within_notes_are_no_part_of_a_type() -> None:
    found = describe(make(Noted, name="noted"))
    assert found["state_schema"] == {
        "properties": {
            "seen": optional({"anyOf": [{"type": "integer"}, {"type": "null"}], "title": "Seen"}),
            "asked": optional({"title": "Asked", "type": "string"}),
        },
        "title": "noted_state",
        "type": "object",
    }


def test_messages_are_described_in_full() -> None:
    state = describe(make(MessagesState))["state_schema"]
    assert state is not None
    assert "AIMessage" in state["$defs"]


def test_a_context_is_shown_as_config_too() -> None:
    found = describe(make(context_schema=Context))
    assert found["context_schema"] == found["config_schema"]
    assert found["context_schema"] == {
        "properties": {"model": {"default": "x", "title": "Model", "type": "string"}},
        "title": "Context",
        "type": "object",
    }


def test_without_a_context_config_is_empty_and_context_is_null() -> None:
    found = describe(make())
    assert (found["config_schema"], found["context_schema"]) == ({}, None)


def test_a_schema_that_cannot_be_made_is_null_and_logged() -> None:
    with capture_logs() as logs:
        found = describe(make(Odd))
    assert (found["input_schema"], found["output_schema"]) == (None, None)
    assert found["state_schema"] is not None
    assert found["state_schema"]["properties"]["o"] == {"default": None, "title": "O"}
    assert [entry["schema"] for entry in logs] == ["input_schema", "output_schema"]
    assert "Opaque" in logs[0]["cause"]


def test_a_context_that_cannot_be_described_is_null_twice() -> None:
    with capture_logs():
        found = describe(make(context_schema=Odd))
    assert (found["config_schema"], found["context_schema"]) == (None, None)


def route(state: Any) -> Literal["child", "leaf", "__end__"]:
    return "leaf"


def jump(state: Any) -> Command[Literal["leaf", "__end__"]]:
    return Command(goto="leaf")


def make_nested() -> Graph:
    deep: Any = StateGraph(State).add_node("inner", nothing).add_edge(START, "inner").compile()
    mid: Any = StateGraph(State).add_node("deep", deep)
    mid.add_node("other", nothing, metadata={"k": 1})
    mid.add_edge(START, "deep").add_edge("deep", "other")
    top: Any = StateGraph(State).add_node("child", mid.compile(name="Middle"))
    top.add_node("leaf", nothing).add_node("jump", jump)
    top.add_conditional_edges(START, route)
    top.add_conditional_edges("child", nothing, {"yes": "jump", "no": END})
    top.add_edge("leaf", END)
    return cast(Graph, top.compile(name="nest", interrupt_before=["leaf"]))


@pytest.mark.parametrize(
    ("namespace", "recurse", "expected"),
    [
        (None, False, ["child"]),
        (None, True, ["child", "child|deep"]),
        ("child", False, ["child"]),
        ("child", True, ["child"]),
        ("child|deep", False, []),
        ("child|deep", True, ["child|deep"]),
        ("nope", True, []),
    ],
)
def test_subgraphs_are_found_by_namespace(
    namespace: str | None, recurse: bool, expected: list[str]
) -> None:
    found = describe_subgraphs(make_nested(), namespace=namespace, recurse=recurse)
    assert list(found) == expected
    titles = {"child": "MiddleState", "child|deep": "LangGraphState"}
    for name, schemas in found.items():
        assert schemas["state_schema"] is not None
        assert schemas["state_schema"]["title"] == titles[name]
        assert schemas["input_schema"] == STATE


def runnable(name: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "type": "runnable", "data": {"name": name}} | more


def edge(source: str, target: str, **more: Any) -> dict[str, Any]:
    return {"source": source, "target": target} | more


async def test_a_drawing_has_every_node_and_edge() -> None:
    drawing = await draw(make_nested())
    assert drawing["nodes"] == [
        runnable("__start__"),
        runnable("child"),
        runnable("leaf", metadata={"__interrupt": "before"}),
        runnable("jump"),
        {"id": "__end__"},
    ]
    assert drawing["edges"] == [
        edge("__start__", "__end__", conditional=True),
        edge("__start__", "child", conditional=True),
        edge("__start__", "leaf", conditional=True),
        edge("child", "__end__", data="no", conditional=True),
        edge("child", "jump", data="yes", conditional=True),
        edge("jump", "__end__", conditional=True),
        edge("jump", "leaf", conditional=True),
        edge("leaf", "__end__"),
    ]


@pytest.mark.parametrize(
    ("xray", "inner"),
    [(True, ["child:deep:inner", "child:other"]), (1, ["child:deep", "child:other"])],
)
async def test_xray_opens_subgraphs(xray: bool | int, inner: list[str]) -> None:
    drawing = await draw(make_nested(), xray=xray)
    ids = {node["id"] for node in drawing["nodes"]}
    assert ids == {"__start__", "leaf", "jump", "__end__", *inner}
    assert edge(inner[0], "child:other") in drawing["edges"]


def test_annotated_fields_keep_their_type() -> None:
    class Counted(TypedDict):
        n: Annotated[list[int], lambda left, right: left + right]

    state = describe(make(Counted))["state_schema"]
    assert state is not None
    assert state["properties"]["n"]["items"] == {"type": "integer"}


def test_copies_of_a_graph_share_schemas_but_not_their_titles() -> None:
    graph = make(name="one")
    other = copy.copy(graph)
    other.name = "two"
    first, second = describe(graph), describe(graph)
    assert first == second
    assert first["input_schema"] is second["input_schema"]
    state = describe(other)["state_schema"]
    assert state is not None
    assert state["title"] == "two_state"

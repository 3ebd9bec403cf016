"""A graph within a graph; the inner one asks a question and waits for the answer."""

import operator
from typing import Annotated

from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict


class Trail(TypedDict, total=False):
    trail: Annotated[list[str], operator.add]
    answer: str


async def before(state: Trail) -> Trail:
    return {"trail": ["before"]}


async def after(state: Trail) -> Trail:
    return {"trail": ["after"]}


class Inner(TypedDict, total=False):
    question: str
    answer: str


async def prepare(state: Inner) -> Inner:
    return {"question": "Which way?"}


async def ask(state: Inner) -> Inner:
    return {"answer": str(interrupt(state["question"]))}


inner = (
    StateGraph(Inner)
    .add_node("prepare", prepare)
    .add_node("ask", ask)
    .add_edge(START, "prepare")
    .add_edge("prepare", "ask")
    .compile(name="inner")
)


graph = (
    StateGraph(Trail)
    .add_node("before", before)
    .add_node("inner", inner)
    .add_node("after", after)
    .add_edge(START, "before")
    .add_edge("before", "inner")
    .add_edge("inner", "after")
    .compile(name="nested")
)

"""Graphs that show what the examples do not: parallel questions, and what a node is told.

A gate is a file: a graph that is given one waits for it, so that a test decides when it goes on.
"""

import asyncio
import operator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypedDict

from langgraph.config import get_config, get_stream_writer
from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import interrupt


class Answers(TypedDict, total=False):
    answers: Annotated[list[str], operator.add]


async def left(state: Answers) -> Answers:
    return {"answers": [f"left={interrupt('left?')}"]}


async def right(state: Answers) -> Answers:
    return {"answers": [f"right={interrupt('right?')}"]}


two_questions = (
    StateGraph(Answers)
    .add_node("left", left)
    .add_node("right", right)
    .add_edge(START, "left")
    .add_edge(START, "right")
    .compile(name="two_questions")
)


@dataclass
class Wishes:
    tone: str = "plain"
    length: int = 1


class Told(TypedDict, total=False):
    context: Any
    options: dict[str, Any]
    about: dict[str, Any]
    tags: list[str]
    recursion_limit: int


async def tell(state: Told, runtime: Runtime[Wishes]) -> Told:
    config = get_config()
    return {
        "context": runtime.context,
        "options": {k: v for k, v in config["configurable"].items() if k[:2] != "__"},
        "about": config["metadata"],
        "tags": config.get("tags", []),
        "recursion_limit": config.get("recursion_limit", 0),
    }


reflect = (
    StateGraph(Told, context_schema=Wishes)
    .add_node("tell", tell)
    .add_edge(START, "tell")
    .compile(name="reflect")
)


async def opened(gate: str) -> None:
    while True:
        if Path(gate).exists():
            return
        await asyncio.sleep(0.02)


class Tally(TypedDict, total=False):
    names: Annotated[list[str], operator.add]
    name: str
    gate: str


async def count(state: Tally) -> Tally:
    get_stream_writer()({"counting": state["name"]})
    if gate := state.get("gate"):
        await opened(gate)
    return {"names": [state["name"]]}


tally = StateGraph(Tally).add_node("count", count).add_edge(START, "count").compile(name="tally")


class Considered(TypedDict, total=False):
    decided: str


async def consider(state: Considered) -> Considered:
    answers = []
    for question in ("first?", "second?"):
        answers.append(interrupt(question))
        get_stream_writer()(answers[-1])
        if answers[-1] == "slowly":
            await asyncio.sleep(60)
    return {"decided": ", ".join(answers)}


considered = (
    StateGraph(Considered)
    .add_node("consider", consider)
    .add_edge(START, "consider")
    .compile(name="considered")
)

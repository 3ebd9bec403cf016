"""Does its first step and fails at the second, with a message that the input may choose."""

from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict


class Failing(TypedDict, total=False):
    message: str
    done: bool


async def work(state: Failing) -> Failing:
    return {"done": True}


async def fail(state: Failing) -> Failing:
    raise ValueError(state.get("message", "this graph always fails"))


graph = (
    StateGraph(Failing)
    .add_node("work", work)
    .add_node("fail", fail)
    .add_edge(START, "work")
    .add_edge("work", "fail")
    .compile(name="failing")
)

"""Three steps in a row; each adds its name and tells of it in a custom event."""

import operator
from typing import Annotated

from langgraph.config import get_stream_writer
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict


class Steps(TypedDict, total=False):
    topic: str
    done: Annotated[list[str], operator.add]


def take(name: str, number: int, state: Steps) -> Steps:
    get_stream_writer()({"step": name, "number": number, "topic": state.get("topic", "")})
    return {"done": [name]}


async def plan(state: Steps) -> Steps:
    return take("plan", 1, state)


async def work(state: Steps) -> Steps:
    return take("work", 2, state)


async def review(state: Steps) -> Steps:
    return take("review", 3, state)


graph = (
    StateGraph(Steps)
    .add_node("plan", plan)
    .add_node("work", work)
    .add_node("review", review)
    .add_edge(START, "plan")
    .add_edge("plan", "work")
    .add_edge("work", "review")
    .compile(name="steps")
)

"""A graph that writes down, for whoever looks from outside, when its steps begin and end."""

import asyncio
import os
from typing import Literal, TypedDict

from langchain_core.runnables import RunnableConfig
from langgraph.config import get_stream_writer
from langgraph.graph import START, StateGraph


class Walk(TypedDict, total=False):
    marks: str
    steps: int
    sleep_s: float
    count: int


async def step(state: Walk, config: RunnableConfig) -> Walk:
    number = state.get("count", 0) + 1
    run_id = config["configurable"]["run_id"]
    mark(state["marks"], f"{run_id} {number} start")
    get_stream_writer()({"step": number})
    await asyncio.sleep(state["sleep_s"])
    mark(state["marks"], f"{run_id} {number} end")
    return {"count": number}


def mark(path: str, line: str) -> None:
    """Append one line at once, so that no kill leaves half of it."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, f"{line} {os.getpid()}\n".encode())
    finally:
        os.close(file)


def more(state: Walk) -> Literal["step", "__end__"]:
    return "step" if state["count"] < state["steps"] else "__end__"


walk = (
    StateGraph(Walk)
    .add_node("step", step)
    .add_edge(START, "step")
    .add_conditional_edges("step", more)
    .compile(name="walk")
)

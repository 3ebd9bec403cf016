"""Graphs that write down, for whoever looks from outside, when their steps begin and end."""

import asyncio
import operator
import os
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

from langchain_core.runnables import RunnableConfig
from langgraph.config import get_stream_writer
from langgraph.graph import START, StateGraph


class Walk(TypedDict, total=False):
    marks: str
    steps: int
    sleep_s: float
    gates: str
    count: int


async def step(state: Walk, config: RunnableConfig) -> Walk:
    number = state.get("count", 0) + 1
    run_id = config["configurable"]["run_id"]
    mark(state["marks"], f"{run_id} {number} start")
    get_stream_writer()({"step": number})
    if gates := state.get("gates"):
        await passed(Path(gates), f"step-{number}")
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


class Trail(TypedDict, total=False):
    """`trail` gains one entry per step: so the thread tells what happened on it, and in order."""

    intent: str
    steps: int
    sleep_s: float
    say_bytes: int
    gates: str
    count: int
    trail: Annotated[list[str], operator.add]


async def stride(state: Trail, config: RunnableConfig) -> Trail:
    """Say so, wait for the gate of the step where there are gates, and leave a trace."""
    number = state.get("count", 0) + 1
    get_stream_writer()({"step": number, "padding": "x" * state.get("say_bytes", 0)})
    if gates := state.get("gates"):
        await passed(Path(gates), f"step-{number}")
    await asyncio.sleep(state.get("sleep_s", 0))
    return {"count": number, "trail": [f"{state['intent']}:{number}"]}


async def passed(gates: Path, name: str) -> None:
    """Note that one stands before a gate; wait until it is open: a file of its name, or `all`."""
    mark(str(gates / "marks"), f"{name} reached")
    while not any((gates / key).exists() for key in (name, "all")):  # noqa: ASYNC110
        await asyncio.sleep(0.02)


def further(state: Trail) -> Literal["stride", "__end__"]:
    return "stride" if state["count"] < state["steps"] else "__end__"


striding = (
    StateGraph(Trail)
    .add_node("stride", stride)
    .add_edge(START, "stride")
    .add_conditional_edges("stride", further)
)
trail = striding.compile(name="trail")


async def guarded(config: RunnableConfig) -> Any:
    """Make the same graph behind gates of its own: a run opens it for its steps, and at its end."""
    gates = config["configurable"].get("gates")
    if gates:
        folder = Path(gates)
        number = 1 + sum("open" in line for line in lines_of(folder / "marks"))
        await passed(folder, f"open-{number}")
    return striding.compile(name="guarded")


def lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []

"""Sleeps `steps` times for `sleep_s` seconds, one graph step each.

`marks`, where given, is a file that gets a line per step: it shows from outside what really ran.
"""

import asyncio
import os
from pathlib import Path
from typing import Literal

from langgraph.config import get_stream_writer
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict


class Slow(TypedDict, total=False):
    steps: int
    sleep_s: float
    marks: str
    count: int


async def begin(state: Slow) -> Slow:
    return {"count": 0}


async def doze(state: Slow) -> Slow:
    number = state["count"] + 1
    get_stream_writer()({"count": number})
    await asyncio.sleep(state.get("sleep_s", 0.1))
    if path := state.get("marks"):
        mark(Path(path), number)
    return {"count": number}


def mark(path: Path, number: int) -> None:
    with path.open("a") as lines:
        lines.write(f"{os.getpid()} {number}\n")


def more(state: Slow) -> Literal["doze", "__end__"]:
    return "doze" if state["count"] < state.get("steps", 3) else "__end__"


graph = (
    StateGraph(Slow)
    .add_node("begin", begin)
    .add_node("doze", doze)
    .add_edge(START, "begin")
    .add_edge("begin", "doze")
    .add_conditional_edges("doze", more)
    .compile(name="slow")
)

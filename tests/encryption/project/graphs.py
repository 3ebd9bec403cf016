"""A graph that puts what it is told everywhere a graph can: state, store, stream."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Literal, TypedDict

from langgraph.config import get_stream_writer
from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import interrupt


class Told(TypedDict, total=False):
    secret: str
    steps: int
    sleep_s: float
    count: int
    fails: bool
    asks: bool
    gate: str


async def tell(state: Told, runtime: Runtime[Any]) -> Told:
    assert runtime.store is not None
    secret = state["secret"]
    get_stream_writer()({"streamed": f"{secret} in a stream"})
    await runtime.store.aput(("kept",), "by-graph", {"text": f"{secret} in the store", "n": 7})
    await asyncio.sleep(state.get("sleep_s", 0))
    if "gate" in state and state.get("count", 0) + 1 == state["steps"]:
        await opened(state["gate"])
    if state.get("fails"):
        raise ValueError(f"{secret} in an error")
    if state.get("asks"):
        interrupt({"question": f"{secret} in a question"})
    return {"count": state.get("count", 0) + 1}


async def opened(gate: str) -> None:
    """Let the test know that the last step is here, and wait until it makes a file of that name."""
    await asyncio.to_thread(Path(f"{gate}.reached").touch)
    while not await asyncio.to_thread(Path(gate).exists):  # noqa: ASYNC110 - a file, no event
        await asyncio.sleep(0.05)


def more(state: Told) -> Literal["tell", "__end__"]:
    return "tell" if state["count"] < state.get("steps", 1) else "__end__"


keeper = (
    StateGraph(Told)
    .add_node("tell", tell)
    .add_edge(START, "tell")
    .add_conditional_edges("tell", more)
    .compile(name="keeper")
)

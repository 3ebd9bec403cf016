"""A graph that counts in its state and keeps the count in the store."""

from __future__ import annotations

import asyncio
from typing import Any, Literal, TypedDict

from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import interrupt


class Counted(TypedDict, total=False):
    count: int
    steps: int
    sleep_s: float
    asks: bool


async def count(state: Counted, runtime: Runtime[Any]) -> Counted:
    assert runtime.store is not None
    await asyncio.sleep(state.get("sleep_s", 0))
    if state.get("asks"):
        interrupt("go on?")
    number = state.get("count", 0) + 1
    await runtime.store.aput(("counts",), "newest", {"count": number})
    return {"count": number}


def more(state: Counted) -> Literal["count", "__end__"]:
    return "count" if state["count"] < state.get("steps", 1) else "__end__"


counter = (
    StateGraph(Counted)
    .add_node("count", count)
    .add_edge(START, "count")
    .add_conditional_edges("count", more)
    .compile(name="counter")
)

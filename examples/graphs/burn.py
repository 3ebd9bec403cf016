"""Keeps a processor busy for `seconds` without ever awaiting: an impolite neighbour."""

import time

from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict


class Burn(TypedDict, total=False):
    seconds: float
    rounds: int


async def burn(state: Burn) -> Burn:
    until, rounds = time.monotonic() + state.get("seconds", 0.2), 0
    while time.monotonic() < until:
        rounds += 1
    return {"rounds": rounds}


graph = StateGraph(Burn).add_node("burn", burn).add_edge(START, "burn").compile(name="burn")

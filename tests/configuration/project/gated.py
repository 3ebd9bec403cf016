"""Makes the file `gate`, and blocks its loop without ever awaiting until that is removed."""

import time
from pathlib import Path

from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict


class Gated(TypedDict, total=False):
    gate: str


async def block(state: Gated) -> Gated:
    gate = Path(state["gate"])
    gate.touch()
    until_s = time.monotonic() + 90
    while gate.exists() and time.monotonic() < until_s:
        time.sleep(0.02)
    return {}


graph = StateGraph(Gated).add_node("block", block).add_edge(START, "block").compile(name="gated")

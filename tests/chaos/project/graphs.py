"""A graph that says numbers one after the other, so that a lost or doubled one is noticed."""

import asyncio
from typing import TypedDict

from langgraph.config import get_stream_writer
from langgraph.graph import START, StateGraph


class Count(TypedDict, total=False):
    upto: int
    pause_s: float
    said: int


async def say(state: Count) -> Count:
    write = get_stream_writer()
    for number in range(1, state["upto"] + 1):
        write({"number": number, "text": "zählt 数 " * (number % 9)})
        await asyncio.sleep(state["pause_s"])
    return {"said": state["upto"]}


numbers = StateGraph(Count).add_node("say", say).add_edge(START, "say").compile(name="numbers")

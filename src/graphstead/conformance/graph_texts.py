"""The graphs that `graphstead conform --write-graphs` writes: LangGraph, no key, no network."""

from __future__ import annotations

import json

__all__ = ["GRAPHS", "PROJECT"]

ECHO = '''\
"""Answers with the message it was sent."""

from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict


class Echo(TypedDict, total=False):
    message: str
    reply: str


async def reply(state: Echo) -> Echo:
    return {"reply": state.get("message", "")}


builder = StateGraph(Echo)
builder.add_node("reply", reply)
builder.add_edge(START, "reply")
graph = builder.compile(name="conform_echo")
'''

ASK = '''\
"""Stops for a decision; resumed with true it sends, with false it drops."""

from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict


class Ask(TypedDict, total=False):
    request: str
    draft: str
    approved: bool
    result: str


async def draft(state: Ask) -> Ask:
    return {"draft": f"Draft for: {state.get('request', '')}"}


async def approve(state: Ask) -> Ask:
    return {"approved": bool(interrupt({"question": "Send this?", "draft": state["draft"]}))}


async def finish(state: Ask) -> Ask:
    return {"result": "sent" if state["approved"] else "dropped"}


builder = StateGraph(Ask)
builder.add_node("draft", draft)
builder.add_node("approve", approve)
builder.add_node("finish", finish)
builder.add_edge(START, "draft")
builder.add_edge("draft", "approve")
builder.add_edge("approve", "finish")
graph = builder.compile(name="conform_ask")
'''

SLOW = '''\
"""Sleeps `steps` times for `sleep_s` seconds, a graph step each, and counts them."""

import asyncio

from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict


class Slow(TypedDict, total=False):
    steps: int
    sleep_s: float
    count: int


async def begin(state: Slow) -> Slow:
    return {"count": 0}


async def doze(state: Slow) -> Slow:
    await asyncio.sleep(state.get("sleep_s", 0.1))
    return {"count": state["count"] + 1}


def more(state: Slow) -> str:
    return "doze" if state["count"] < state.get("steps", 3) else "__end__"


builder = StateGraph(Slow)
builder.add_node("begin", begin)
builder.add_node("doze", doze)
builder.add_edge(START, "begin")
builder.add_edge("begin", "doze")
builder.add_conditional_edges("doze", more, ["doze", "__end__"])
graph = builder.compile(name="conform_slow")
'''

FAIL = '''\
"""Does one step and fails at the second with the message it was sent."""

from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict


class Fail(TypedDict, total=False):
    message: str
    done: bool


async def work(state: Fail) -> Fail:
    return {"done": True}


async def fail(state: Fail) -> Fail:
    raise ValueError(state.get("message", "no luck"))


builder = StateGraph(Fail)
builder.add_node("work", work)
builder.add_node("fail", fail)
builder.add_edge(START, "work")
builder.add_edge("work", "fail")
graph = builder.compile(name="conform_fail")
'''

GRAPHS = {"conform_echo": ECHO, "conform_ask": ASK, "conform_slow": SLOW, "conform_fail": FAIL}
PROJECT = (
    json.dumps(
        {"dependencies": ["."], "graphs": {name: f"./{name}.py:graph" for name in GRAPHS}}, indent=2
    )
    + "\n"
)

"""A diary that writes into the store and reads it again, by every way a node gets at it."""

from __future__ import annotations

import asyncio
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.store.base import BaseStore
from langgraph_sdk.runtime import ServerRuntime


class Diary(TypedDict, total=False):
    """What is written, and what is found."""

    owner: str
    text: str
    key: str
    query: str
    found: list[dict[str, Any]]
    keys: list[str]


async def write(state: Diary, runtime: Runtime[None]) -> Diary:
    """Write by `runtime.store`, on the loop."""
    assert runtime.store is not None
    place = ("diary", state["owner"])
    await runtime.store.aput(place, state["key"], {"text": state["text"]})
    await asyncio.sleep(0)
    return {}


def look(state: Diary, *, store: BaseStore) -> Diary:
    """Search by an injected store, on a thread."""
    found = store.search(("diary", state["owner"]), query=state.get("query"))
    items = [{"key": one.key, "text": one.value["text"], "score": one.score} for one in found]
    return {"found": items}


builder = StateGraph(Diary)
builder.add_node("write", write)
builder.add_node("look", look)
builder.add_edge(START, "write")
builder.add_edge("write", "look")
builder.add_edge("look", END)
diary = builder.compile()


async def made_diary(runtime: ServerRuntime[Any]) -> Any:
    """Make a graph that tells which keys the factory has seen."""
    items = await runtime.store.asearch(("diary", "made"), limit=100)
    keys = sorted(item.key for item in items)

    def tell(state: Diary) -> Diary:
        return {"keys": keys}

    made = StateGraph(Diary)
    made.add_node("tell", tell)
    made.add_edge(START, "tell")
    return made.compile()

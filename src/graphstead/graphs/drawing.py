"""A graph as nodes and edges, for clients that draw it."""

from __future__ import annotations

from typing import Any, TypedDict

from langgraph.pregel import Pregel

__all__ = ["Drawing", "draw"]


class Drawing(TypedDict):
    """Nodes ``{id, type?, data?, metadata?}``, edges ``{source, target, conditional?, data?}``."""

    nodes: list[dict[str, Any]]
    edges: list[dict[str, Any]]


async def draw(graph: Pregel[Any, Any, Any, Any], *, xray: bool | int = False) -> Drawing:
    """Return a graph's drawing. `xray` opens subgraphs: all of them, or this many levels.

    Nodes of an opened subgraph have ids joined by ``:``, such as ``child:inner``.
    """
    drawable = await graph.aget_graph(xray=xray)
    found = drawable.to_json()
    return {"nodes": [_node(node) for node in found["nodes"]], "edges": found["edges"]}


def _node(node: dict[str, Any]) -> dict[str, Any]:
    """Leave out where in Python the node's code is."""
    data = node.get("data")
    if not isinstance(data, dict):
        return node
    return node | {"data": {key: value for key, value in data.items() if key != "id"}}

"""The tree of graphs at work in a run, read from what its frames tell of lifecycles."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from graphstead.storage.rows import Json
from graphstead.streaming.protocol_frames import Namespace
from graphstead.streaming.protocol_log import Numbered


def tree_of(numbered: Iterable[Numbered]) -> Json | None:
    """Return the root node with its children; None where no run has begun."""
    nodes: dict[Namespace, Json] = {}
    for one in numbered:
        if one.frame.method == "lifecycle":
            _tell(nodes, tuple(one.frame.namespace), one.frame.read())
    return nodes.get(())


def _tell(nodes: dict[Namespace, Json], namespace: Namespace, data: Any) -> None:
    node = nodes.get(namespace)
    if node is None or (not namespace and data["event"] == "running"):
        if not namespace:
            nodes.clear()
        node = {"namespace": list(namespace), "graph_name": data.get("graph_name") or ""}
        nodes[namespace] = node
        parent = nodes.get(namespace[:-1]) if namespace else None
        if parent is not None:
            parent.setdefault("children", []).append(node)
    node["status"] = data["event"]

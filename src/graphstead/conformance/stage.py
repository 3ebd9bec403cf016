"""Scenes: named groups of calls, and the graphs that both servers need for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import httpx

from graphstead.conformance.play import Play

__all__ = ["SAYING", "UNKNOWN", "Act", "Scene", "graphs_of"]

Act: TypeAlias = Callable[[Play], None]

UNKNOWN = "01999f3c-6b1a-7d52-9c5e-2f7f0c3b8a11"
SAYING: Any = {"messages": [{"type": "human", "id": "m-1", "content": "hello there"}]}


@dataclass(frozen=True, slots=True)
class Scene:
    """A function that makes calls, its name, and the graphs it runs."""

    name: str
    graphs: frozenset[str]
    act: Act

    @classmethod
    def of(cls, act: Act, *graphs: str) -> Scene:
        """Make a scene named after its function."""
        return cls(act.__name__.replace("_", " "), frozenset(graphs), act)


def graphs_of(base_url: str) -> set[str]:
    """Return the graphs that a server serves."""
    found = httpx.post(f"{base_url}/assistants/search", json={"limit": 1000}, timeout=60)
    found.raise_for_status()
    return {assistant["graph_id"] for assistant in found.json()}

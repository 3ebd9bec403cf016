"""The user's graphs: what langgraph.json names, loaded, opened, described and drawn."""

from typing import TYPE_CHECKING, Any

from graphstead.graphs.config import GraphSource, Project, load_project

if TYPE_CHECKING:
    from graphstead.graphs.load import GraphSet, load_graphs

__all__ = ["GraphSet", "GraphSource", "Project", "load_graphs", "load_project"]


def __getattr__(name: str) -> Any:
    # Imported when asked for: to read langgraph.json takes no LangGraph, which takes a second.
    if name in ("GraphSet", "load_graphs"):
        from graphstead.graphs import load

        return getattr(load, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

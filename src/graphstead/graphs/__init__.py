"""The user's graphs: what langgraph.json names, loaded, opened, described and drawn."""

from graphstead.graphs.config import GraphSource, Project, load_project
from graphstead.graphs.load import GraphSet, load_graphs

__all__ = ["GraphSet", "GraphSource", "Project", "load_graphs", "load_project"]

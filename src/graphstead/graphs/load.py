"""Every graph of a project, loaded once and opened for each use."""

from __future__ import annotations

import copy
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from langchain_core.embeddings import Embeddings
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import StateGraph
from langgraph.pregel import Pregel
from langgraph.store.base import BaseStore

from graphstead.graphs.config import GraphSource, Project
from graphstead.graphs.embeddings import load_embeddings
from graphstead.graphs.factories import (
    Access,
    Factory,
    Graph,
    GraphTypeError,
    Opening,
    as_graph,
)
from graphstead.graphs.importing import Importer, ImportFault
from graphstead.problems import GraphNotFound, StartupError

__all__ = ["GraphSet", "load_graphs"]

log = structlog.get_logger(__name__)
UNNAMED = "LangGraph"


@dataclass(frozen=True, slots=True)
class Entry:
    """A loaded graph: `made` is the compiled graph itself or what makes one per use."""

    source: GraphSource
    made: Graph | Factory


class GraphSet:
    """The graphs of a project by graph id; safe to use from any thread and event loop.

    `embeddings` is what the project searches the store with. `store` is what graphs are opened
    with unless told otherwise; the engine sets it once.
    """

    def __init__(self, entries: Mapping[str, Entry], embeddings: Embeddings | None = None) -> None:
        self._entries = dict(entries)
        self.embeddings = embeddings
        self.store: BaseStore | None = None
        self.ids: tuple[str, ...] = tuple(self._entries)
        self._noted: set[str] = set()

    def description(self, graph_id: str) -> str | None:
        """Return the description that langgraph.json gives. Raises GraphNotFound."""
        return self._entry(graph_id).source.description

    def name(self, graph_id: str) -> str:
        """Return the compiled graph's own name, else its graph id. Raises GraphNotFound."""
        made = self._entry(graph_id).made
        return made.name if isinstance(made, Pregel) and made.name else graph_id

    def compiled(self, graph_id: str) -> Graph | None:
        """Return the graph; None where a factory makes it for each use. Raises GraphNotFound."""
        made = self._entry(graph_id).made
        return None if isinstance(made, Factory) else made

    def _entry(self, graph_id: str) -> Entry:
        try:
            return self._entries[graph_id]
        except KeyError:
            raise GraphNotFound(graph_id, self.ids) from None

    @asynccontextmanager
    async def open(
        self,
        graph_id: str,
        config: Mapping[str, Any],
        *,
        access: Access,
        checkpointer: BaseCheckpointSaver[Any] | None,
        store: BaseStore | None = None,
        user: Any = None,
        context: Any = None,
    ) -> AsyncIterator[Graph]:
        """Give the graph bound to this checkpointer and store, for the block's duration.

        A factory is called here, with `config`, and sees the rest as its `ServerRuntime`.
        Raises GraphNotFound, GraphTypeError for a factory that makes no graph, and whatever
        the factory raises.
        """
        made = self._entry(graph_id).made
        store = self.store if store is None else store
        if not isinstance(made, Factory):
            yield _bound(made, checkpointer, store)
            return
        opening = Opening(_full(config), access, store, user, context)
        async with made.open(opening) as graph:
            if graph_id not in self._noted:
                self._noted.add(graph_id)
                _note_own(graph, graph_id)
            yield _bound(_named(graph, graph_id), checkpointer, store)


def _full(config: Mapping[str, Any]) -> dict[str, Any]:
    """Add the parts of a config that every factory may rely on finding."""
    return {"tags": [], "metadata": {}, "configurable": {}, **config}


def _bound(
    graph: Graph, checkpointer: BaseCheckpointSaver[Any] | None, store: BaseStore | None
) -> Graph:
    # Pregel.copy() validates the whole graph again, 140 µs for 50 nodes; this takes 5.
    bound = copy.copy(graph)
    bound.checkpointer = checkpointer
    if store is not None:
        bound.store = store
    return bound


def _named(graph: Graph, graph_id: str) -> Graph:
    """Name a graph that has no name of its own by its graph id."""
    if graph.name and graph.name != UNNAMED:
        return graph
    named = copy.copy(graph)
    named.name = graph_id
    return named


def load_graphs(project: Project) -> GraphSet:
    """Import and check every graph of the project and its embedding function.

    Sets the environment variables of langgraph.json and extends `sys.path`, both for the whole
    process. Raises StartupError naming graph id, file, line and cause of all that fails.
    """
    os.environ.update(project.env)
    importer = Importer(project.root, project.import_paths)
    importer.extend_sys_path()
    entries: dict[str, Entry] = {}
    faults: list[str] = []
    for graph_id, source in project.graphs.items():
        try:
            entries[graph_id] = Entry(source, _made(importer.load(source), graph_id))
        except (ImportFault, GraphTypeError) as exc:
            faults.append(f"Graph '{graph_id}' ({source.path}) cannot be loaded: {exc}")
    embeddings = _embeddings(project, importer, faults)
    if faults:
        raise StartupError(faults)
    return GraphSet(entries, embeddings)


def _embeddings(project: Project, importer: Importer, faults: list[str]) -> Embeddings | None:
    index = project.store.index
    if index is None or project.store_source is not None:
        return None
    try:
        return load_embeddings(index.embed, importer)
    except ImportFault as exc:
        faults.append(f"store.index.embed ({index.embed}) cannot be loaded: {exc}")
        return None


def _made(value: Any, graph_id: str) -> Graph | Factory:
    if not isinstance(value, Pregel | StateGraph):
        if callable(value):
            return Factory.of(value)
        raise GraphTypeError(
            f"expected a graph, a StateGraph or a factory of one, found {type(value).__name__}"
        )
    graph = _compiled(value)
    _note_own(graph, graph_id)
    return _named(graph, graph_id)


def _note_own(graph: Graph, graph_id: str) -> None:
    """Say what a graph brings in vain; `checkpointer.path`, `store.path` are the place for it."""
    for part in ("checkpointer", "store"):
        if getattr(graph, part, None):
            log.warning("the server's own takes its place", graph_id=graph_id, part=part)


def _compiled(value: Any) -> Graph:
    try:
        return as_graph(value)
    except ValueError as exc:
        raise GraphTypeError(f"the StateGraph does not compile: {exc}") from exc

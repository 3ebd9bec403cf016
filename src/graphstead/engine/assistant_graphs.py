"""What the graph behind an assistant looks like: drawing, schemas, subgraphs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from graphstead.engine.assistant_rows import system_row
from graphstead.engine.clock import system_assistant_id
from graphstead.graphs.drawing import draw
from graphstead.graphs.host import GraphHost
from graphstead.graphs.schemas import describe, describe_subgraphs
from graphstead.storage.rows import AssistantRow, Json

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Portrait:
    """An assistant as its own contract tells of it: what it is, gives and takes.

    `is_own` says that it is the graph's own; `context` are the values it brings to every run.
    """

    assistant_id: str
    graph_id: str
    name: str
    description: str | None
    version: int
    is_own: bool
    context: Json
    schemas: Json


class AssistantGraphs:
    """Reads graphs on the host's loop, made with the assistant's settings."""

    def __init__(self, host: GraphHost) -> None:
        self._host = host

    async def drawing(self, row: AssistantRow, xray: bool | int) -> Any:
        """Return nodes and edges; `xray` opens all levels of subgraphs, or as many."""
        return await self._with(row, lambda graph: draw(graph, xray=xray))

    async def schemas(self, row: AssistantRow) -> Json:
        """Return the five schemas and the graph's id."""

        async def described(graph: Any) -> Json:
            return {"graph_id": row.graph_id, **describe(graph)}

        return await self._with(row, described)

    async def portrait(self, row: AssistantRow, *, is_own: bool) -> Portrait:
        """Return what the assistant's own contract is made of."""
        given = {**(row.config.get("configurable") or {}), **(row.context or {})}
        return Portrait(
            assistant_id=row.assistant_id,
            graph_id=row.graph_id,
            name=row.name,
            description=row.description,
            version=row.version,
            is_own=is_own,
            context=given,
            schemas=await self.schemas(row),
        )

    async def own_portrait(self, graph_id: str) -> Portrait:
        """Return the same of a graph's own assistant, as a new server has it.

        Raises GraphNotFound.
        """
        row = system_row(self._host.graphs, system_assistant_id(graph_id), graph_id)
        return await self.portrait(row, is_own=True)

    async def subgraphs(self, row: AssistantRow, namespace: str | None, recurse: bool) -> Any:
        """Map the namespaces of nested graphs to their schemas."""

        async def described(graph: Any) -> Any:
            return describe_subgraphs(graph, namespace=namespace, recurse=recurse)

        return await self._with(row, described)

    async def _with(self, row: AssistantRow, read: Callable[[Any], Awaitable[T]]) -> T:
        async def opened() -> T:
            config = {"configurable": row.config.get("configurable") or {}}
            graphs = self._host.graphs
            made = graphs.open(row.graph_id, config, access="assistants.read", checkpointer=None)
            async with made as graph:
                return await read(graph)

        return await self._host.call(opened)

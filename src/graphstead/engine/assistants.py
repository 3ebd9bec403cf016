"""Assistants: a graph under a name and settings; every graph has one of its own from the start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphstead.engine.clock import as_uuid, system_assistant_id, wire_time
from graphstead.graphs.load import GraphSet
from graphstead.problems import AssistantNotFound, GraphNotFound, NotFound
from graphstead.storage.base import AssistantFilter, AssistantRow, Json, Page, Storage, Tx


@dataclass(frozen=True, slots=True)
class Found:
    """One page of a search: rows in wire form, the true total, the next offset if there is more."""

    rows: list[Json]
    total: int
    next_offset: int | None

    @property
    def headers(self) -> dict[str, str]:
        """Return the pagination headers."""
        headers = {"x-pagination-total": str(self.total)}
        if self.next_offset is not None:
            headers["x-pagination-next"] = str(self.next_offset)
        return headers


class Assistants:
    """Everything a client can ask of assistants."""

    def __init__(self, storage: Storage, graphs: GraphSet) -> None:
        self._storage = storage
        self._graphs = graphs
        self._system = {system_assistant_id(graph_id): graph_id for graph_id in graphs.ids}

    def seed(self) -> None:
        """Make sure that every graph has its own assistant."""
        self._storage.write_blocking(self._seed)

    def _seed(self, tx: Tx) -> None:
        for assistant_id, graph_id in self._system.items():
            if tx.assistants.get(assistant_id) is None:
                tx.assistants.insert(self._system_row(assistant_id, graph_id))

    def _system_row(self, assistant_id: str, graph_id: str) -> AssistantRow:
        now = wire_time()
        return AssistantRow(
            assistant_id=assistant_id,
            graph_id=graph_id,
            name=self._graphs.name(graph_id),
            description=self._graphs.description(graph_id),
            config={},
            context={},
            metadata={"created_by": "system"},
            version=1,
            created_at=now,
            updated_at=now,
        )

    def resolve(self, assistant_id: str) -> str:
        """Return the assistant meant by a UUID or by the name of a graph. Raises GraphNotFound."""
        if assistant_id in self._graphs.ids:
            return system_assistant_id(assistant_id)
        known = as_uuid(assistant_id)
        if known is None:
            raise GraphNotFound(assistant_id, self._graphs.ids)
        return known

    async def get(self, assistant_id: str) -> Json:
        """Get an assistant by id or graph name. Raises GraphNotFound, AssistantNotFound."""
        resolved = self.resolve(assistant_id)
        row = await self._storage.read(lambda tx: tx.assistants.get(resolved))
        if row is None:
            raise AssistantNotFound(assistant_id)
        return assistant_body(row)

    async def search(self, body: Mapping[str, Any]) -> Found:
        """Find assistants: filters graph_id, name (part of it), metadata; newest first by default.

        Raises NotFound for the id of a graph that is not served here.
        """
        match = AssistantFilter(
            graph_id=self._served(body.get("graph_id")),
            name=body.get("name"),
            metadata=body.get("metadata"),
        )
        page = page_of(body)
        rows, total = await self._storage.read(
            lambda tx: (tx.assistants.search(match, page), tx.assistants.count(match))
        )
        chosen = frozenset(body.get("select") or ())
        return found([_selected(assistant_body(row), chosen) for row in rows], total, page)

    def _served(self, graph_id: str | None) -> str | None:
        if graph_id is not None and graph_id not in self._graphs.ids:
            known = ", ".join(repr(name) for name in sorted(self._graphs.ids))
            raise NotFound(f"Graph '{graph_id}' not found. Expected one of: [{known}]")
        return graph_id


def found(rows: list[Json], total: int, page: Page) -> Found:
    """Put a page together."""
    end = page.offset + len(rows)
    return Found(rows, total, end if end < total else None)


def page_of(body: Mapping[str, Any]) -> Page:
    """Read limit, offset and sorting of a search body."""
    return Page(
        limit=body.get("limit", 10),
        offset=body.get("offset", 0),
        sort_by=body.get("sort_by") or "created_at",
        descending=(body.get("sort_order") or "desc") == "desc",
    )


def _selected(body: Json, chosen: frozenset[str]) -> Json:
    return {key: value for key, value in body.items() if key in chosen} if chosen else body


def assistant_body(row: AssistantRow) -> Json:
    """Return an assistant in its wire form."""
    return {
        "assistant_id": row.assistant_id,
        "graph_id": row.graph_id,
        "config": row.config,
        "context": row.context,
        "metadata": row.metadata,
        "name": row.name,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "version": row.version,
        "description": row.description,
    }

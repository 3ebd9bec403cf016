"""Assistants: a graph under a name and settings; every graph has one of its own from the start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from graphstead.engine import assistant_rows
from graphstead.engine.access import Access, Action, Grant
from graphstead.engine.assistant_graphs import AssistantGraphs, Portrait
from graphstead.engine.assistant_threads import AssistantThreads
from graphstead.engine.callers import Asked
from graphstead.engine.clock import Clock, as_uuid, system_assistant_id
from graphstead.engine.pages import Found, found, page_of, project
from graphstead.engine.replays import Once
from graphstead.graphs.host import GraphHost
from graphstead.problems import GraphNotFound, NotFound
from graphstead.storage.base import Storage, Tx
from graphstead.storage.rows import AssistantFilter, AssistantRow, Json

# What a rule can change of an assistant.
CHANGEABLE = ("config", "context", "metadata", "name")
RUNS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Created:
    """An assistant that was made, now or by an earlier request with the same key."""

    body: Json
    headers: Mapping[str, str]


class Assistants:
    """Everything a client can ask of assistants."""

    def __init__(self, storage: Storage, host: GraphHost, clock: Clock, access: Access) -> None:
        graphs = host.graphs
        self._access = access
        self._thread_ends = AssistantThreads(storage, clock, access)
        self._storage = storage
        self._clock = clock
        self._graphs_of = AssistantGraphs(host)
        self._graphs = graphs
        self._system = {system_assistant_id(graph_id): graph_id for graph_id in graphs.ids}

    def seed(self) -> None:
        """Make sure that every graph has its own assistant."""
        self._storage.write_blocking(self._seed)

    def _seed(self, tx: Tx) -> None:
        for assistant_id, graph_id in self._system.items():
            if tx.assistants.get(assistant_id) is None:
                row = assistant_rows.system_row(self._graphs, assistant_id, graph_id)
                tx.assistants.insert(row)

    def resolve(self, assistant_id: str) -> str:
        """Return the assistant meant by a UUID or by the name of a graph. Raises GraphNotFound."""
        if assistant_id in self._graphs.ids:
            return system_assistant_id(assistant_id)
        known = as_uuid(assistant_id)
        if known is None:
            raise GraphNotFound(assistant_id, self._graphs.ids)
        return known

    async def get(self, assistant_id: str, asked: Asked) -> Json:
        """Get an assistant by id or graph name. Raises GraphNotFound, AssistantNotFound."""
        return assistant_body(await self._row(assistant_id, asked))

    def is_system(self, assistant_id: str) -> bool:
        """Tell whether an assistant is a graph's own."""
        return assistant_id in self._system

    async def _row(self, assistant_id: str, asked: Asked) -> AssistantRow:
        resolved = self.resolve(assistant_id)
        grant = await self._may(asked, "read", resolved)
        return await self._storage.read(lambda tx: assistant_rows.existing(tx, resolved, grant))

    async def _may(self, asked: Asked, action: Action, assistant_id: str, **value: Any) -> Grant:
        return await self._access.ask(
            asked.caller, "assistants", action, assistant_id=assistant_id, **value
        )

    async def create(self, body: Mapping[str, Any], asked: Asked) -> Created:
        """Store a new assistant; an existing one is returned with `if_exists: do_nothing`.

        Raises NotFound for an unknown graph, Conflict for a taken id, BadRequest.
        """
        self._served(body["graph_id"])
        assistant_id = as_uuid(body.get("assistant_id") or "") or str(uuid4())
        grant = await self._may(asked, "create", assistant_id, **_asked_of_rule(body))
        row = assistant_rows.new_row(grant.over(body, *CHANGEABLE), assistant_id)
        self._access.tell_of_strangers(grant, "assistants", row.metadata)
        keep = body.get("if_exists") == "do_nothing"
        scope = f"assistants {asked.caller.identity}"
        once = Once(scope, asked.idempotency_key, body, self._clock)

        def insert(tx: Tx) -> Json:
            return assistant_body(assistant_rows.insert(tx, row, keep=keep, grant=grant))

        made = await self._storage.write(lambda tx: once.answer(tx, insert))
        return Created(made, once.headers)

    async def patch(self, assistant_id: str, body: Mapping[str, Any], asked: Asked) -> Json:
        """Store a new version and make it current. Raises AssistantNotFound, NotFound."""
        self._served(body.get("graph_id"))
        resolved = self.resolve(assistant_id)
        grant = await self._may(asked, "update", resolved, **_asked_of_rule(body))
        given = grant.over(body, *CHANGEABLE)
        row = await self._storage.write(lambda tx: assistant_rows.patch(tx, resolved, given, grant))
        return assistant_body(row)

    async def set_latest(self, assistant_id: str, version: int, asked: Asked) -> Json:
        """Make a stored version the current one. Raises AssistantNotFound, NotFound."""
        resolved = self.resolve(assistant_id)
        grant = await self._may(asked, "update", resolved, version=version)
        row = await self._storage.write(
            lambda tx: assistant_rows.set_latest(tx, resolved, version, grant)
        )
        return assistant_body(row)

    async def versions(
        self, assistant_id: str, body: Mapping[str, Any], asked: Asked
    ) -> list[Json]:
        """List stored versions, newest first. Raises NotFound for an empty page."""
        resolved, page, metadata = self.resolve(assistant_id), page_of(body), body.get("metadata")
        grant = await self._may(asked, "read", resolved)

        def listed(tx: Tx) -> list[AssistantRow]:
            current = tx.assistants.get(resolved)
            if current is None or not grant.admits(current.metadata):
                return []
            return tx.assistants.versions(resolved, metadata, page)

        rows = await self._storage.read(listed)
        if not rows:
            raise NotFound(f"Assistant '{assistant_id}' has no such versions")
        return [_version_body(row) for row in rows]

    async def delete(self, assistant_id: str, asked: Asked, *, with_threads: bool) -> None:
        """Delete an assistant, its versions, crons and runs; `with_threads` also what it worked on.

        Raises AssistantNotFound.
        """
        resolved = self.resolve(assistant_id)
        grant = await self._may(asked, "delete", resolved)
        await self._storage.write(lambda tx: assistant_rows.delete(tx, resolved, grant))
        while await self._stop_runs(resolved) == RUNS_AT_ONCE:
            continue
        if with_threads:
            await self._thread_ends.delete(resolved, asked)

    async def _stop_runs(self, assistant_id: str) -> int:
        clock = self._clock
        return await self._storage.write(
            lambda tx: assistant_rows.stop_runs(tx, assistant_id, clock, RUNS_AT_ONCE)
        )

    async def count(self, body: Mapping[str, Any], asked: Asked) -> int:
        """Count what a search with these filters finds. Raises NotFound for an unknown graph."""
        match = await self._match(body, asked, 0, 0)
        return await self._storage.read(lambda tx: tx.assistants.count(match))

    async def drawing(self, assistant_id: str, asked: Asked, xray: bool | int) -> Any:
        """Draw the assistant's graph. Raises AssistantNotFound."""
        return await self._graphs_of.drawing(await self._row(assistant_id, asked), xray)

    async def schemas(self, assistant_id: str, asked: Asked) -> Json:
        """Return the schemas of the assistant's graph. Raises AssistantNotFound."""
        return await self._graphs_of.schemas(await self._row(assistant_id, asked))

    async def portrait(self, assistant_id: str, asked: Asked) -> Portrait:
        """Return what the assistant's own contract is made of. Raises AssistantNotFound."""
        row = await self._row(assistant_id, asked)
        return await self._graphs_of.portrait(row, is_own=self.is_system(row.assistant_id))

    async def subgraphs(
        self, assistant_id: str, asked: Asked, namespace: str | None, recurse: bool
    ) -> Any:
        """Return the schemas of nested graphs by namespace. Raises AssistantNotFound."""
        return await self._graphs_of.subgraphs(
            await self._row(assistant_id, asked), namespace, recurse
        )

    async def search(self, body: Mapping[str, Any], asked: Asked) -> Found:
        """Find assistants: filters graph_id, name (part of it), metadata; newest first by default.

        Raises NotFound for the id of a graph that is not served here.
        """
        page = page_of(body)
        match = await self._match(body, asked, page.limit, page.offset)
        rows, total = await self._storage.read(
            lambda tx: (tx.assistants.search(match, page), tx.assistants.count(match))
        )
        shown = [project(assistant_body(row), body.get("select")) for row in rows]
        return found(shown, total, page)

    async def _match(
        self, body: Mapping[str, Any], asked: Asked, limit: int, offset: int
    ) -> AssistantFilter:
        grant = await self._access.ask(
            asked.caller,
            "assistants",
            "search",
            graph_id=body.get("graph_id"),
            metadata=body.get("metadata") or {},
            limit=limit,
            offset=offset,
        )
        body = grant.over(body, "graph_id", "metadata")
        return AssistantFilter(
            graph_id=self._served(body.get("graph_id")),
            name=body.get("name"),
            metadata=body.get("metadata"),
            access=grant.condition,
        )

    def _served(self, graph_id: str | None) -> str | None:
        if graph_id is not None and graph_id not in self._graphs.ids:
            known = ", ".join(repr(name) for name in sorted(self._graphs.ids))
            raise NotFound(f"Graph '{graph_id}' not found. Expected one of: [{known}]")
        return graph_id


def _asked_of_rule(body: Mapping[str, Any]) -> Json:
    """Return what a rule for assistants.create or .update sees beside the id."""
    return {
        "graph_id": body.get("graph_id"),
        "config": body.get("config") or {},
        "context": body.get("context"),
        "metadata": body.get("metadata") or {},
        "name": body.get("name"),
    }


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


def _version_body(row: AssistantRow) -> Json:
    body = assistant_body(row)
    del body["updated_at"]
    return body

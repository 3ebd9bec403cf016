"""Assistants and their versions."""

from __future__ import annotations

from typing import Any

from graphstead.storage.rows import AssistantFilter, AssistantRow, Json, Page
from graphstead.storage.rules import as_json
from graphstead.storage.statements import (
    Row,
    Statements,
    from_json,
    to_json,
    to_json_or_null,
)


class StoredAssistants:
    """Implements `base.Assistants`."""

    __slots__ = ("_sql",)

    def __init__(self, sql: Statements) -> None:
        self._sql = sql

    def get(self, assistant_id: str) -> AssistantRow | None:
        row = self._sql.row("assistants.get", assistant_id=assistant_id)
        return _assistant(row) if row else None

    def lock(self, assistant_id: str) -> AssistantRow | None:
        row = self._sql.row("assistants.lock", assistant_id=assistant_id)
        return _assistant(row) if row else None

    def insert(self, row: AssistantRow) -> bool:
        values = _values(row)
        if not self._sql.execute("assistants.insert", **values):
            return False
        self._sql.execute("assistants.put_version", **values)
        return True

    def replace(self, row: AssistantRow) -> None:
        values = _values(row)
        self._sql.execute("assistants.replace", **values)
        self._sql.execute("assistants.put_version", **values)

    def search(self, match: AssistantFilter, page: Page) -> list[AssistantRow]:
        conditions, values = _conditions(match)
        way = "desc" if page.descending else "asc"
        order = f"assistants.order_{page.sort_by}"
        sql = self._sql.composed("assistants.search", conditions, order, way)
        values |= {"limit": page.limit, "offset": page.offset}
        return [_assistant(row) for row in self._sql.rows_of(sql, values)]

    def count(self, match: AssistantFilter) -> int:
        conditions, values = _conditions(match)
        rows = self._sql.rows_of(self._sql.composed("assistants.count", conditions), values)
        return int(rows[0][0])

    def versions(self, assistant_id: str, metadata: Json | None, page: Page) -> list[AssistantRow]:
        rows = self._sql.rows(
            "assistants.versions",
            assistant_id=assistant_id,
            metadata=to_json_or_null(metadata),
            limit=page.limit,
            offset=page.offset,
        )
        return [_assistant(row) for row in rows]

    def version(self, assistant_id: str, version: int) -> AssistantRow | None:
        row = self._sql.row("assistants.version", assistant_id=assistant_id, version=version)
        return _assistant(row) if row else None

    def delete(self, assistant_id: str) -> bool:
        known = self._sql.execute("assistants.delete", assistant_id=assistant_id) > 0
        self._sql.execute("assistants.delete_versions", assistant_id=assistant_id)
        return known


def _assistant(row: Row) -> AssistantRow:
    assistant_id, graph_id, name, description, config, context, metadata, *rest = row
    return AssistantRow(
        assistant_id,
        graph_id,
        name,
        description,
        from_json(config),
        from_json(context),
        from_json(metadata),
        *rest,
    )


def _values(row: AssistantRow) -> dict[str, Any]:
    return {
        "assistant_id": row.assistant_id,
        "graph_id": row.graph_id,
        "name": row.name,
        "name_folded": row.name.casefold(),
        "description": row.description,
        "config": to_json(row.config),
        "context": to_json(row.context),
        "metadata": to_json(row.metadata),
        "version": row.version,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


def _conditions(match: AssistantFilter) -> tuple[tuple[str, ...], dict[str, Any]]:
    values: dict[str, Any] = {}
    if match.graph_id is not None:
        values["graph_id"] = match.graph_id
    if match.name is not None:
        values["name_folded"] = match.name.casefold()
    names = [f"assistants.where_{key.removesuffix('_folded')}" for key in values]
    if match.metadata:
        values["metadata"] = to_json(match.metadata)
        names.append("assistants.where_metadata")
    if match.access is not None:
        values["access"] = to_json(as_json(match.access))
        names.append("assistants.where_access")
    return tuple(names), values

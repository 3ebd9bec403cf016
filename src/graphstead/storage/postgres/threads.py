"""Threads on Postgres: values in the thread's row, searches by its own indexes."""

from __future__ import annotations

from typing import Any

from graphstead.storage.rows import EndRow, Json, Page, ShownRow, ThreadFilter, ThreadRow
from graphstead.storage.rules import Condition, Contains, Equals, Every
from graphstead.storage.statements import to_json
from graphstead.storage.tables.events import end_values
from graphstead.storage.tables.threads import (
    StoredThreads,
    conditions,
    shown_values,
    thread_of,
    values_of,
)

_INDEXED_KEYS = ("graph_id", "assistant_id")


class PostgresThreads(StoredThreads):
    """Implements `base.Threads`."""

    __slots__ = ()

    def search(self, match: ThreadFilter, page: Page) -> list[ThreadRow]:
        values = _by_labels(values_of(match), match.metadata or {}) | _members(match.access)
        sql = self._searching("threads.search", values, page)
        rows = self._sql.rows_of(sql, values | {"limit": page.limit, "offset": page.offset})
        return [thread_of(row) for row in rows]

    def count(self, match: ThreadFilter, at_most: int | None = None) -> int:
        values = values_of(match) | _members(match.access)
        return self._counted(values, conditions(values), at_most)

    def show(self, shown: ShownRow) -> bool:
        return bool(self._sql.value("threads.show", **shown_values(shown)))

    def settle(self, end: EndRow, shown: ShownRow) -> bool:
        values = {**end_values(end), **shown_values(shown)}
        return bool(self._sql.value("threads.settle", **values))

    def delete(self, thread_id: str) -> bool:
        return self._sql.execute("threads.delete", thread_id=thread_id) > 0

    def _put_values(self, thread_id: str, values: Any) -> None:
        """Do nothing: the statements before have written them with the row."""


def _by_labels(values: dict[str, Any], metadata: Json) -> dict[str, Any]:
    """Return conditions that begin with members which have an index and known frequencies.

    Of containment the planner knows nothing: it would sort a million threads of one graph.
    """
    labels = {key: metadata[key] for key in _INDEXED_KEYS if isinstance(metadata.get(key), str)}
    if not labels:
        return values
    rest = {key: value for key, value in metadata.items() if key not in labels}
    others = {name: value for name, value in values.items() if name != "metadata"}
    unlabelled = {"metadata": to_json(rest)} if rest else {}
    return {**labels, "labels": to_json(labels), **unlabelled, **others}


def _members(access: Condition | None) -> dict[str, str]:
    """Return what a rule demands of members, as an index can find it; the rule still decides."""
    parts = access.parts if isinstance(access, Every) else (access,)
    equal = {part.key: part.value for part in parts if isinstance(part, Equals)}
    lists = {part.key: list(part.values) for part in parts if isinstance(part, Contains)}
    return {"members": to_json({**lists, **equal})} if equal or lists else {}

"""Threads; their values lie in a table of their own."""

from __future__ import annotations

from typing import Any, NamedTuple

from graphstead.storage.conditions import same
from graphstead.storage.rows import Json, Page, ThreadFilter, ThreadRow, ThreadStatus
from graphstead.storage.rules import Equals, Every, as_json
from graphstead.storage.sqlite.labels import Label, labels_of
from graphstead.storage.sqlite.statements import (
    Row,
    Statements,
    composed,
    from_json,
    from_json_or_null,
    to_json,
    to_json_or_null,
)

_INDEXED_KEYS = ("graph_id", "assistant_id")
_ANY: Label = ("", "")
SORTING = 3
_BOUNDS = frozenset({"limit", "offset", "label_value", "member_value"})


class _Labelled(NamedTuple):
    """A label, how many threads have it, and the condition it says all of, if any."""

    label: Label
    threads: int
    says: str

    def narrowed(self, values: dict[str, Any], by: str) -> dict[str, Any]:
        """Return the conditions' values with this label instead of the condition it says."""
        key, value = self.label
        rest = {name: given for name, given in values.items() if name != self.says}
        return {f"{by}_key": key, f"{by}_value": value, **rest}


class SqliteThreads:
    """Implements `base.Threads`."""

    __slots__ = ("_sql",)

    def __init__(self, sql: Statements) -> None:
        self._sql = sql

    def get(self, thread_id: str) -> ThreadRow | None:
        row = self._sql.row("threads.get", thread_id=thread_id)
        return _thread(row) if row else None

    def lock(self, thread_id: str) -> ThreadRow | None:
        row = self._sql.row("threads.lock", thread_id=thread_id)
        return _thread(row) if row else None

    def insert(self, row: ThreadRow) -> bool:
        if not self._sql.execute("threads.insert", **_values(row)):
            return False
        if row.values is not None:
            self._put_values(row.thread_id, row.values)
        return True

    def set_status(self, thread_id: str, status: ThreadStatus, updated_at: str) -> None:
        self._sql.execute(
            "threads.set_status", thread_id=thread_id, status=status, updated_at=updated_at
        )

    def set_metadata(self, thread_id: str, metadata: Json, config: Json, updated_at: str) -> None:
        self._sql.execute(
            "threads.set_metadata",
            thread_id=thread_id,
            metadata=to_json(metadata),
            config=to_json(config),
            updated_at=updated_at,
        )

    def set_ttl(self, thread_id: str, ttl: Json | None, expires_ms: int | None) -> None:
        self._sql.execute(
            "threads.set_ttl",
            thread_id=thread_id,
            ttl=to_json_or_null(ttl),
            expires_ms=expires_ms,
        )

    def set_state(
        self,
        thread_id: str,
        *,
        status: ThreadStatus,
        values: Any,
        error: Json | None,
        interrupts: Json,
        state_updated_at: str,
    ) -> None:
        known = self._sql.execute(
            "threads.set_state",
            thread_id=thread_id,
            status=status,
            error=to_json_or_null(error),
            interrupts=to_json(interrupts),
            state_updated_at=state_updated_at,
        )
        if known:
            self._put_values(thread_id, values)

    def search(self, match: ThreadFilter, page: Page) -> list[ThreadRow]:
        rarest = self._rarest(match)
        values = _values_of(match) | {"limit": page.limit, "offset": page.offset}
        indexed = _indexed(match.metadata or {}) if page.sort_by == "updated_at" else {}
        if rarest is not None and not rarest.threads:
            return []
        if rarest is not None and self._is_sorted_faster(rarest, page):
            return self._by_ids(rarest.narrowed(values, "label"), page)
        if rarest is not None and not indexed:
            return self._by_ids(rarest.narrowed(values, "member"), page)
        return [_thread(row) for row in self._rows("threads.search", values | indexed, page)]

    def _by_ids(self, values: dict[str, Any], page: Page) -> list[ThreadRow]:
        found = (self.get(row[0]) for row in self._rows("threads.search_ids", values, page))
        return [row for row in found if row is not None]

    def _rows(self, name: str, values: dict[str, Any], page: Page) -> list[Row]:
        way = "desc" if page.descending else "asc"
        sql = composed(name, _conditions(values), f"threads.order_{page.sort_by}", way)
        return self._sql.rows_of(sql, values)

    def _rarest(self, match: ThreadFilter) -> _Labelled | None:
        """Return the condition on a label that the fewest threads meet."""
        if match.thread_ids is not None:
            return None
        metadata, access = match.metadata or {}, _equal_members(match)
        said = [(label, "metadata" if len(metadata) == 1 else "") for label in labels_of(metadata)]
        one = "access" if isinstance(match.access, Equals) else ""
        said += [(label, one) for label in labels_of(access)]
        found = (_Labelled(label, self._labelled(label), says) for label, says in said)
        return min(found, key=lambda labelled: labelled.threads, default=None)

    def _labelled(self, label: Label) -> int:
        key, value = label
        return int(self._sql.value("threads.labelled", label_key=key, label_value=value))

    def _is_sorted_faster(self, rarest: _Labelled, page: Page) -> bool:
        """Tell whether sorting all that have the label takes less than walking an index.

        Where n of all threads have it, a walk in order passes all/n threads per match; to fetch
        and sort a thread takes some three times as long (measured) as to pass it.
        """
        walked = (page.limit + page.offset) * self._labelled(_ANY)
        return SORTING * rarest.threads**2 <= walked

    def count(self, match: ThreadFilter) -> int:
        values, rarest = _values_of(match), self._rarest(match)
        if not values:
            return self._labelled(_ANY)
        if rarest is not None:
            if rarest.says and len(values) == 1:
                return rarest.threads
            values = rarest.narrowed(values, "label")
        sql = composed("threads.count", _conditions(values))
        return int(self._sql.rows_of(sql, values)[0][0])

    def expired(self, now_ms: int, limit: int) -> list[str]:
        rows = self._sql.rows("threads.expired", now_ms=now_ms, limit=limit)
        return [thread_id for (thread_id,) in rows]

    def with_history(self, before: str, limit: int) -> list[str]:
        rows = self._sql.rows("threads.with_history", before=before, limit=limit)
        return [thread_id for (thread_id,) in rows]

    def mark_trimmed(self, thread_id: str) -> None:
        self._sql.execute("threads.mark_trimmed", thread_id=thread_id)

    def delete(self, thread_id: str) -> bool:
        self._sql.execute("threads.delete_values", thread_id=thread_id)
        return self._sql.execute("threads.delete", thread_id=thread_id) > 0

    def _put_values(self, thread_id: str, values: Any) -> None:
        if values is None:
            self._sql.execute("threads.delete_values", thread_id=thread_id)
        else:
            self._sql.execute("threads.put_values", thread_id=thread_id, values=to_json(values))


def _thread(row: Row) -> ThreadRow:
    (thread_id, status, metadata, config, created_at, updated_at, state_updated_at) = row[:7]
    values, error, interrupts, ttl, expires_ms = row[7:]
    return ThreadRow(
        thread_id,
        status,
        from_json(metadata),
        from_json(config),
        created_at,
        updated_at,
        state_updated_at,
        from_json_or_null(values),
        from_json_or_null(error),
        from_json(interrupts),
        from_json_or_null(ttl),
        expires_ms,
    )


def _values(row: ThreadRow) -> dict[str, Any]:
    return {
        "thread_id": row.thread_id,
        "status": row.status,
        "metadata": to_json(row.metadata),
        "config": to_json(row.config),
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "state_updated_at": row.state_updated_at,
        "error": to_json_or_null(row.error),
        "interrupts": to_json(row.interrupts),
        "ttl": to_json_or_null(row.ttl),
        "expires_ms": row.expires_ms,
    }


def _values_of(match: ThreadFilter) -> dict[str, Any]:
    """Return what each given condition compares with."""
    values: dict[str, Any] = {}
    if match.status is not None:
        values["status"] = match.status
    if match.thread_ids is not None:
        values["thread_ids"] = to_json(list(match.thread_ids))
    if match.metadata:
        values["metadata"] = to_json(match.metadata)
    if match.values:
        values["values"] = to_json(match.values)
    if match.access is not None and not _is_implied(match):
        values["access"] = to_json(as_json(match.access))
    return values


def _equal_members(match: ThreadFilter) -> Json:
    """Return the members that the rule wants to be equal to something, whatever else it wants."""
    access = match.access
    parts = access.parts if isinstance(access, Every) else (access,)
    return {part.key: part.value for part in parts if isinstance(part, Equals)}


def _is_implied(match: ThreadFilter) -> bool:
    """Tell whether what the client asks of metadata includes what the rule demands."""
    access, metadata = match.access, match.metadata or {}
    if not isinstance(access, Equals) or isinstance(access.value, dict | list):
        return False
    return access.key in metadata and same(metadata[access.key], access.value)


def _conditions(values: dict[str, Any]) -> tuple[str, ...]:
    """Name the conditions that these values belong to."""
    parts = (key.removesuffix("_key") for key in values if key not in _BOUNDS)
    return tuple(f"threads.where_{part}" for part in parts)


def _indexed(metadata: Json) -> dict[str, str]:
    """Return the keys that an index answers; the containment test still decides."""
    found = ((key, metadata.get(key)) for key in _INDEXED_KEYS)
    return {key: value for key, value in found if isinstance(value, str)}

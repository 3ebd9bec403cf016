"""Searches of threads by the labels that triggers keep (migration 0004)."""

from __future__ import annotations

from typing import Any, NamedTuple

from graphstead.storage.rows import Json, Page, ThreadFilter, ThreadRow
from graphstead.storage.rules import Equals, Every
from graphstead.storage.sqlite.labels import Label, labels_of
from graphstead.storage.statements import Row
from graphstead.storage.tables.threads import StoredThreads, thread_of, values_of

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


class SqliteThreads(StoredThreads):
    """Implements `base.Threads`."""

    __slots__ = ()

    def search(self, match: ThreadFilter, page: Page) -> list[ThreadRow]:
        rarest = self._rarest(match)
        values = values_of(match) | {"limit": page.limit, "offset": page.offset}
        indexed = _indexed(match.metadata or {}) if page.sort_by == "updated_at" else {}
        if rarest is not None and not rarest.threads:
            return []
        if rarest is not None and self._is_sorted_faster(rarest, page):
            return self._by_ids(rarest.narrowed(values, "label"), page)
        if rarest is not None and not indexed:
            return self._by_ids(rarest.narrowed(values, "member"), page)
        return [thread_of(row) for row in self._rows("threads.search", values | indexed, page)]

    def _by_ids(self, values: dict[str, Any], page: Page) -> list[ThreadRow]:
        found = (self.get(row[0]) for row in self._rows("threads.search_ids", values, page))
        return [row for row in found if row is not None]

    def _rows(self, name: str, values: dict[str, Any], page: Page) -> list[Row]:
        way = "desc" if page.descending else "asc"
        sql = self._sql.composed(name, _conditions(values), f"threads.order_{page.sort_by}", way)
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

    def count(self, match: ThreadFilter, at_most: int | None = None) -> int:
        values, rarest = values_of(match), self._rarest(match)
        if not values:
            return self._labelled(_ANY)
        if rarest is not None:
            if rarest.says and len(values) == 1:
                return rarest.threads
            values = rarest.narrowed(values, "label")
        return self._counted(values, _conditions(values), at_most)


def _equal_members(match: ThreadFilter) -> Json:
    """Return the members that the rule wants to be equal to something, whatever else it wants."""
    access = match.access
    parts = access.parts if isinstance(access, Every) else (access,)
    return {part.key: part.value for part in parts if isinstance(part, Equals)}


def _conditions(values: dict[str, Any]) -> tuple[str, ...]:
    """Name the conditions that these values belong to."""
    parts = (key.removesuffix("_key") for key in values if key not in _BOUNDS)
    return tuple(f"threads.where_{part}" for part in parts)


def _indexed(metadata: Json) -> dict[str, str]:
    """Return the keys that an index answers; the containment test still decides."""
    found = ((key, metadata.get(key)) for key in _INDEXED_KEYS)
    return {key: value for key, value in found if isinstance(value, str)}

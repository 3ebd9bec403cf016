"""Tables whose rows are encrypted at rest.

A method that takes or returns rows needs nothing here. One that takes loose JSON or bytes has to be
named below; until then it is refused, so that nothing is ever stored in clear by oversight.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, TypeVar, cast

import structlog

from graphstead.storage.base import Runs
from graphstead.storage.conditions import contains, has_items, meets
from graphstead.storage.errors import SealingFailed
from graphstead.storage.rows import (
    AssistantRow,
    BlobRow,
    CheckpointRow,
    Json,
    Page,
    RunRow,
    StoreMatch,
    StoreRow,
    ThreadFilter,
    ThreadRow,
    ThreadStatus,
    WriteRow,
)
from graphstead.storage.sealed_session import Session
from graphstead.storage.tables.runs import take_free

__all__ = [
    "SealedAssistants",
    "SealedCheckpoints",
    "SealedRuns",
    "SealedStoreItems",
    "SealedTable",
    "SealedThreads",
]

log = structlog.get_logger("graphstead.sealed")
T = TypeVar("T")
AT_ONCE = 200


class SealedTable:
    """A table of the backend; rows are translated on the way in and on the way out."""

    def __init__(self, table: Any, session: Session) -> None:
        self._table = table
        self._session = session

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method, session = getattr(self._table, name), self._session

        def call(*given: Any, **named: Any) -> Any:
            sealed = {key: session.seal(value) for key, value in named.items()}
            return session.open(method(*map(session.seal, given), **sealed))

        return call


class SealedAssistants(SealedTable):
    def versions(self, assistant_id: str, metadata: Json | None, page: Page) -> list[AssistantRow]:
        self._session.check("assistant", metadata)
        return self._session.rows(self._table.versions(assistant_id, metadata, page))


class SealedThreads(SealedTable):
    def lock(self, thread_id: str) -> ThreadRow | None:
        """Get the thread; what cannot be read of it does not keep it from being deleted."""
        row: ThreadRow | None = self._session.open(self._table.lock(thread_id), lazily=True)
        return row

    def set_metadata(self, thread_id: str, metadata: Json, config: Json, updated_at: str) -> None:
        sealed = self._session.value("thread", "metadata", "members", metadata)
        settings = self._session.value("thread", "config", "json", config)
        self._table.set_metadata(thread_id, sealed, settings, updated_at)

    def set_ttl(self, thread_id: str, ttl: Json | None, expires_ms: int | None) -> None:
        self._table.set_ttl(thread_id, ttl, expires_ms)

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
        value = self._session.value
        self._table.set_state(
            thread_id,
            status=status,
            values=value("thread", "values", "json", values),
            error=value("thread", "error", "json", error),
            interrupts=value("thread", "interrupts", "json", interrupts),
            state_updated_at=state_updated_at,
        )

    def search(self, match: ThreadFilter, page: Page) -> list[ThreadRow]:
        if not match.values:
            return self._session.rows(self._table.search(self._session.seal(match), page))
        found = self._holding(match, page)
        return [row for n, row in enumerate(found) if n >= page.offset][: page.limit]

    def count(self, match: ThreadFilter, at_most: int | None = None) -> int:
        if not match.values:
            return int(self._table.count(self._session.seal(match), at_most))
        return sum(1 for _ in islice(self._holding(match, Page()), at_most))

    def _holding(self, match: ThreadFilter, page: Page) -> Iterator[ThreadRow]:
        """Yield threads in order whose values, which only we can read, contain what is sought."""
        outer = self._session.seal(replace(match, values=None))
        for rows in _slices(lambda part: self._table.search(outer, part), page):
            for row in self._session.rows(rows):
                if contains(row.values, match.values):
                    yield row


class SealedRuns(SealedTable):
    def set_kwargs(self, run_id: str, kwargs: Json, metadata: Json) -> None:
        value = self._session.value
        self._table.set_kwargs(
            run_id,
            value("run", "kwargs", "json", kwargs),
            value("run", "metadata", "json", metadata),
        )

    def active(self, thread_id: str) -> builtins.list[RunRow]:
        return self._session.rows(self._table.active(thread_id), lazily=True)

    def claimable(self, now_ms: int, limit: int) -> builtins.list[RunRow]:
        """List due runs; one that cannot be read waits, and keeps no other from its turn."""
        rows = self._table.claimable(now_ms, limit)
        found = self._readable(rows)
        if len(found) < len(rows):
            found = self._readable(self._table.claimable(now_ms, limit + AT_ONCE))
        return found[:limit]

    def take(self, worker: str, now_ms: int, limit: int, updated_at: str) -> builtins.list[RunRow]:
        due = self.claimable(now_ms, limit)
        return take_free(cast(Runs, self), due, worker, updated_at)

    def _readable(self, rows: Sequence[RunRow]) -> builtins.list[RunRow]:
        found: list[RunRow] = []
        for row in rows:
            try:
                found.extend(self._session.rows([row]))
            except SealingFailed as fault:
                log.error("a run cannot be read and waits", run_id=row.run_id, reason=str(fault))
        return found


class SealedCheckpoints(SealedTable):
    def put(
        self,
        row: CheckpointRow,
        blobs: Sequence[BlobRow],
        *,
        versions: Mapping[str, str] | None = None,
    ) -> None:
        sealed = self._session.seal(row)
        self._table.put(sealed, self._session.seal(list(blobs)), versions=versions)

    def blobs(
        self, thread_id: str, checkpoint_ns: str, versions: Sequence[tuple[str, str]]
    ) -> builtins.list[BlobRow]:
        place = {"thread_id": thread_id, "checkpoint_ns": checkpoint_ns}
        rows = self._table.blobs(thread_id, checkpoint_ns, versions)
        return self._session.rows(rows, place=place)

    def writes(
        self, thread_id: str, checkpoint_ns: str, checkpoint_id: str
    ) -> builtins.list[WriteRow]:
        place = {
            "thread_id": thread_id,
            "checkpoint_ns": checkpoint_ns,
            "checkpoint_id": checkpoint_id,
        }
        rows = self._table.writes(thread_id, checkpoint_ns, checkpoint_id)
        return self._session.rows(rows, place=place)

    def list(
        self,
        thread_id: str | None,
        checkpoint_ns: str | None,
        *,
        checkpoint_id: str | None = None,
        before: str | None = None,
        metadata: Json | None = None,
        limit: int | None = None,
    ) -> builtins.list[CheckpointRow]:
        """List checkpoints; their metadata is compared here, where it can be read."""
        rows = self._table.list(
            thread_id,
            checkpoint_ns,
            checkpoint_id=checkpoint_id,
            before=before,
            limit=None if metadata else limit,
        )
        if not metadata:
            return self._session.rows(rows)
        found: builtins.list[CheckpointRow] = []
        for start in range(0, len(rows), AT_ONCE):
            opened = self._session.rows(rows[start : start + AT_ONCE])
            found.extend(row for row in opened if has_items(row.metadata, metadata))
            if limit is not None and len(found) >= limit:
                return found[:limit]
        return found


class SealedStoreItems(SealedTable):
    def put(self, row: StoreRow, vectors: Sequence[bytes], now_ms: int) -> None:
        """Vectors stay as they are: only in clear can they be compared."""
        self._table.put(self._session.seal(row), vectors, now_ms)

    def search(
        self, match: StoreMatch, query: bytes | None, *, limit: int, offset: int
    ) -> list[tuple[StoreRow, float | None]]:
        outer = replace(match, filter=None)
        if not match.filter:
            return self._opened(self._table.search(outer, query, limit=limit, offset=offset))
        found: list[tuple[StoreRow, float | None]] = []

        def part(page: Page) -> list[tuple[StoreRow, float | None]]:
            rows = self._table.search(outer, query, limit=page.limit, offset=page.offset)
            return cast(list[tuple[StoreRow, float | None]], rows)

        for rows in _slices(part, Page()):
            opened = self._opened(rows)
            found.extend(pair for pair in opened if meets(pair[0].value, match.filter))
            if len(found) >= offset + limit:
                break
        return found[offset : offset + limit]

    def _opened(
        self, pairs: Sequence[tuple[StoreRow, float | None]]
    ) -> list[tuple[StoreRow, float | None]]:
        rows = self._session.rows([row for row, _ in pairs])
        return [(row, score) for row, (_, score) in zip(rows, pairs, strict=True)]


def _slices(search: Callable[[Page], list[T]], page: Page) -> Iterator[list[T]]:
    """Yield everything a search finds, slice by slice, in the order of `page`."""
    offset = 0
    while True:
        rows = search(replace(page, limit=AT_ONCE, offset=offset))
        yield rows
        if len(rows) < AT_ONCE:
            return
        offset += AT_ONCE

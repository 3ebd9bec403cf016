"""A storage whose rows are encrypted at rest: over any backend, unknown to the engine.

    engine ─► SealedTx ─► rows and filters are translated by `Sealer` ─► the backend's Tx

A method that takes or returns rows needs nothing here. One that takes loose JSON or bytes has to be
named below; until then it is refused, so that nothing is ever stored in clear by oversight.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar, cast

import structlog

from graphstead.storage.base import (
    Assistants,
    Checkpoints,
    Crons,
    Deliveries,
    Doorbells,
    Events,
    Replays,
    Runs,
    Sealing,
    Storage,
    StoreItems,
    Threads,
    Tx,
    Workers,
)
from graphstead.storage.conditions import contains, has_items, meets
from graphstead.storage.errors import SealingFailed
from graphstead.storage.rows import (
    AssistantFilter,
    AssistantRow,
    BlobRow,
    CheckpointRow,
    CronFilter,
    CronRow,
    Json,
    Page,
    RunRow,
    SealedPlace,
    StoreMatch,
    StoreRow,
    ThreadFilter,
    ThreadRow,
    ThreadStatus,
    Topic,
    WorkerRow,
    WriteRow,
)
from graphstead.storage.sealing import ASKER, FIELDS, Found, Kind, Replacement, Sealer

__all__ = ["SealedStorage", "SealedTx"]

log = structlog.get_logger("graphstead.sealed")
T = TypeVar("T")
AT_ONCE = 200
PASSED = (str, int, float, bool, type(None), Page, WorkerRow)
FILTERS: Mapping[type, str] = {
    AssistantFilter: "assistant",
    ThreadFilter: "thread",
    CronFilter: "cron",
}
# What of filters is compared with columns that are never encrypted.
PLAIN = frozenset(
    {"assistant_id", "enabled", "graph_id", "name", "status", "thread_id", "thread_ids", "values"}
)
# Rows that belong to somebody: what is written because of them goes under their context.
KEYS: Mapping[type, tuple[str, tuple[str, ...]]] = {
    AssistantRow: ("assistants", ("assistant_id",)),
    ThreadRow: ("threads", ("thread_id",)),
    RunRow: ("runs", ("run_id",)),
    CronRow: ("crons", ("cron_id",)),
    StoreRow: ("store_items", ("namespace", "key")),
    CheckpointRow: ("checkpoints", ("thread_id", "checkpoint_ns", "checkpoint_id")),
    BlobRow: ("checkpoint_blobs", ("thread_id", "checkpoint_ns", "channel", "version")),
    WriteRow: (
        "checkpoint_writes",
        ("thread_id", "checkpoint_ns", "checkpoint_id", "task_id", "idx"),
    ),
}
OWNED = (ThreadRow, RunRow, CronRow)


class _Session:
    """One transaction's way through the sealer, and the context it encrypts under."""

    def __init__(self, sealer: Sealer, asker: Json | None) -> None:
        self.sealer = sealer
        self._asker = asker
        self._found: Json | None = None
        self._better: list[tuple[SealedPlace, Replacement]] = []

    @property
    def context(self) -> Json:
        """Return who asks, else whose the data is that was last read."""
        if self._asker is not None:
            return self._asker
        return self._found or {}

    def seal(self, given: Any) -> Any:
        """Return an argument as the backend may see it. Raises TypeError for loose data."""
        kind = type(given)
        if kind in PASSED:
            return given
        if kind in FIELDS:
            return self.sealer.seal([given], self.context)[0]
        if kind in FILTERS:
            return self._checked(given)
        if isinstance(given, list | tuple):
            if given and type(given[0]) in FIELDS:
                return self.sealer.seal(given, self.context)
            return type(given)(map(self.seal, given))
        raise TypeError(f"{kind.__name__} is not known to be stored encrypted")

    def _checked(self, match: Any) -> Any:
        """Return a filter whose conditions can be compared with what is stored."""
        model = FILTERS[type(match)]
        for field in fields(match):
            if field.name in PLAIN:
                continue
            of_thread = field.name.startswith("thread_")
            self.check("thread" if of_thread else model, _named(getattr(match, field.name)))
        return match

    def check(self, model: str, metadata: Json | None) -> None:
        """Raise SealingRefused where conditions on metadata name encrypted members."""
        if metadata:
            self.sealer.check_searched(model, "metadata", metadata, self.context)

    def value(self, model: str, field: str, kind: Kind, value: Any) -> Any:
        """Return one loose value as it is stored."""
        return self.sealer.seal_values(model, field, kind, [value], self.context)[0]

    def open(self, result: Any, *, lazily: bool = False) -> Any:
        """Return a backend's answer in clear."""
        if type(result) in FIELDS:
            return self.rows([result], lazily=lazily)[0]
        if isinstance(result, list) and result and type(result[0]) in FIELDS:
            return self.rows(result, lazily=lazily)
        return result

    def rows(
        self, rows: Sequence[T], *, lazily: bool = False, place: Mapping[str, Any] | None = None
    ) -> list[T]:
        """Return rows in clear; `place` is what their keys lack. Raises SealingFailed."""
        found = self.sealer.open(rows, lazily=lazily)
        for one in found:
            if one.context and isinstance(one.row, OWNED):
                self._found = one.context
            if one.better:
                self._better.extend(_places(one, place or {}))
        return [_owned(one) for one in found]

    def improve(self, tx: Tx) -> None:
        """Store what the ciphers want stored anew, where it has not changed meanwhile."""
        for place, replacement in self._better:
            tx.sealing.replace(place, replacement.old, replacement.new)
        self._better.clear()

    @property
    def is_better_known(self) -> bool:
        """Tell whether a cipher wants something stored anew."""
        return bool(self._better)


def _named(condition: Any) -> Json:
    """Return the members of metadata that a condition is about, with what it compares them to."""
    if condition is None or isinstance(condition, dict):
        return condition or {}
    if hasattr(condition, "parts"):
        return {name: one for part in condition.parts for name, one in _named(part).items()}
    return {condition.key: getattr(condition, "value", None) or getattr(condition, "values", None)}


def _owned(found: Found[T]) -> T:
    """Let a run say whose it is: what its graph writes is encrypted under the same context."""
    if isinstance(found.row, RunRow):
        return replace(found.row, sealed_for=found.context)
    return found.row


def _places(
    found: Found[Any], place: Mapping[str, Any]
) -> Iterator[tuple[SealedPlace, Replacement]]:
    known = KEYS.get(type(found.row))
    if known is None:
        return
    table, keys = known
    key = {name: getattr(found.row, name, None) or place.get(name) for name in keys}
    for one in found.better:
        of_values = table == "threads" and one.field == "values"
        yield SealedPlace("thread_values" if of_values else table, one.field, key), one


class _Table:
    """A table of the backend; rows are translated on the way in and on the way out."""

    def __init__(self, table: Any, session: _Session) -> None:
        self._table = table
        self._session = session

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method, session = getattr(self._table, name), self._session

        def call(*given: Any, **named: Any) -> Any:
            sealed = {key: session.seal(value) for key, value in named.items()}
            return session.open(method(*map(session.seal, given), **sealed))

        return call


class _Assistants(_Table):
    def versions(self, assistant_id: str, metadata: Json | None, page: Page) -> list[AssistantRow]:
        self._session.check("assistant", metadata)
        return self._session.rows(self._table.versions(assistant_id, metadata, page))


class _Threads(_Table):
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

    def count(self, match: ThreadFilter) -> int:
        if not match.values:
            return int(self._table.count(self._session.seal(match)))
        return sum(1 for _ in self._holding(match, Page()))

    def _holding(self, match: ThreadFilter, page: Page) -> Iterator[ThreadRow]:
        """Yield threads in order whose values, which only we can read, contain what is sought."""
        outer = self._session.seal(replace(match, values=None))
        for rows in _slices(lambda part: self._table.search(outer, part), page):
            for row in self._session.rows(rows):
                if contains(row.values, match.values):
                    yield row


class _Runs(_Table):
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
        found: list[RunRow] = []
        for row in self._table.claimable(now_ms, limit + AT_ONCE):
            if len(found) == limit:
                break
            try:
                found.extend(self._session.rows([row]))
            except SealingFailed as fault:
                log.error("a run cannot be read and waits", run_id=row.run_id, reason=str(fault))
        return found


class _Checkpoints(_Table):
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


class _StoreItems(_Table):
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


class SealedTx:
    """Implements `base.Tx` over another one."""

    def __init__(self, tx: Tx, session: _Session) -> None:
        self.below = tx
        self.assistants = cast(Assistants, _Assistants(tx.assistants, session))
        self.threads = cast(Threads, _Threads(tx.threads, session))
        self.runs = cast(Runs, _Runs(tx.runs, session))
        self.workers: Workers = tx.workers
        self.events = cast(Events, _Table(tx.events, session))
        self.checkpoints = cast(Checkpoints, _Checkpoints(tx.checkpoints, session))
        self.replays = cast(Replays, _Table(tx.replays, session))
        self.store = cast(StoreItems, _StoreItems(tx.store, session))
        self.crons = cast(Crons, _Table(tx.crons, session))
        self.deliveries = cast(Deliveries, _Table(tx.deliveries, session))
        self.sealing: Sealing = tx.sealing

    def ring(self, topic: Topic, key: str = "") -> None:
        self.below.ring(topic, key)


class SealedStorage:
    """Implements `base.Storage` over another one."""

    def __init__(self, storage: Storage, sealer: Sealer) -> None:
        self._storage = storage
        self._sealer = sealer
        self.doorbells: Doorbells = storage.doorbells

    def _session(self) -> _Session:
        # The context belongs to the caller's task; the work runs on a thread of the backend.
        return _Session(self._sealer, ASKER.get())

    async def write(self, work: Callable[[Tx], T]) -> T:
        return await self._storage.write(_writing(work, self._session()))

    def write_blocking(self, work: Callable[[Tx], T]) -> T:
        return self._storage.write_blocking(_writing(work, self._session()))

    async def read(self, work: Callable[[Tx], T]) -> T:
        session = self._session()
        result = await self._storage.read(lambda tx: work(SealedTx(tx, session)))
        if session.is_better_known:
            await self._storage.write(session.improve)
        return result

    def read_blocking(self, work: Callable[[Tx], T]) -> T:
        session = self._session()
        result = self._storage.read_blocking(lambda tx: work(SealedTx(tx, session)))
        if session.is_better_known:
            self._storage.write_blocking(session.improve)
        return result

    def vacuum(self, pages: int) -> int:
        return self._storage.vacuum(pages)

    def hold(self, worker_id: str) -> None:
        self._storage.hold(worker_id)

    def is_alive(self, worker: WorkerRow) -> bool | None:
        return self._storage.is_alive(worker)

    def close(self) -> None:
        self._storage.close()
        self._sealer.close()


def _writing(work: Callable[[Tx], T], session: _Session) -> Callable[[Tx], T]:
    def sealed(tx: Tx) -> T:
        result = work(SealedTx(tx, session))
        session.improve(tx)
        return result

    return sealed

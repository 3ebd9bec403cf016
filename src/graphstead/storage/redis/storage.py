"""A Postgres storage whose runs say what they say in Redis; all that decides stays in Postgres."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar, cast

from graphstead.storage.around import StorageAround
from graphstead.storage.base import Tx
from graphstead.storage.postgres.storage import PostgresStorage
from graphstead.storage.postgres.tx import PostgresTx
from graphstead.storage.redis.bells import RedisBells
from graphstead.storage.redis.events import (
    Afterwards,
    StreamedEvents,
    StreamedRuns,
    StreamedThreads,
)
from graphstead.storage.redis.line import Line
from graphstead.storage.redis.streams import Read, Streams, Tail
from graphstead.storage.resealing import key_of
from graphstead.storage.rows import Bell, EventRow, Fresh

__all__ = ["RedisStorage"]

T = TypeVar("T")
AT_ONCE = 500


class RedisStorage(StorageAround):
    """Implements `base.Storage`."""

    def __init__(
        self,
        storage: PostgresStorage,
        streams: Streams,
        bells: RedisBells,
        lines: Sequence[Line],
    ) -> None:
        super().__init__(storage)
        self.streams = streams
        self._bells = bells
        self._lines = lines
        self._log = RedisLog(self, streams)
        storage.doorbells.others = bells.ring

    @property
    def log(self) -> RedisLog:
        return self._log

    async def write(self, work: Callable[[Tx], T]) -> T:
        then = Afterwards()
        result = await self._storage.write(partial(self._streamed, work, then))
        self._do(then)
        return result

    def write_blocking(self, work: Callable[[Tx], T]) -> T:
        then = Afterwards()
        result = self._storage.write_blocking(partial(self._streamed, work, then))
        self._do(then)
        return result

    async def read(self, work: Callable[[Tx], T]) -> T:
        return await self._storage.read(partial(self._streamed, work, Afterwards()))

    def read_blocking(self, work: Callable[[Tx], T]) -> T:
        return self._storage.read_blocking(partial(self._streamed, work, Afterwards()))

    def close(self) -> None:
        """Finish what is queued and give everything back."""
        super().close()
        self._bells.close()
        for line in self._lines:
            line.close()

    def _streamed(self, work: Callable[[Tx], T], then: Afterwards, tx: Tx) -> T:
        below = cast(PostgresTx, tx)
        then.clear()
        events = StreamedEvents(below.sql, self.streams, then)
        below.events, below.runs = events, StreamedRuns(below.sql, below.errands, events)
        below.threads = StreamedThreads(below.sql, events)
        return work(tx)

    def _do(self, then: Afterwards) -> None:
        self.streams.end(then.ended)
        self.streams.delete(then.deleted)


class RedisLog:
    """Implements `base.EventLog`."""

    def __init__(self, storage: RedisStorage, streams: Streams) -> None:
        self._storage = storage
        self._streams = streams

    @property
    def is_reachable(self) -> bool:
        return self._streams.is_reachable

    async def begin(self, run_id: str, gen: int) -> int:
        def begun(tx: Any) -> tuple[int, bool]:
            if not tx.runs.owned(run_id, gen):
                return 0, False
            found: tuple[int, bool] = tx.events.begin(run_id, gen)
            return found

        last, in_redis = await self._storage.write(begun)
        if in_redis:
            self._streams.tails[run_id] = Tail(gen, last)
        return last

    async def append(
        self, run_id: str, gen: int, rows: Sequence[EventRow], bells: Iterable[Bell]
    ) -> bool:
        tail = self._streams.tails.get(run_id)
        if tail is None or tail.gen != gen or not tail.is_open or rows[0].seq != tail.acked + 1:
            return False
        tail.is_open = await self._streams.append(run_id, tail, rows, bells)
        return tail.is_open

    async def fresh(self, run_id: str, after_seq: int, limit: int) -> Fresh:
        found: Read = await self._streams.follow(run_id, after_seq, limit)
        if not found.rows or found.rows[0].seq != after_seq + 1:
            return Fresh(())
        return Fresh(found.rows, more=found.more or found.closed)

    def leave(self, run_id: str, gen: int) -> None:
        tail = self._streams.tails.get(run_id)
        if tail is not None and tail.gen == gen:
            del self._streams.tails[run_id]

    def keys(self) -> Mapping[str, int]:
        found = Counter[str]()
        for run_id in self._streams.run_ids():
            found.update(self._keys_of(run_id))
        return found

    def _keys_of(self, run_id: str) -> set[str]:
        names, after = set[str](), 0
        while rows := (read := self._streams.read(run_id, after, AT_ONCE)).rows:
            told = (key_of("event", "data", "bytes", row.data) for row in rows)
            names |= {name for name in told if name}
            after = rows[-1].seq
            if not read.more:
                break
        return names

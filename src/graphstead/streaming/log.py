"""The event log of a run: one writer under a generation, any number of followers.

Events are shown only after they are committed, so a crash never shows a client what replay cannot
find. Followers and replay are one query: the rows with a higher seq.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import takewhile
from typing import TypeVar

import orjson

from graphstead.figures import FIGURES
from graphstead.storage.base import Storage, Tx
from graphstead.storage.errors import StorageClosed, StorageUnavailable
from graphstead.storage.rows import GAP, Bell, EndRow, EventRow

Store = Callable[[Sequence[EventRow]], Awaitable[None]]
T = TypeVar("T")

MAX_WAITING = 2_000
READ_AT_ONCE = 1_000
FEW_ROWS = 8
HELPING_BYTES = 200_000
POLL_S = 1.0
PATIENCE_S = 10.0
LIVE = frozenset({"pending", "running"})


class EventWriter:
    """Number and store a run's events in groups; one group is under way at a time.

    `store` is the guarded write: it raises where this writer's generation is over, and that
    exception comes out of the next `put` or `take_rest`. `last_ms` is the time of the last event;
    all are later than `after_ms`, and none is earlier than the one before.
    """

    def __init__(self, store: Store, last_seq: int, after_ms: int = 0) -> None:
        self._store = store
        self._seq = last_seq
        self.last_ms = max(_now_ms(), after_ms) + 1
        self._waiting: list[EventRow] = []
        self._flush: asyncio.Task[None] | None = None
        self._stored_seq = last_seq
        self._group_stored = asyncio.get_running_loop().create_future()

    async def put(self, event: str, data: bytes) -> None:
        """Add one event; waits only while the log is far behind."""
        self._waiting.append(self._number(event, data))
        self._start_flush()
        if len(self._waiting) > MAX_WAITING:
            await self.stored()

    def _number(self, event: str, data: bytes) -> EventRow:
        self._seq += 1
        self.last_ms = max(self.last_ms, _now_ms())
        return EventRow(self._seq, self.last_ms, event, data)

    def _start_flush(self) -> None:
        if self._flush is not None:
            if not self._flush.done():
                return
            self._flush.result()
        self._flush = asyncio.create_task(self._write())
        self._flush.add_done_callback(noted)

    async def _write(self) -> None:
        while self._waiting:
            rows, self._waiting = self._waiting, []
            await self._store(rows)
            self._stored_seq = rows[-1].seq
            group = self._group_stored
            self._group_stored = asyncio.get_running_loop().create_future()
            group.set_result(None)

    async def stored(self) -> None:
        """Wait until all that was put by now is stored; raises what storing it raised.

        Who is cancelled meanwhile does not cancel the storing.
        """
        seq = self._seq
        while self._stored_seq < seq and self._flush is not None:
            if self._flush.done():
                self._flush.result()
            await asyncio.wait(
                [self._flush, self._group_stored], return_when=asyncio.FIRST_COMPLETED
            )

    async def take_rest(self) -> list[EventRow]:
        """Wait for what is under way and hand over what is not yet stored."""
        rows, self._waiting = self._waiting, []
        flush, self._flush = self._flush, None
        if flush is not None:
            await asyncio.wait([flush])
            flush.result()
        return rows


def noted(task: asyncio.Task[None]) -> None:
    """Let a task fail without a word of asyncio's: whoever looks at it next hears of it.

    Nobody does where the run has failed elsewhere meanwhile, most often for the same reason.
    """
    if not task.cancelled():
        task.exception()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Batch:
    """What a follower got at once: events in order (none at a poll), and whether that was all.

    With `more` there may be others already.
    """

    rows: Sequence[EventRow]
    over: bool
    more: bool = False


class Helping:
    """How many rows a follower reads at once, so that a client who reads slowly costs little."""

    __slots__ = ("rows",)

    def __init__(self) -> None:
        self.rows = FEW_ROWS

    def was_full(self, rows: Sequence[EventRow]) -> bool:
        """Tell whether there may be more behind these, and go by their size from here on."""
        full = len(rows) >= self.rows
        size = sum(len(row.data) for row in rows)
        if size > HELPING_BYTES:
            self.rows = max(1, len(rows) * HELPING_BYTES // size)
        elif full and 2 * size <= HELPING_BYTES:
            self.rows = min(READ_AT_ONCE, 2 * self.rows)
        return full


class Patience:
    """For how long a follower waits for events that cannot be had at present.

    A Redis that is started anew is back before a client would have noticed, while a gap, once
    told, is not taken back.
    """

    __slots__ = ("_until_s",)

    def __init__(self) -> None:
        self._until_s = math.inf

    def had(self, rows: Sequence[EventRow]) -> Sequence[EventRow]:
        """Return the rows before such events; all of them, gap included, once patience is over."""
        there = list(takewhile(lambda row: not is_away(row), rows))
        if len(there) == len(rows):
            self._until_s = math.inf
            return rows
        now_s = time.monotonic()
        self._until_s = min(self._until_s, now_s + PATIENCE_S)
        return rows if now_s >= self._until_s else there


async def patiently(storage: Storage, work: Callable[[Tx], T]) -> T:
    """Read for a follower; wait while the database is away, which says nothing of the run.

    Raises StorageClosed, and whatever the work raises.
    """
    while True:
        try:
            return await storage.read(work)
        except StorageClosed:
            raise
        except StorageUnavailable:
            await asyncio.sleep(POLL_S)


async def follow(storage: Storage, run_id: str, after_seq: int) -> AsyncIterator[Batch]:
    """Yield the run's events after `after_seq` as they are committed; ends with the run.

    An empty batch comes at least once per second, so that the caller can keep a connection alive.
    """
    listener = storage.doorbells.listen(Bell("events", run_id))
    live, look = False, _Look(storage, run_id)
    try:
        while True:
            batch = await look.at(after_seq)
            if live and batch.rows:
                lag_ms = _now_ms() - batch.rows[-1].created_ms
                FIGURES.observe("graphstead_event_lag_milliseconds", max(0, lag_ms))
            yield batch
            if batch.rows:
                after_seq = batch.rows[-1].seq
            if batch.more:
                continue
            if batch.over:
                return
            # What comes from here on is new, while the first batch may be a replay.
            live = True
            await listener.wait(POLL_S)
    finally:
        listener.close()


class _Look:
    """A follower's looks at a run; between those at the database, the log alone may do."""

    def __init__(self, storage: Storage, run_id: str) -> None:
        self._storage = storage
        self._run_id = run_id
        self._looked_s = 0.0
        self._patience = Patience()
        self._helping = Helping()

    async def at(self, after_seq: int) -> Batch:
        """Return what is behind a seq; at least each second the database says whether that is all.

        The first look is at the database, which alone knows of events that went elsewhere.
        """
        event_log, now_s = self._storage.log, time.monotonic()
        if event_log is not None and now_s < self._looked_s + POLL_S:
            fresh = await event_log.fresh(self._run_id, after_seq, self._helping.rows)
            if fresh.rows:
                self._helping.was_full(fresh.rows)
                return Batch(fresh.rows, over=False, more=fresh.more)
        self._looked_s = now_s
        read = partial(_read, self._run_id, after_seq, self._helping.rows)
        found = await patiently(self._storage, read)
        more = self._helping.was_full(found.rows)
        there = self._patience.had(found.rows)
        if len(there) < len(found.rows):
            return Batch(there, over=False)
        return replace(found, more=more)


def is_away(row: EventRow) -> bool:
    """Tell whether this stands for events that may yet come back."""
    return row.event == GAP and not orjson.loads(row.data)["lost"]


def _read(run_id: str, after_seq: int, limit: int, tx: Tx) -> Batch:
    rows = tx.events.after(run_id, after_seq, limit)
    return Batch(rows, tx.events.ended(run_id) is not None or (not rows and _is_over(tx, run_id)))


def _is_over(tx: Tx, run_id: str) -> bool:
    """Tell whether a run has ended so long ago that its end is purged."""
    run = tx.runs.get(run_id)
    return run is None or run.status not in LIVE


async def await_end(storage: Storage, run_id: str) -> EndRow | None:
    """Return how the run ended, as soon as it has; None where that is purged already."""
    listener = storage.doorbells.listen(Bell("ended", run_id))
    try:
        while True:
            ended, over = await patiently(storage, partial(_ending, run_id))
            if over:
                return ended
            await listener.wait(POLL_S)
    finally:
        listener.close()


def _ending(run_id: str, tx: Tx) -> tuple[EndRow | None, bool]:
    ended = tx.events.ended(run_id)
    return ended, ended is not None or _is_over(tx, run_id)

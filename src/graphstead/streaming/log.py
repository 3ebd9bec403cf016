"""The event log of a run: one writer under a generation, any number of followers.

Events are shown only after they are committed, so a crash never shows a client what replay cannot
find. Followers and replay are one query: the rows with a higher seq.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from graphstead.figures import FIGURES
from graphstead.storage.base import Storage, Tx
from graphstead.storage.rows import Bell, EndRow, EventRow

Append = Callable[[Tx, Sequence[EventRow]], None]

MAX_WAITING = 2_000
READ_AT_ONCE = 1_000
POLL_S = 1.0
LIVE = frozenset({"pending", "running"})


class EventWriter:
    """Number and store a run's events in groups; one group is under way at a time.

    `append` is the guarded write: it raises where this writer's generation is over, and that
    exception comes out of the next `put` or `drain`.
    """

    def __init__(self, storage: Storage, append: Append, last_seq: int) -> None:
        self._storage = storage
        self._append = append
        self._seq = last_seq
        self._last_ms = _now_ms() + 1  # later than the end of the run before on the thread
        self._waiting: list[EventRow] = []
        self._flush: asyncio.Task[None] | None = None

    async def put(self, event: str, data: bytes) -> None:
        """Add one event; waits only while the log is far behind."""
        self._waiting.append(self._number(event, data))
        self._start_flush()
        if len(self._waiting) > MAX_WAITING:
            await self._settle()

    def _number(self, event: str, data: bytes) -> EventRow:
        self._seq += 1
        self._last_ms = max(self._last_ms, _now_ms())
        return EventRow(self._seq, self._last_ms, event, data)

    def _start_flush(self) -> None:
        if self._flush is None:
            self._flush = asyncio.create_task(self._write())
        elif self._flush.done():
            self._flush.result()
            self._flush = asyncio.create_task(self._write())

    async def _write(self) -> None:
        while self._waiting:
            rows, self._waiting = self._waiting, []
            await self._storage.write(partial(_append_rows, self._append, rows))

    async def _settle(self) -> None:
        while self._flush is not None:
            flush, self._flush = self._flush, None
            await flush
            if self._waiting:
                self._start_flush()

    async def take_rest(self) -> list[EventRow]:
        """Wait for what is under way and hand over what is not yet stored."""
        rows, self._waiting = self._waiting, []
        flush, self._flush = self._flush, None
        if flush is not None:
            await asyncio.wait([flush])
            flush.result()
        return rows


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _append_rows(append: Append, rows: Sequence[EventRow], tx: Tx) -> None:
    append(tx, rows)


@dataclass(frozen=True, slots=True)
class Batch:
    """What a follower got at once: events in order (none at a poll), and whether that was all."""

    rows: Sequence[EventRow]
    over: bool


async def follow(storage: Storage, run_id: str, after_seq: int) -> AsyncIterator[Batch]:
    """Yield the run's events after `after_seq` as they are committed; ends with the run.

    An empty batch comes at least once per second, so that the caller can keep a connection alive.
    """
    listener = storage.doorbells.listen(Bell("events", run_id))
    live = False
    try:
        while True:
            batch = await storage.read(partial(_read, run_id, after_seq))
            if live and batch.rows:
                lag_ms = _now_ms() - batch.rows[-1].created_ms
                FIGURES.observe("graphstead_event_lag_milliseconds", max(0, lag_ms))
            yield batch
            if batch.rows:
                after_seq = batch.rows[-1].seq
            if len(batch.rows) >= READ_AT_ONCE:
                continue
            if batch.over:
                return
            # What comes from here on is new, while the first batch may be a replay.
            live = True
            await listener.wait(POLL_S)
    finally:
        listener.close()


def _read(run_id: str, after_seq: int, tx: Tx) -> Batch:
    rows = tx.events.after(run_id, after_seq, READ_AT_ONCE)
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
            ended, over = await storage.read(partial(_ending, run_id))
            if over:
                return ended
            await listener.wait(POLL_S)
    finally:
        listener.close()


def _ending(run_id: str, tx: Tx) -> tuple[EndRow | None, bool]:
    ended = tx.events.ended(run_id)
    return ended, ended is not None or _is_over(tx, run_id)

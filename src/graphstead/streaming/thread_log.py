"""Following a whole thread: the events of all its runs, one run after the other.

A thread has one running run at a time, and a run's first event is later than the end of the run
before. So (milliseconds, seq) orders all events of a thread, and is the id a client resumes from.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial

import orjson

from graphstead.storage.base import Storage, Tx
from graphstead.storage.rows import Bell, EndRow, EventRow
from graphstead.streaming.log import POLL_S, READ_AT_ONCE

ENDS_AT_ONCE = 100
LOOK_BACK_MS = 5_000
STATE_UPDATE = "state_update"
RUN_DONE = "metadata"
Position = tuple[int, int]


@dataclass(slots=True)
class Cursor:
    """Where a follower stands: ends from `from_ms` on are of interest, unless `done` has them."""

    after: Position
    from_ms: int
    seqs: dict[str, int] = field(default_factory=dict)
    done: dict[str, int] = field(default_factory=dict)

    def take(self, run_id: str, rows: list[EventRow]) -> list[EventRow]:
        """Note the rows as seen and return those the client does not have."""
        if rows:
            self.seqs[run_id] = rows[-1].seq
        return [row for row in rows if (row.created_ms, row.seq) > self.after]

    def finish(self, end: EndRow) -> None:
        """Note that a run is over and delivered; forget what is before it."""
        self.seqs.pop(end.run_id, None)
        self.from_ms = max(self.from_ms, end.ended_ms)
        self.done = {run_id: at for run_id, at in self.done.items() if at >= self.from_ms}
        self.done[end.run_id] = end.ended_ms


def start_now(thread_id: str, now_ms: int, tx: Tx) -> Cursor:
    """Return a cursor that has seen all there is."""
    cursor = Cursor(after=(0, 0), from_ms=now_ms - LOOK_BACK_MS)
    for end in tx.events.ends_of(thread_id, cursor.from_ms, ENDS_AT_ONCE):
        cursor.finish(end)
    running = tx.runs.running(thread_id)
    if running is not None:
        cursor.seqs[running.run_id] = tx.events.last_seq(running.run_id)
    return cursor


def read(thread_id: str, cursor: Cursor, tx: Tx) -> list[EventRow] | None:
    """Return what is new on the thread, in order; None once the thread is gone."""
    if tx.threads.get(thread_id) is None:
        return None
    rows: list[EventRow] = []
    for end in tx.events.ends_of(thread_id, cursor.from_ms, ENDS_AT_ONCE):
        if end.run_id not in cursor.done:
            rows += _ended(cursor, end, tx)
    running = tx.runs.running(thread_id)
    if running is not None:
        rows += _fresh(cursor, running.run_id, tx)
    return rows


def _fresh(cursor: Cursor, run_id: str, tx: Tx) -> list[EventRow]:
    seen = cursor.seqs.get(run_id, 0)
    return cursor.take(run_id, tx.events.after(run_id, seen, READ_AT_ONCE))


def _ended(cursor: Cursor, end: EndRow, tx: Tx) -> list[EventRow]:
    rows, last = [], cursor.seqs.get(end.run_id, 0)
    while fresh := tx.events.after(end.run_id, last, READ_AT_ONCE):
        rows += cursor.take(end.run_id, fresh)
        last = fresh[-1].seq
    done = EventRow(last + 1, end.ended_ms, RUN_DONE, _run_done(end.run_id))
    written_by_hand = bool(rows) and rows[-1].event == STATE_UPDATE
    if not written_by_hand and (done.created_ms, done.seq) > cursor.after:
        rows.append(done)
    cursor.finish(end)
    return rows


def _run_done(run_id: str) -> bytes:
    return orjson.dumps({"status": "run_done", "run_id": run_id})


async def follow_thread(
    storage: Storage, thread_id: str, after: Position | None, now_ms: int
) -> AsyncIterator[list[EventRow]]:
    """Yield a thread's events behind `after` (only those to come where it is None).

    Never ends by itself, except with the thread; an empty list comes at least once per second.
    """
    if after is None:
        cursor = await storage.read(partial(start_now, thread_id, now_ms))
    else:
        cursor = Cursor(after, from_ms=after[0])
    listener = storage.doorbells.listen(Bell("thread", thread_id))
    try:
        while True:
            rows = await storage.read(partial(read, thread_id, cursor))
            if rows is None:
                return
            yield rows
            if len(rows) < READ_AT_ONCE:
                await listener.wait(POLL_S)
    finally:
        listener.close()

"""Following a whole thread: the events of all its runs, one run after the other.

A thread has one running run at a time, and a run's first event is later than the end of the run
before. So (milliseconds, seq) orders all events of a thread, and is the id a client resumes from.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import orjson

from graphstead.storage.base import Storage, Tx
from graphstead.storage.rows import Bell, EndedRun, EventRow
from graphstead.streaming.log import POLL_S, Helping, Patience, patiently

ENDS_AT_ONCE = 100
LOOK_BACK_MS = 5_000
STATE_UPDATE = "state_update"
RUN_DONE = "metadata"
Position = tuple[int, int]


@dataclass(slots=True)
class Cursor:
    """Where a follower stands: ends from `from_ms` on are of interest, unless `done` has them.

    `seqs` has the last seq seen of runs that are not done, `by_hand` those of them that are no
    runs: a state written by hand.
    """

    after: Position
    from_ms: int
    seqs: dict[str, int] = field(default_factory=dict)
    done: dict[str, int] = field(default_factory=dict)
    by_hand: set[str] = field(default_factory=set)

    def take(self, run_id: str, rows: Sequence[EventRow]) -> list[EventRow]:
        """Note the rows as seen and return those the client does not have."""
        if rows:
            self.seqs[run_id] = rows[-1].seq
        if rows and rows[-1].event == STATE_UPDATE:
            self.by_hand.add(run_id)
        return [row for row in rows if (row.created_ms, row.seq) > self.after]

    def finish(self, ended: EndedRun) -> list[EventRow]:
        """Note that a run is over and delivered, forget what is before it; return what tells so."""
        run_id, ended_ms = ended
        done = EventRow(self.seqs.pop(run_id, 0) + 1, ended_ms, RUN_DONE, _run_done(run_id))
        is_told = run_id in self.by_hand or (done.created_ms, done.seq) <= self.after
        self.by_hand.discard(run_id)
        self.from_ms = max(self.from_ms, ended_ms)
        self.done = {other: at for other, at in self.done.items() if at >= self.from_ms}
        self.done[run_id] = ended_ms
        return [] if is_told else [done]


class Found(NamedTuple):
    """What one look found: events of one run behind those seen, and its end where it has one."""

    run_id: str = ""
    rows: Sequence[EventRow] = ()
    ended: EndedRun | None = None


def start_now(thread_id: str, now_ms: int, tx: Tx) -> Cursor:
    """Return a cursor that has seen all there is."""
    cursor = Cursor(after=(0, 0), from_ms=now_ms - LOOK_BACK_MS)
    for ended in tx.events.ends_of(thread_id, cursor.from_ms, ENDS_AT_ONCE):
        cursor.finish(ended)
    running = tx.runs.running(thread_id)
    if running is not None:
        cursor.seqs[running.run_id] = tx.events.last_seq(running.run_id)
    return cursor


def read(thread_id: str, cursor: Cursor, limit: int, tx: Tx) -> Found | None:
    """Look at the first run that is not done; None once the thread is gone.

    Leaves the cursor as it is: a read that breaks off is done anew.
    """
    if tx.threads.get(thread_id) is None:
        return None
    for ended in tx.events.ends_of(thread_id, cursor.from_ms, ENDS_AT_ONCE):
        if ended.run_id not in cursor.done:
            return Found(ended.run_id, _behind(cursor, ended.run_id, limit, tx), ended)
    running = tx.runs.running(thread_id)
    if running is None:
        return Found()
    return Found(running.run_id, _behind(cursor, running.run_id, limit, tx))


def _behind(cursor: Cursor, run_id: str, limit: int, tx: Tx) -> list[EventRow]:
    return tx.events.after(run_id, cursor.seqs.get(run_id, 0), limit)


def _run_done(run_id: str) -> bytes:
    return orjson.dumps({"status": "run_done", "run_id": run_id})


class _Walk:
    """A follower's way along its thread, a bounded piece at a time."""

    def __init__(self, storage: Storage, thread_id: str, cursor: Cursor) -> None:
        self._storage = storage
        self._thread_id = thread_id
        self._cursor = cursor
        self._helping = Helping()
        self._patience = Patience()

    async def new(self) -> tuple[list[EventRow], bool] | None:
        """Return what is new, and whether there may be more already; None without the thread."""
        look = partial(read, self._thread_id, self._cursor, self._helping.rows)
        found = await patiently(self._storage, look)
        if found is None:
            return None
        more = self._helping.was_full(found.rows)
        there = self._patience.had(found.rows)
        fresh = self._cursor.take(found.run_id, there)
        if len(there) < len(found.rows):
            return fresh, False
        if more or found.ended is None:
            return fresh, more
        return fresh + self._cursor.finish(found.ended), True


async def cursor_of(
    storage: Storage, thread_id: str, after: Position | None, now_ms: int
) -> Cursor:
    """Return where to follow a thread from: behind `after`, or what is to come from now on."""
    if after is None:
        return await storage.read(partial(start_now, thread_id, now_ms))
    return Cursor(after, from_ms=after[0])


async def follow_thread(
    storage: Storage, thread_id: str, cursor: Cursor
) -> AsyncIterator[list[EventRow]]:
    """Yield a thread's events behind the cursor.

    Never ends by itself, except with the thread; an empty list comes at least once per second.
    """
    listener = storage.doorbells.listen(Bell("thread", thread_id))
    walk = _Walk(storage, thread_id, cursor)
    try:
        while True:
            found = await walk.new()
            if found is None:
                return
            rows, more = found
            yield rows
            if not more:
                await listener.wait(POLL_S)
    finally:
        listener.close()

"""The events of runs, from rows and from Redis, as one log in order and without a silent hole.

Postgres knows of every run that has events in Redis (`event_streams`), and up to which number. So
what cannot be had from there is told as an event of its own, `gap`, in its place.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import orjson

from graphstead.storage.postgres.errands import Errands
from graphstead.storage.postgres.runs import PostgresRuns
from graphstead.storage.postgres.statements import PostgresStatements
from graphstead.storage.postgres.threads import PostgresThreads
from graphstead.storage.redis.line import RedisAway
from graphstead.storage.redis.streams import Read, Streams
from graphstead.storage.rows import GAP, EndRow, EventRow, ShownRow
from graphstead.storage.statements import Statements
from graphstead.storage.tables.events import StoredEvents

__all__ = ["Afterwards", "StreamedEvents", "StreamedRuns", "StreamedThreads", "first_seq"]

LOST = "These events were lost with the Redis server that kept them."
AWAY = "These events are kept in a Redis server that cannot be reached at present."


class Afterwards:
    """What is to be done in Redis once a transaction is committed."""

    def __init__(self) -> None:
        self.ended: list[str] = []
        self.deleted: list[str] = []

    def clear(self) -> None:
        """Forget what a transaction wanted that is done anew."""
        self.ended.clear()
        self.deleted.clear()


class Part(NamedTuple):
    """How much of a run's log is in Redis: up to `until` (None: all that comes), or lost."""

    until: int | None
    lost: bool


def first_seq(gen: int) -> int:
    """Return a number that no event of an older generation has come to."""
    return gen << 32


class StreamedEvents(StoredEvents):
    """Implements `base.Events` over rows and streams."""

    __slots__ = ("_afterwards", "_streams")

    def __init__(self, sql: Statements, streams: Streams, afterwards: Afterwards) -> None:
        super().__init__(sql)
        self._streams = streams
        self._afterwards = afterwards

    def append(self, run_id: str, rows: Sequence[EventRow]) -> None:
        """Store rows; a run whose events went to Redis leaves it with them."""
        acked = self._acked(run_id)
        if acked is not None:
            self._leave(run_id, acked)
        super().append(run_id, rows)

    def after(self, run_id: str, seq: int, limit: int) -> list[EventRow]:
        rows = super().after(run_id, seq, limit)
        part = self.part(run_id)
        if part is None or (part.until is not None and seq >= part.until):
            return rows
        if part.lost:
            return _joined(rows, Read(()), part, seq, limit, LOST)
        try:
            found, why = self._streams.read(run_id, seq, limit), LOST
        except RedisAway:
            found, why = Read(()), AWAY
        return _joined(rows, found, part, seq, limit, why)

    def last_seq(self, run_id: str) -> int:
        stored, part = super().last_seq(run_id), self.part(run_id)
        if part is None:
            return stored
        if part.until is not None:
            return max(stored, part.until)
        try:
            return max(stored, self._streams.last_seq(run_id))
        except RedisAway:
            return stored

    def end(self, row: EndRow) -> None:
        """Record the end; nothing behind what is in Redis now counts from here on."""
        super().end(row)
        self.close(row.run_id)

    def close(self, run_id: str) -> None:
        """Let nothing count that Redis is given from here on."""
        part = self.part(run_id)
        if part is None:
            return
        if part.until is None:
            self._close(run_id)
        self._afterwards.ended.append(run_id)

    def delete(self, run_id: str) -> None:
        super().delete(run_id)
        if self._sql.execute("streams.delete", run_id=run_id):
            self._afterwards.deleted.append(run_id)

    def begin(self, run_id: str, gen: int) -> tuple[int, bool]:
        """Give the log to an owner; return its last seq, and whether it goes on in Redis."""
        stored, part = super().last_seq(run_id), self.part(run_id)
        if part is not None and part.until is not None:
            return max(stored, part.until), False
        last = self._streams.begin(run_id, gen, stored if part is None else None)
        if part is None:
            if last is not None:
                self._sql.execute("streams.add", run_id=run_id)
            return stored if last is None else last, last is not None
        if last is None:
            self._lose(run_id, gen)
            return first_seq(gen), False
        return last, True

    def fence(self, run_id: str, gen: int) -> None:
        """Keep the owner of a run out of Redis that is taken from it."""
        part = self.part(run_id)
        if part is None or part.until is not None:
            return
        if self._streams.fence(run_id, gen) is None:
            self._lose(run_id, gen)

    def part(self, run_id: str) -> Part | None:
        """Tell how much of a run's log is in Redis, None where nothing is."""
        row = self._sql.row("streams.get", run_id=run_id)
        return Part(row[0], bool(row[1])) if row else None

    def _close(self, run_id: str) -> None:
        acked = self._acked(run_id)
        last = self._streams.close(run_id) if acked is None else acked
        if last is not None:
            self._leave(run_id, last)
        else:
            self._lose(run_id, self._gen(run_id) + 1)

    def _acked(self, run_id: str) -> int | None:
        """Tell what Redis has for certain, where the run's present owner is in this process."""
        tail = self._streams.tails.get(run_id)
        return tail.acked if tail is not None and tail.gen == self._gen(run_id) else None

    def _gen(self, run_id: str) -> int:
        return int(self._sql.value("streams.gen", run_id=run_id))

    def _leave(self, run_id: str, seq: int) -> None:
        self._sql.execute("streams.leave", run_id=run_id, until_seq=seq, lost=False)

    def _lose(self, run_id: str, gen: int) -> None:
        self._sql.execute("streams.leave", run_id=run_id, until_seq=first_seq(gen), lost=True)


class StreamedRuns(PostgresRuns):
    """Implements `base.Runs`: taking a run from its owner takes its stream, too."""

    __slots__ = ("_events",)

    def __init__(
        self, sql: PostgresStatements, errands: Errands | None, events: StreamedEvents
    ) -> None:
        super().__init__(sql, errands)
        self._events = events

    def requeue(self, run_id: str, *, gen: int, start_ms: int, updated_at: str) -> None:
        super().requeue(run_id, gen=gen, start_ms=start_ms, updated_at=updated_at)
        self._events.fence(run_id, gen)


class StreamedThreads(PostgresThreads):
    """Implements `base.Threads`: a run that ends with its thread's outcome ends its stream, too."""

    __slots__ = ("_events",)

    def __init__(self, sql: PostgresStatements, events: StreamedEvents) -> None:
        super().__init__(sql)
        self._events = events

    def settle(self, end: EndRow, shown: ShownRow) -> bool:
        self._events.close(end.run_id)
        return super().settle(end, shown)


def _joined(
    rows: Sequence[EventRow], found: Read, part: Part, seq: int, limit: int, why: str
) -> list[EventRow]:
    """Return events of both in order, behind `seq`; what is missing between is told as a gap."""
    by_seq = {row.seq: row for row in found.rows if part.until is None or row.seq <= part.until}
    by_seq |= {row.seq: row for row in rows}
    if found.more:
        known = found.rows[-1].seq
        by_seq = {number: row for number, row in by_seq.items() if number <= known}
    ordered = [by_seq[number] for number in sorted(by_seq)][:limit]
    told = list(_with_gaps(ordered, seq, why))
    last = told[-1].seq if told else seq
    if part.until is not None and last < part.until and not found.more and len(ordered) < limit:
        told.append(_gap(last, part.until, time.time_ns() // 1_000_000, why))
    return told


def _with_gaps(rows: Iterable[EventRow], seq: int, why: str) -> Iterable[EventRow]:
    for row in rows:
        if row.seq > seq + 1:
            yield _gap(seq, row.seq - 1, row.created_ms, why)
        yield row
        seq = row.seq


def _gap(after_seq: int, until_seq: int, created_ms: int, why: str) -> EventRow:
    told = {"after": after_seq, "until": until_seq, "lost": why is LOST, "message": why}
    return EventRow(until_seq, created_ms, GAP, orjson.dumps(told))

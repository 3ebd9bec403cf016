"""Following a thread over every backend: piece by piece, whole, and anew where a look broke off."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from storage.rows import make_end, make_event, make_run, make_thread

from graphstead.storage.base import Storage
from graphstead.storage.rows import EventRow
from graphstead.streaming.log import HELPING_BYTES
from graphstead.streaming.thread_log import Cursor, follow_thread, read

BIG = b'"' + b"x" * 60_000 + b'"'


def ended_run(storage: Storage, run_id: str, rows: Sequence[EventRow], ended_ms: int) -> None:
    storage.write_blocking(lambda tx: tx.events.append(run_id, rows))
    row = make_end(run_id=run_id, thread_id="t", ended_ms=ended_ms)
    storage.write_blocking(lambda tx: tx.events.end(row))


def thread(storage: Storage) -> None:
    storage.write_blocking(lambda tx: tx.threads.insert(make_thread(thread_id="t")))


async def heard(
    storage: Storage, until: int, after: tuple[int, int] = (0, 0)
) -> list[list[EventRow]]:
    """Return the batches of a follower until it has so many events."""
    found: list[list[EventRow]] = []
    async with asyncio.timeout(60):
        async for rows in follow_thread(storage, "t", Cursor(after, from_ms=after[0])):
            found.append(rows)
            if sum(map(len, found)) >= until:
                break
    return found


async def test_a_follower_gets_all_runs_in_order_a_bounded_piece_at_a_time(
    storage: Storage,
) -> None:
    thread(storage)
    first = [make_event(seq, BIG) for seq in range(1, 41)]
    second = [EventRow(seq, 1000 + seq, "custom", b"{}") for seq in range(1, 301)]
    ended_run(storage, "a", first, 500)
    ended_run(storage, "b", second, 2000)
    third = make_run(thread_id="t", status="running")
    await storage.write(lambda tx: tx.runs.insert(third))
    live = [EventRow(seq, 3000 + seq, "custom", b"{}") for seq in range(1, 11)]
    await storage.write(lambda tx: tx.events.append(third.run_id, live))
    batches = await heard(storage, 40 + 1 + 300 + 1 + 10)
    told = [row for rows in batches for row in rows]
    done = [row for row in told if row.event == "metadata"]
    assert told == [*first, done[0], *second, done[1], *live]
    assert all(b"run_done" in row.data for row in done)
    sizes = [sum(len(row.data) for row in rows) for rows in batches]
    assert max(sizes[1:]) <= HELPING_BYTES + 100, "only the first look does not know their size"
    resumed = await heard(storage, 10, (second[-2].created_ms, second[-2].seq))
    assert [row for rows in resumed for row in rows][:3] == [second[-1], done[1], live[0]]


async def test_a_look_that_is_done_anew_finds_the_same(storage: Storage) -> None:
    thread(storage)
    ended_run(storage, "a", [make_event(seq) for seq in range(1, 4)], 500)
    cursor = Cursor((0, 0), 0)
    first = await storage.read(lambda tx: read("t", cursor, 2, tx))
    assert await storage.read(lambda tx: read("t", cursor, 2, tx)) == first
    assert first is not None and [row.seq for row in first.rows] == [1, 2]


async def test_a_state_written_by_hand_is_no_run_that_is_done(storage: Storage) -> None:
    thread(storage)
    by_hand = EventRow(1, 100, "state_update", b"{}")
    ended_run(storage, "a", [by_hand], 100)
    ended_run(storage, "b", [EventRow(1, 200, "custom", b"{}")], 300)
    for after, count in (((0, 0), 3), ((100, 1), 2)):
        told = [row.event for rows in await heard(storage, count, after) for row in rows]
        assert told == ["state_update", "custom", "metadata"][-count:]

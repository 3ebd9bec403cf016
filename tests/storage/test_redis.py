"""Events in Redis beside Postgres: fences, what is lost and how that is told, keys, opening."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from databases import PostgresPlace
from own_redis import OwnRedis, own_redis
from ports import free_port
from servers import until_true
from storage.rows import make_end, make_run

from graphstead.engine import transitions
from graphstead.engine.clock import SystemClock
from graphstead.engine.transitions import Outcome, ThreadOutcome
from graphstead.storage.aes import AesCipher
from graphstead.storage.base import EventLog, Storage
from graphstead.storage.errors import RedisRefused
from graphstead.storage.postgres import open_postgres
from graphstead.storage.redis import RedisStorage, open_redis, redis_state
from graphstead.storage.rows import GAP, Bell, EventRow, RunRow
from graphstead.storage.sealing import Sealer
from graphstead.storage.sealing_start import with_ciphers

NOW = "2026-01-01T00:00:00.000000+00:00"
Open = Callable[[], RedisStorage]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[OwnRedis]:
    with own_redis(tmp_path) as one:
        yield one


@pytest.fixture
def place() -> Iterator[PostgresPlace]:
    one = PostgresPlace()
    yield one
    one.leave()


@pytest.fixture
def open_one(server: OwnRedis, place: PostgresPlace) -> Iterator[Open]:
    opened: list[RedisStorage] = []

    def open_it() -> RedisStorage:
        opened.append(open_redis(open_postgres(place.uri, writers=2, readers=1), server.uri))
        return opened[-1]

    yield open_it
    for one in opened:
        one.close()


@pytest.fixture
def storage(open_one: Open) -> RedisStorage:
    return open_one()


def claimed(storage: Storage, gen: int = 1, run: RunRow | None = None) -> RunRow:
    """Return a run that is running under a generation."""
    row = run or make_run()
    if run is None:
        storage.write_blocking(lambda tx: tx.runs.insert(row))
    storage.write_blocking(
        lambda tx: tx.runs.start(row.run_id, worker="w", gen=gen, attempt=gen, updated_at=NOW)
    )
    return row


def requeued(storage: Storage, run: RunRow, gen: int) -> None:
    storage.write_blocking(
        lambda tx: tx.runs.requeue(run.run_id, gen=gen, start_ms=0, updated_at=NOW)
    )


def events(*seqs: int) -> list[EventRow]:
    return [EventRow(seq, 1_000 + seq, "custom", b'"said %d"' % seq) for seq in seqs]


def log_of(storage: Storage) -> EventLog:
    assert storage.log is not None
    return storage.log


def begin(storage: Storage, run: RunRow, gen: int = 1) -> int:
    return asyncio.run(log_of(storage).begin(run.run_id, gen))


def append(storage: Storage, run: RunRow, rows: Sequence[EventRow], gen: int = 1) -> bool:
    return asyncio.run(log_of(storage).append(run.run_id, gen, rows, [Bell("events", run.run_id)]))


def after(storage: Storage, run: RunRow, seq: int = 0, limit: int = 100) -> list[EventRow]:
    return storage.read_blocking(lambda tx: tx.events.after(run.run_id, seq, limit))


def gaps(rows: Sequence[EventRow]) -> list[tuple[int, int, bool]]:
    told = [json.loads(row.data) for row in rows if row.event == GAP]
    return [(one["after"], one["until"], one["lost"]) for one in told]


# ---- one log


def test_what_is_in_redis_and_what_is_in_rows_is_one_log(storage: RedisStorage) -> None:
    run = claimed(storage)
    assert begin(storage, run) == 0
    assert append(storage, run, events(1, 2)) and append(storage, run, events(3))
    assert after(storage, run) == events(1, 2, 3)
    storage.write_blocking(lambda tx: tx.events.append(run.run_id, events(4, 5)))
    assert after(storage, run) == events(1, 2, 3, 4, 5)
    assert after(storage, run, 3, limit=1) == events(4)
    assert storage.read_blocking(lambda tx: tx.events.last_seq(run.run_id)) == 5
    assert not append(storage, run, events(6)), "it would stand before rows that are there"


def test_nothing_of_a_group_is_a_row_and_no_row_is_in_redis(
    storage: RedisStorage, server: OwnRedis, place: PostgresPlace
) -> None:
    run = claimed(storage)
    begin(storage, run)
    append(storage, run, events(1, 2))
    with place.connect() as connection:
        assert connection.execute("select count(*) from events").fetchall() == [(0,)]
    assert [key.decode() for key in server.streams()] == [storage.streams.key(run.run_id)]


def test_followers_of_a_long_log_get_it_slice_by_slice(storage: RedisStorage) -> None:
    run = claimed(storage)
    begin(storage, run)
    append(storage, run, events(*range(1, 251)))
    storage.write_blocking(lambda tx: tx.events.append(run.run_id, events(*range(251, 301))))
    seq, found = 0, []
    while rows := after(storage, run, seq, limit=100):
        assert len(rows) <= 100
        found += rows
        seq = rows[-1].seq
    assert found == events(*range(1, 301))


def test_an_answer_that_was_lost_makes_no_event_twice(storage: RedisStorage) -> None:
    run = claimed(storage)
    begin(storage, run)
    append(storage, run, events(1, 2))
    storage.streams.tails[run.run_id].acked = 1
    assert append(storage, run, events(2, 3))
    assert after(storage, run) == events(1, 2, 3)


# ---- fences


def test_who_lost_a_run_adds_nothing_from_that_moment_on(open_one: Open) -> None:
    dead, living = open_one(), open_one()
    run = claimed(dead)
    begin(dead, run)
    append(dead, run, events(1, 2))
    requeued(living, run, 2)
    assert not append(dead, run, events(3))
    claimed(living, 3, run)
    assert begin(living, run, 3) == 2, "the numbers go on"
    assert append(living, run, events(3, 4), gen=3)
    assert not append(dead, run, events(5))
    assert after(dead, run) == after(living, run) == events(1, 2, 3, 4)


def test_nothing_is_added_behind_an_end_that_another_process_made(open_one: Open) -> None:
    owner, other = open_one(), open_one()
    run = claimed(owner)
    begin(owner, run)
    append(owner, run, events(1, 2))
    other.write_blocking(lambda tx: tx.events.end(make_end(run_id=run.run_id)))
    assert not append(owner, run, events(3))
    assert after(owner, run) == events(1, 2)


def test_a_run_that_ends_with_its_thread_ends_its_stream(
    storage: RedisStorage, server: OwnRedis
) -> None:
    run = claimed(storage)
    begin(storage, run)
    append(storage, run, events(1, 2))
    good = Outcome("success", b"{}", ThreadOutcome("idle", {}, None, {}))
    held = replace(run, status="running", gen=1)
    storage.write_blocking(lambda tx: transitions.finish(tx, held, good, [], SystemClock()))
    assert not append(storage, run, events(3), gen=2)
    server.do("FLUSHALL")
    assert gaps(after(storage, run)) == [(0, 2, True)]


def test_a_takeover_that_is_rolled_back_leaves_the_log_whole(open_one: Open) -> None:
    owner, other = open_one(), open_one()
    run = claimed(owner)
    begin(owner, run)
    append(owner, run, events(1))

    def fail(tx: object) -> None:
        tx.runs.requeue(run.run_id, gen=2, start_ms=0, updated_at=NOW)  # type: ignore[attr-defined]
        raise KeyError

    with pytest.raises(KeyError):
        other.write_blocking(fail)
    assert not append(owner, run, events(2)), "fenced out of Redis, yet the owner"
    owner.write_blocking(lambda tx: tx.events.append(run.run_id, events(2)))
    assert after(other, run) == events(1, 2)


# ---- what is lost


def test_events_that_were_flushed_are_told_as_a_gap(
    storage: RedisStorage, server: OwnRedis
) -> None:
    run = claimed(storage)
    begin(storage, run)
    append(storage, run, events(1, 2, 3))
    server.do("FLUSHALL")
    assert not append(storage, run, events(4))
    storage.write_blocking(lambda tx: tx.events.append(run.run_id, events(4)))
    told = after(storage, run)
    assert (gaps(told), told[-1:]) == ([(0, 3, True)], events(4))
    assert [row.seq for row in told] == [3, 4]
    assert after(storage, run, 3) == events(4), "who has seen them misses nothing"


def test_a_gap_at_the_end_of_a_run_is_told_too(storage: RedisStorage, server: OwnRedis) -> None:
    run = claimed(storage)
    begin(storage, run)
    append(storage, run, events(1, 2, 3))
    storage.write_blocking(lambda tx: tx.events.end(make_end(run_id=run.run_id)))
    server.do("FLUSHALL")
    assert gaps(after(storage, run, 1)) == [(1, 3, True)]
    assert after(storage, run, 3) == []


@pytest.mark.parametrize("how", ["flushed", "started anew", "away"])
def test_an_attempt_after_a_loss_gives_no_number_twice(
    storage: RedisStorage, server: OwnRedis, how: str
) -> None:
    run = claimed(storage)
    begin(storage, run)
    append(storage, run, events(1, 2, 3))
    if how == "flushed":
        server.do("FLUSHALL")
    else:
        server.kill()
    if how == "started anew":
        server.start()
    requeued(storage, run, 2)
    claimed(storage, 3, run)
    last = begin(storage, run, 3)
    assert last >= 2 << 32
    assert not append(storage, run, events(last + 1), gen=3)
    storage.write_blocking(lambda tx: tx.events.append(run.run_id, events(last + 1)))
    told = after(storage, run, 1)
    assert (gaps(told), told[-1:]) == ([(1, last, True)], events(last + 1))


def test_events_that_cannot_be_reached_are_no_silent_hole(
    storage: RedisStorage, server: OwnRedis
) -> None:
    run = claimed(storage)
    begin(storage, run)
    append(storage, run, events(1, 2))
    server.kill()
    assert not append(storage, run, events(3))
    storage.write_blocking(lambda tx: tx.events.append(run.run_id, events(3)))
    assert gaps(after(storage, run)) == [(0, 2, False)]
    assert after(storage, run, 2) == events(3)
    until_true(lambda: not storage.log.is_reachable)


def test_a_run_that_begins_while_redis_is_away_lacks_nothing_and_the_next_is_back(
    storage: RedisStorage, server: OwnRedis
) -> None:
    server.kill()
    first = claimed(storage)
    assert begin(storage, first) == 0 and not append(storage, first, events(1))
    storage.write_blocking(lambda tx: tx.events.append(first.run_id, events(1)))
    assert after(storage, first) == events(1)
    server.start()
    until_true(lambda: storage.log.is_reachable)
    second = claimed(storage)
    begin(storage, second)
    assert append(storage, second, events(1))


# ---- keys


def test_streams_go_with_their_run_or_in_time(storage: RedisStorage, server: OwnRedis) -> None:
    runs = [claimed(storage) for _ in range(2)]
    for run in runs:
        begin(storage, run)
        append(storage, run, events(1))
    ended, deleted = runs
    storage.write_blocking(lambda tx: tx.events.end(make_end(run_id=ended.run_id)))
    storage.write_blocking(lambda tx: tx.events.delete(deleted.run_id))
    kept = storage.streams.key(ended.run_id)
    until_true(lambda: server.streams() == [kept.encode()])
    until_true(lambda: server.do("PTTL", kept) <= 180_000)
    assert server.do("PTTL", kept) > 60_000
    assert after(storage, ended) == events(1)


def test_two_databases_on_one_redis_have_keys_of_their_own(
    storage: RedisStorage, server: OwnRedis
) -> None:
    place = PostgresPlace()
    other = open_redis(open_postgres(place.uri), server.uri, prefix="mine:")
    try:
        assert other.streams.key("r").startswith("mine:graphstead:")
        assert other.streams.key("r").removeprefix("mine:") != storage.streams.key("r")
    finally:
        other.close()
        place.leave()


def test_what_is_encrypted_is_so_in_redis_too(server: OwnRedis, place: PostgresPlace) -> None:
    cipher = AesCipher(b"a key of 16 byte")
    below = open_redis(open_postgres(place.uri), server.uri)
    storage = with_ciphers(below, Sealer(cipher, cipher), NOW)
    try:
        run = claimed(storage)
        begin(storage, run)
        assert append(storage, run, events(1, 2))
        assert after(storage, run) == events(1, 2)
        fresh = asyncio.run(log_of(storage).fresh(run.run_id, 1, 10))
        assert list(fresh.rows) == events(2)
        stored = server.do("XRANGE", below.streams.key(run.run_id), "-", "+")
        assert b"said" not in repr(stored).encode() and b"custom" in repr(stored).encode()
        server.do("FLUSHALL")
        storage.write_blocking(lambda tx: tx.events.append(run.run_id, events(3)))
        assert gaps(after(storage, run)) == [(0, 2, True)]
    finally:
        storage.close()


# ---- opening


def test_a_redis_that_is_not_there_is_told_and_done_without(
    place: PostgresPlace, caplog: pytest.LogCaptureFixture
) -> None:
    uri = f"redis://me:secret@127.0.0.1:{free_port()}/0"
    storage = open_redis(open_postgres(place.uri), uri)
    try:
        assert "secret" not in caplog.text
        assert f"The Redis at {uri.replace('me:secret@', '')} cannot be used" in caplog.text
        run = claimed(storage)
        assert begin(storage, run) == 0 and not append(storage, run, events(1))
    finally:
        storage.close()


def test_a_redis_that_lets_nobody_in_is_refused(tmp_path: Path, place: PostgresPlace) -> None:
    with own_redis(tmp_path, "--requirepass", "sesame") as server:
        below = open_postgres(place.uri)
        try:
            with pytest.raises(RedisRefused, match="does not let us in"):
                open_redis(below, server.uri)
        finally:
            below.close()
        inside = server.uri.replace("redis://", "redis://:sesame@")
        assert redis_state(inside).count(".") == 2


def test_bells_reach_other_processes_with_redis_and_without(
    open_one: Open, server: OwnRedis
) -> None:
    one, two = open_one(), open_one()

    async def is_heard() -> None:
        listener = two.doorbells.listen(Bell("ready"))
        async with asyncio.timeout(60):
            await one.write(lambda tx: tx.ring("ready"))
            while not await listener.wait(0.5):
                await one.write(lambda tx: tx.ring("ready"))
        listener.close()

    asyncio.run(is_heard())
    server.kill()
    asyncio.run(is_heard())

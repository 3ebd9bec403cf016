"""Threads over a real database: time to live, growth, states written in one piece."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest
from engine.resting import (
    NOON_MS,
    Limits,
    StoppedClock,
    found,
    make_thread,
    resting,
    run_chain,
    start_run,
)
from servers import until_true

from graphstead.engine import thread_life
from graphstead.engine.checkpoints import Saver
from graphstead.engine.clock import wire_time_of_ms
from graphstead.engine.rehearsal import Rehearsal
from graphstead.engine.rewinding import WatchedClock
from graphstead.engine.thread_rows import MINUTE_MS, due_ms
from graphstead.engine.thread_search import extract
from graphstead.engine.thread_states import selected
from graphstead.engine.upkeep import Upkeep
from graphstead.storage.base import Storage
from graphstead.storage.rows import ThreadRow
from graphstead.storage.sqlite import SqliteStorage


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock(NOON_MS)


def expire(storage: Storage, thread_id: str, clock: StoppedClock) -> bool:
    serde = Saver(storage).serde
    return storage.write_blocking(lambda tx: thread_life.expire(tx, serde, thread_id, clock))


# ---- time to live


def test_a_thread_is_deleted_once_it_has_rested_for_its_time(
    storage: Storage, clock: StoppedClock
) -> None:
    resting(storage, "t", 10)
    clock.at_ms = NOON_MS + 10 * MINUTE_MS - 1
    assert not expire(storage, "t", clock)
    clock.at_ms += 1
    assert expire(storage, "t", clock)
    assert found(storage, "t") is None


def test_use_begins_the_rest_of_a_thread_anew(storage: Storage, clock: StoppedClock) -> None:
    resting(storage, "t", 10)
    used = wire_time_of_ms(NOON_MS + 9 * MINUTE_MS)
    storage.write_blocking(lambda tx: tx.threads.set_metadata("t", {}, {}, used))
    clock.at_ms = NOON_MS + 10 * MINUTE_MS
    assert not expire(storage, "t", clock)
    row = found(storage, "t")
    assert row is not None
    assert row.expires_ms == due_ms(row) == NOON_MS + 19 * MINUTE_MS


def test_a_busy_thread_does_not_expire(storage: Storage, clock: StoppedClock) -> None:
    resting(storage, "t", 10)
    start_run(storage, "t")
    clock.at_ms = NOON_MS + 60 * MINUTE_MS
    assert not expire(storage, "t", clock)
    row = found(storage, "t")
    assert row is not None
    assert row.expires_ms == NOON_MS + 70 * MINUTE_MS


def test_a_thread_may_keep_its_newest_state_when_its_time_is_up(
    storage: Storage, clock: StoppedClock
) -> None:
    resting(storage, "t", 10, "keep_latest")
    run_chain(storage, "t", 5)
    clock.at_ms = NOON_MS + 10 * MINUTE_MS
    assert expire(storage, "t", clock)
    assert len(storage.read_blocking(lambda tx: tx.checkpoints.list("t", None))) == 1
    row = found(storage, "t")
    assert row is not None
    assert row.expires_ms == NOON_MS + 20 * MINUTE_MS


def test_the_sweep_finds_threads_whose_time_is_up(storage: Storage, clock: StoppedClock) -> None:
    for thread_id, minutes in {"short": 1, "long": 100}.items():
        resting(storage, thread_id, minutes)
    make_thread(storage, "forever", NOON_MS)
    clock.at_ms = NOON_MS + 5 * MINUTE_MS
    upkeep = Upkeep(None, storage, Limits(), WatchedClock(clock))
    upkeep.start()
    until_true(lambda: found(storage, "short") is None)
    upkeep.stop()
    left = [one for one in ("short", "long", "forever") if found(storage, one)]
    assert left == ["long", "forever"]


# ---- growth


def test_trimming_a_long_thread_gives_back_nearly_all_its_room(storage: Storage) -> None:
    run_chain(storage, "t", 500)
    full = storage.read_blocking(lambda tx: tx.checkpoints.size("t"))
    serde = Saver(storage).serde
    storage.write_blocking(lambda tx: thread_life.trim(tx, serde, "t"))
    left = storage.read_blocking(lambda tx: tx.checkpoints.size("t"))
    assert left < 6_000 < 500_000 < full


def test_the_sweep_gives_the_room_of_deleted_threads_back(
    storage: Storage, clock: StoppedClock
) -> None:
    resting(storage, "t", 1)
    run_chain(storage, "t", 200)
    clock.at_ms = NOON_MS + 5 * MINUTE_MS
    upkeep = Upkeep(None, storage, Limits(), WatchedClock(clock))
    upkeep.start()
    until_true(lambda: not found(storage, "t") and unused_pages(storage) == 0)
    upkeep.stop()
    assert storage.vacuum(10_000) == 0


def unused_pages(storage: Storage) -> int:
    """Count the pages of the file that nothing is in; Postgres keeps none of its own."""
    if not isinstance(storage, SqliteStorage):
        return 0
    with closing(sqlite3.connect(storage.path)) as file:
        return int(file.execute("pragma freelist_count").fetchone()[0])


# ---- rehearsals


async def test_a_rehearsal_reads_what_it_wrote_and_stores_nothing(storage: Storage) -> None:
    row = ThreadRow("t", "idle", {}, {}, "", "", "")
    rehearsal = Rehearsal(storage)
    assert await rehearsal.read(lambda tx: tx.threads.get("t")) is None
    await rehearsal.write(lambda tx: tx.threads.insert(row))
    rehearsal.write_blocking(lambda tx: tx.threads.set_status("t", "error", ""))
    seen = await rehearsal.read(lambda tx: tx.threads.get("t"))
    assert seen is not None
    assert seen.status == "error"
    assert rehearsal.read_blocking(lambda tx: tx.threads.get("t")) == seen
    assert found(storage, "t") is None
    await storage.write(rehearsal.perform)
    assert found(storage, "t") == seen


async def test_a_rehearsal_hands_on_what_its_reads_raise(storage: Storage) -> None:
    rehearsal = Rehearsal(storage)
    await rehearsal.write(lambda tx: tx.threads.delete("t"))
    with pytest.raises(ZeroDivisionError):
        await rehearsal.read(lambda tx: 1 // 0)


# ---- picking


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("values", {"a": [{"b": 1}, {"b": 2}]}),
        ("values.a[0].b", 1),
        ("values.a[-1].b", 2),
        ("values.a[-3].b", None),
        ("values.a.b", None),
        ("values[0]", None),
        ("values.a[0].b.c", None),
    ],
)
def test_a_path_is_followed_as_far_as_it_leads(path: str, value: Any) -> None:
    assert extract({"values": {"a": [{"b": 1}, {"b": 2}]}}, path) == value


def test_selecting_values_and_one_of_their_keys_gives_all_of_them() -> None:
    state = {"values": {"a": 1, "b": 2}, "next": []}
    assert selected(state, ["values", "values.a"]) == {"values": {"a": 1, "b": 2}}
    assert selected(state, ["values.a", "values.c"]) == {"values": {"a": 1}}
    assert selected({"values": [1], "next": []}, ["values.a"]) == {"values": {}}

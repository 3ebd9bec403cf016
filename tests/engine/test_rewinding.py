"""What was made before the clock went back is due again at once, what is to wait waits as long."""

from __future__ import annotations

import pytest
from engine.resting import NOON_MS, StoppedClock

from graphstead.engine.clock import wire_time
from graphstead.engine.rewinding import LOOKS, WatchedClock, rewind
from graphstead.storage.base import Storage
from graphstead.storage.rows import DeliveryRow, RunRow

HOUR_MS = 3_600_000
THEN = wire_time()


def put(storage: Storage, clock: StoppedClock, *, start_ms: int, after_s: float) -> str:
    run_id, thread_id = clock.new_id(), clock.new_id()
    kwargs = {"config": {"configurable": {"__after_seconds__": after_s}}}
    row = RunRow(run_id, thread_id, "a", "pending", {}, kwargs, "enqueue", THEN, THEN, start_ms)
    storage.write_blocking(lambda tx: tx.runs.insert(row))
    return run_id


def start_of(storage: Storage, run_id: str) -> int:
    row = storage.read_blocking(lambda tx: tx.runs.get(run_id))
    assert row is not None
    return row.start_ms


@pytest.mark.parametrize(
    ("start_ms", "after_s", "wanted_ms"),
    [
        (NOON_MS - 5, 0, NOON_MS - 5),
        (NOON_MS + 500, 0, NOON_MS + 500),
        (NOON_MS + HOUR_MS, 0, NOON_MS),
        (NOON_MS + HOUR_MS, 3600, NOON_MS + HOUR_MS),
        (NOON_MS + HOUR_MS + 60_000, 60, NOON_MS + 60_000),
    ],
)
def test_no_run_is_due_later_than_it_was_asked_to_wait(
    storage: Storage, start_ms: int, after_s: float, wanted_ms: int
) -> None:
    clock = StoppedClock(NOON_MS)
    run_id = put(storage, clock, start_ms=start_ms, after_s=after_s)
    rewind(storage, clock)
    assert start_of(storage, run_id) == wanted_ms
    assert rewind(storage, clock) == 0


def test_webhooks_of_a_clock_that_went_back_are_due_at_once(storage: Storage) -> None:
    made_ms = {"early": NOON_MS, "in an hour": NOON_MS + HOUR_MS}
    rows = [DeliveryRow(name, "http://x", b"{}", at, at + 1500) for name, at in made_ms.items()]
    for row in rows:
        storage.write_blocking(lambda tx, row=row: tx.deliveries.add(row))  # type: ignore[misc]
    rewind(storage, StoppedClock(NOON_MS))
    taken = storage.write_blocking(lambda tx: tx.deliveries.take(NOON_MS, NOON_MS + 9, 9))
    assert [row.run_id for row in taken] == ["in an hour"]


def looks_that_tell(clock: WatchedClock) -> int:
    return [clock.went_back() for _ in range(2 * LOOKS)].count(True)


def test_a_step_back_is_noticed_for_a_while_and_a_step_forward_is_none() -> None:
    clock, steady_s = StoppedClock(NOON_MS), 5.0
    watched = WatchedClock(clock, lambda: steady_s)
    clock.at_ms += HOUR_MS
    assert looks_that_tell(watched) == 0
    clock.at_ms -= HOUR_MS
    assert watched.went_back()
    assert looks_that_tell(watched) == LOOKS - 1


def test_a_clock_that_goes_forward_and_back_between_two_looks_is_noticed_if_it_was_read() -> None:
    clock, steady_s = StoppedClock(NOON_MS), 5.0
    watched = WatchedClock(clock, lambda: steady_s)
    clock.at_ms += HOUR_MS
    assert watched.now_ms() == NOON_MS + HOUR_MS
    clock.at_ms -= HOUR_MS
    assert watched.now_ms() == NOON_MS
    assert looks_that_tell(watched) == LOOKS
    clock.at_ms += HOUR_MS
    clock.at_ms -= HOUR_MS
    assert looks_that_tell(watched) == 0

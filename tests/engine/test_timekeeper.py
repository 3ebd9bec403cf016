"""Crons make their runs on time and exactly once, whoever else keeps time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from engine.resting import NOON_MS, StoppedClock, make_thread
from structlog.testing import capture_logs

from graphstead.contract.auth import Caller
from graphstead.engine import cron_rows, run_creation, thread_life, timekeeper
from graphstead.engine.clock import system_assistant_id, wire_time
from graphstead.engine.cron_rows import changed, new_row
from graphstead.engine.lookups import thread_of
from graphstead.engine.timekeeper import Timekeeper
from graphstead.problems import ThreadBusy
from graphstead.storage.base import Storage
from graphstead.storage.rows import AssistantRow, CronRow, RunRow

ECHO = system_assistant_id("echo")
HOUR_MS = 3_600_000
USER = Caller("ann", "Ann", ("read",), {"team": "x"})


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock(NOON_MS)


@pytest.fixture
def storage(open_storage: Callable[[], Storage]) -> Iterator[Storage]:
    storage = open_storage()
    now = wire_time()
    echo = AssistantRow(ECHO, "echo", "echo", None, {}, {}, {}, 1, now, now)
    storage.write_blocking(lambda tx: tx.assistants.insert(echo))
    yield storage
    storage.close()


def make_cron(
    storage: Storage, clock: StoppedClock, thread_id: str | None = None, **body: Any
) -> CronRow:
    body = {"assistant_id": "echo", "schedule": "@hourly", "input": {"message": "hi"}, **body}
    row = new_row(
        body,
        cron_id=clock.new_id(),
        assistant_id=ECHO,
        thread_id=thread_id,
        caller=USER,
        clock=clock,
    )
    storage.write_blocking(lambda tx: tx.crons.insert(row))
    return row


def now(storage: Storage, row: CronRow) -> CronRow | None:
    return storage.read_blocking(lambda tx: tx.crons.get(row.cron_id))


def runs(storage: Storage) -> list[RunRow]:
    return storage.read_blocking(lambda tx: tx.runs.by_status(("pending",), 100))


def test_nothing_happens_before_the_date(storage: Storage, clock: StoppedClock) -> None:
    row = make_cron(storage, clock)
    clock.at_ms = NOON_MS + HOUR_MS - 1
    assert Timekeeper(storage, clock).turn()
    assert (runs(storage), now(storage, row)) == ([], row)


def test_a_run_is_made_for_its_owner_with_the_crons_members(
    storage: Storage, clock: StoppedClock
) -> None:
    row = make_cron(
        storage,
        clock,
        metadata={"k": 1},
        config={"tags": ["t"], "configurable": {"tone": "dry"}},
        interrupt_before=["echo"],
        command={"resume": 1},
        after_seconds=60,
    )
    clock.at_ms = NOON_MS + HOUR_MS
    Timekeeper(storage, clock).turn()
    (run,) = runs(storage)
    configurable = run.kwargs["config"]["configurable"]
    assert run.metadata == {"k": 1, "assistant_id": ECHO, "cron_id": row.cron_id}
    assert (configurable["tone"], configurable["cron_id"]) == ("dry", row.cron_id)
    assert configurable["langgraph_auth_user"]["team"] == "x"
    assert run.kwargs["context"] == {"tone": "dry"}
    assert (run.kwargs["input"], run.kwargs["command"]) == ({"message": "hi"}, None)
    assert (run.kwargs["interrupt_before"], run.kwargs["temporary"]) == (["echo"], True)
    assert run.start_ms == clock.at_ms
    thread = storage.read_blocking(lambda tx: thread_of(tx, run.thread_id))
    assert (thread.metadata["cron_id"], thread.metadata["k"]) == (row.cron_id, 1)


def test_missed_dates_make_one_run_and_never_a_burst(storage: Storage, clock: StoppedClock) -> None:
    row = make_cron(storage, clock)
    clock.at_ms = NOON_MS + 100 * HOUR_MS + 5
    keeper = Timekeeper(storage, clock)
    keeper.turn()
    keeper.turn()
    assert len(runs(storage)) == 1
    moved = now(storage, row)
    assert moved is not None
    assert moved.next_run_ms == NOON_MS + 101 * HOUR_MS


def test_many_timekeepers_of_one_database_make_one_run(
    storage: Storage, clock: StoppedClock, open_storage: Callable[[], Storage]
) -> None:
    for _ in range(5):
        make_cron(storage, clock)
    clock.at_ms = NOON_MS + HOUR_MS
    others = [open_storage() for _ in range(3)]
    keepers = [Timekeeper(one, clock) for one in (storage, *others)]
    threads = [threading.Thread(target=keeper.turn) for keeper in keepers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for other in others:
        other.close()
    made = [run.metadata["cron_id"] for run in runs(storage)]
    assert len(made) == len(set(made)) == 5


def test_no_run_begins_after_the_end(storage: Storage, clock: StoppedClock) -> None:
    once = make_cron(storage, clock, end_time="2026-01-01T13:30:00Z")
    missed = make_cron(storage, clock, schedule="@hourly", end_time="2026-01-01T13:00:00Z")
    over = make_cron(storage, clock, end_time="2020-01-01T00:00:00Z")
    assert (once.next_run_ms, over.next_run_ms) == (NOON_MS + HOUR_MS, None)
    clock.at_ms = NOON_MS + HOUR_MS + 1
    Timekeeper(storage, clock).turn()
    assert [run.metadata["cron_id"] for run in runs(storage)] == [once.cron_id]
    for row in (once, missed):
        after = now(storage, row)
        assert after is not None
        assert after.next_run_ms is None


def test_a_cron_that_is_off_waits_and_then_goes_on_from_now(
    storage: Storage, clock: StoppedClock
) -> None:
    row = make_cron(storage, clock, enabled=False)
    clock.at_ms = NOON_MS + 5 * HOUR_MS + 1
    Timekeeper(storage, clock).turn()
    assert runs(storage) == []
    on = changed(row, {"enabled": True}, clock.at_ms)
    storage.write_blocking(lambda tx: tx.crons.replace(on))
    Timekeeper(storage, clock).turn()
    assert runs(storage) == []
    assert on.next_run_ms == NOON_MS + 6 * HOUR_MS


def test_a_busy_thread_that_rejects_is_skipped_and_left_as_it_was(
    storage: Storage, clock: StoppedClock
) -> None:
    thread = make_thread(storage, clock.new_id(), NOON_MS)
    waiting = make_cron(storage, clock, thread.thread_id)
    row = make_cron(
        storage, clock, thread.thread_id, schedule="* 13 * * *", multitask_strategy="reject"
    )
    clock.at_ms = NOON_MS + HOUR_MS
    with pytest.raises(ThreadBusy):
        storage.write_blocking(lambda tx: _fire_both(tx, waiting, row, clock))
    assert now(storage, row) == row
    with capture_logs() as logs:
        assert Timekeeper(storage, clock).turn()
    assert [run.metadata["cron_id"] for run in runs(storage)] == [waiting.cron_id]
    assert [line["reason"] for line in logs if line["log_level"] == "warning"]
    after = now(storage, row)
    assert after is not None
    assert after.next_run_ms == clock.at_ms + 60_000


def _fire_both(tx: Any, *args: Any) -> None:
    *rows, clock = args
    for row in rows:
        timekeeper.fire(tx, row.cron_id, clock)


def test_a_cron_goes_with_its_thread(storage: Storage, clock: StoppedClock) -> None:
    kept = make_thread(storage, clock.new_id(), NOON_MS)
    gone = make_thread(storage, clock.new_id(), NOON_MS)
    row, other = (make_cron(storage, clock, one.thread_id) for one in (gone, kept))
    storage.write_blocking(lambda tx: thread_life.delete(tx, gone.thread_id, clock))
    assert now(storage, row) is None
    storage.write_blocking(lambda tx: tx.threads.delete(kept.thread_id))
    clock.at_ms = NOON_MS + HOUR_MS
    Timekeeper(storage, clock).turn()
    assert (now(storage, other), runs(storage)) == (None, [])


def test_a_fault_of_one_cron_does_not_hold_up_the_others(
    storage: Storage, clock: StoppedClock
) -> None:
    bad, good = make_cron(storage, clock), make_cron(storage, clock)
    broken = replace(bad, payload={})
    storage.write_blocking(lambda tx: tx.crons.replace(broken))
    clock.at_ms = NOON_MS + HOUR_MS
    with capture_logs() as logs:
        assert not Timekeeper(storage, clock).turn()
    assert [run.metadata["cron_id"] for run in runs(storage)] == [good.cron_id]
    assert [line["cron_id"] for line in logs if line["log_level"] == "error"] == [bad.cron_id]


def test_a_schedule_that_can_no_longer_be_read_rests(storage: Storage, clock: StoppedClock) -> None:
    row = make_cron(storage, clock)
    gone = replace(row, timezone="Atlantis/Capital")
    storage.write_blocking(lambda tx: tx.crons.replace(gone))
    clock.at_ms = NOON_MS + HOUR_MS
    with capture_logs() as logs:
        assert Timekeeper(storage, clock).turn()
    after = now(storage, row)
    assert after is not None
    assert after.next_run_ms is None
    (told,) = [line for line in logs if line.get("cron_id") == row.cron_id]
    assert "Atlantis" in told["reason"]


def test_later_runs_by_hand_do_not_pass_for_runs_of_the_cron(
    storage: Storage, clock: StoppedClock
) -> None:
    row = make_cron(storage, clock, on_run_completed="keep")
    clock.at_ms = NOON_MS + HOUR_MS
    Timekeeper(storage, clock).turn()
    (run,) = runs(storage)
    draft = cron_rows.draft_of(row, clock, None)
    mine = replace(draft, thread_id=run.thread_id, cron_id=None)
    made = storage.write_blocking(lambda tx: run_creation.create(tx, mine, clock))
    assert "cron_id" not in made.metadata
    assert "cron_id" not in made.kwargs["config"]["configurable"]

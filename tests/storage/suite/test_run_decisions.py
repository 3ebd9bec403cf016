"""What is decided about a run and its thread at once, whatever statements a backend needs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from storage.rows import at, make_end, make_run, make_thread

from graphstead.storage.base import Storage
from graphstead.storage.rows import EndRow, RunRow, ShownRow


def insert(storage: Storage, *rows: RunRow) -> None:
    for row in rows:
        storage.write_blocking(lambda tx, row=row: tx.runs.insert(row))  # type: ignore[misc]


def take(storage: Storage, limit: int = 10) -> list[RunRow]:
    return storage.write_blocking(lambda tx: tx.runs.take("w", 30, limit, at(7)))


def shown(**fields: Any) -> ShownRow:
    one = ShownRow("t", "idle", {"n": 1}, None, {}, at(9))
    return replace(one, **fields)


def settle(storage: Storage, run: RunRow, show: ShownRow) -> bool:
    end: EndRow = make_end(run_id=run.run_id, thread_id="t", status="success")
    return storage.write_blocking(lambda tx: tx.threads.settle(end, show))


# ---- taking


def test_due_runs_are_started_in_order_under_their_next_generation(storage: Storage) -> None:
    late, first = make_run(start_ms=20, gen=3, attempt=1), make_run(start_ms=10)
    insert(storage, late, first, make_run(start_ms=31), make_run(blocked=True))
    one, two = take(storage)
    started: dict[str, Any] = {"status": "running", "worker": "w", "updated_at": at(7)}
    assert one == replace(first, **started, gen=1, attempt=1)
    assert two == replace(late, **started, gen=4, attempt=2)
    assert storage.read_blocking(lambda tx: tx.runs.get(late.run_id)) == two
    assert take(storage) == []


def test_no_more_runs_are_taken_than_asked_for(storage: Storage) -> None:
    insert(storage, *(make_run(start_ms=n) for n in range(5)))
    assert [run.start_ms for run in take(storage, 2)] == [0, 1]
    assert [run.start_ms for run in take(storage)] == [2, 3, 4]


def test_a_due_run_beside_a_running_one_is_shown_and_stays_pending(storage: Storage) -> None:
    waiting, free = make_run(thread_id="t", start_ms=1), make_run(start_ms=2)
    insert(storage, make_run(thread_id="t", status="running"), waiting, free)
    one, two = take(storage)
    assert one == waiting
    assert (two.run_id, two.status) == (free.run_id, "running")


def test_of_two_due_runs_of_a_thread_the_first_is_started(storage: Storage) -> None:
    second, first = make_run(thread_id="t", start_ms=2), make_run(thread_id="t", start_ms=1)
    insert(storage, second, first)
    taken = take(storage)
    assert {run.run_id: run.status for run in taken} == {
        first.run_id: "running",
        second.run_id: "pending",
    }


# ---- entering


@pytest.mark.parametrize(
    ("there", "blocked"),
    [
        (make_run(thread_id="t", status="running"), True),
        (make_run(thread_id="t", start_ms=10), True),
        (make_run(thread_id="t", start_ms=11), False),
        (make_run(thread_id="t", status="success"), False),
    ],
)
def test_a_run_that_enters_a_thread_waits_where_it_must(
    storage: Storage, there: RunRow, blocked: bool
) -> None:
    storage.write_blocking(lambda tx: tx.threads.insert(make_thread(thread_id="t")))
    run = make_run(thread_id="t", metadata={"m": "é"}, kwargs={"k": [1]}, updated_at=at(5))
    insert(storage, there)
    assert storage.write_blocking(lambda tx: tx.runs.enter(run, 10)) is blocked
    found = storage.read_blocking(lambda tx: tx.runs.get(run.run_id))
    assert found == replace(run, blocked=blocked)
    thread = storage.read_blocking(lambda tx: tx.threads.get("t"))
    assert thread is not None and (thread.status, thread.updated_at) == ("busy", at(5))


# ---- owning


def test_who_holds_a_run_hears_what_it_is_asked_to_do(storage: Storage) -> None:
    run = make_run(thread_id="t", status="running", gen=2)
    asked = make_run(thread_id="u", status="running", gen=1, cancel="rollback")
    insert(storage, run, asked)
    storage.write_blocking(lambda tx: tx.threads.insert(make_thread(thread_id="t")))
    owned = storage.write_blocking(lambda tx: tx.runs.hold_owned("t", run.run_id, 2))
    assert owned is not None and owned.cancel is None
    other = storage.write_blocking(lambda tx: tx.runs.hold_owned("u", asked.run_id, 1))
    assert other is not None and other.cancel == "rollback"
    assert storage.write_blocking(lambda tx: tx.runs.hold_owned("t", run.run_id, 1)) is None


# ---- settling


def test_a_run_ends_in_its_row_its_record_and_on_its_thread(storage: Storage) -> None:
    thread = make_thread(thread_id="t", status="busy", values={"n": 0})
    run = make_run(thread_id="t", status="running", worker="w", cancel="interrupt", gen=1)
    storage.write_blocking(lambda tx: tx.threads.insert(thread))
    insert(storage, run)
    error = {"error": "E", "message": "m"}
    show = shown(status="error", error=error, interrupts={"i": []})
    assert settle(storage, run, show) is False
    row, end, found = storage.read_blocking(
        lambda tx: (tx.runs.get(run.run_id), tx.events.ended(run.run_id), tx.threads.get("t"))
    )
    ended: dict[str, Any] = {
        "status": "success",
        "worker": None,
        "cancel": None,
        "updated_at": at(9),
    }
    assert row == replace(run, **ended)
    assert end == make_end(run_id=run.run_id, thread_id="t", status="success")
    assert found == replace(
        thread,
        status="error",
        values={"n": 1},
        error=error,
        interrupts={"i": []},
        updated_at=at(9),
        state_updated_at=at(9),
    )


def test_a_thread_keeps_its_values_where_a_run_has_none_to_show(storage: Storage) -> None:
    thread = make_thread(thread_id="t", values={"n": 0})
    run = make_run(thread_id="t", status="running")
    storage.write_blocking(lambda tx: tx.threads.insert(thread))
    insert(storage, run)
    settle(storage, run, shown(values=None, keeps_values=True))
    found = storage.read_blocking(lambda tx: tx.threads.get("t"))
    assert found is not None and found.values == {"n": 0}


def test_the_first_waiting_run_goes_and_keeps_its_thread_busy(storage: Storage) -> None:
    storage.write_blocking(lambda tx: tx.threads.insert(make_thread(thread_id="t")))
    run = make_run(thread_id="t", status="running")
    second = make_run(thread_id="t", start_ms=2, blocked=True)
    first = make_run(thread_id="t", start_ms=1, blocked=True)
    insert(storage, run, second, first)
    assert settle(storage, run, shown()) is True
    rows, thread = storage.read_blocking(lambda tx: (tx.runs.active("t"), tx.threads.get("t")))
    assert [(row.run_id, row.blocked) for row in rows] == [
        (first.run_id, False),
        (second.run_id, True),
    ]
    assert thread is not None and (thread.status, thread.values) == ("busy", {"n": 1})


def test_no_waiting_run_goes_beside_a_running_one(storage: Storage) -> None:
    storage.write_blocking(lambda tx: tx.threads.insert(make_thread(thread_id="t")))
    pending = make_run(thread_id="t")
    waiting = make_run(thread_id="t", blocked=True)
    insert(storage, pending, waiting, make_run(thread_id="t", status="running"))
    assert settle(storage, pending, shown()) is False
    assert storage.write_blocking(lambda tx: tx.threads.show(shown())) is False
    thread = storage.read_blocking(lambda tx: tx.threads.get("t"))
    assert thread is not None and thread.status == "busy"


def test_showing_lets_the_next_run_go(storage: Storage) -> None:
    storage.write_blocking(lambda tx: tx.threads.insert(make_thread(thread_id="t")))
    insert(storage, make_run(thread_id="t", blocked=True))
    assert storage.write_blocking(lambda tx: tx.threads.show(shown())) is True
    assert storage.write_blocking(lambda tx: tx.threads.show(shown())) is False

from __future__ import annotations

from collections.abc import Callable

import pytest
from storage.rows import at, make_run, make_worker

from graphstead.storage.base import Runs, Storage
from graphstead.storage.errors import ConstraintViolated
from graphstead.storage.rows import RunRow


def insert(storage: Storage, *rows: RunRow) -> None:
    def work(runs: Runs) -> None:
        for row in rows:
            runs.insert(row)

    storage.write_blocking(lambda tx: work(tx.runs))


def change(storage: Storage, work: Callable[[Runs], object]) -> None:
    storage.write_blocking(lambda tx: work(tx.runs))


def ids(rows: list[RunRow]) -> list[str]:
    return [row.run_id for row in rows]


def test_a_run_comes_back_as_it_was_stored(storage: Storage) -> None:
    row = make_run(
        metadata={"a": 1},
        kwargs={"input": None, "config": {"x": [True]}},
        start_ms=5,
        blocked=True,
        temporary=True,
        gen=3,
        attempt=2,
        worker="w",
        cancel="rollback",
        base_checkpoint_id="c",
    )
    insert(storage, row)
    assert storage.read_blocking(lambda tx: tx.runs.get(row.run_id)) == row
    assert storage.read_blocking(lambda tx: tx.runs.get("unknown")) is None


def test_a_run_id_is_taken_once(storage: Storage) -> None:
    row = make_run()
    insert(storage, row)
    with pytest.raises(ConstraintViolated):
        insert(storage, row)


def test_claimable_runs_are_due_unblocked_and_in_order(storage: Storage) -> None:
    late = make_run(start_ms=20)
    first, second = make_run(start_ms=10), make_run(start_ms=10)
    insert(
        storage,
        late,
        second,
        first,
        make_run(start_ms=31),
        make_run(blocked=True),
        make_run(status="running"),
        make_run(status="success"),
    )
    rows = storage.read_blocking(lambda tx: tx.runs.claimable(30, 10))
    assert ids(rows) == [first.run_id, second.run_id, late.run_id]
    assert ids(storage.read_blocking(lambda tx: tx.runs.claimable(30, 1))) == [first.run_id]


def test_the_next_start_is_that_of_the_earliest_unblocked_run(storage: Storage) -> None:
    assert storage.read_blocking(lambda tx: tx.runs.next_start_ms()) is None
    insert(storage, make_run(start_ms=1, blocked=True), make_run(start_ms=9), make_run(start_ms=5))
    assert storage.read_blocking(lambda tx: tx.runs.next_start_ms()) == 5


def test_starting_marks_owner_generation_and_attempt(storage: Storage) -> None:
    row = make_run()
    insert(storage, row)
    change(
        storage,
        lambda runs: runs.start(row.run_id, worker="w", gen=4, attempt=2, updated_at=at(3)),
    )
    started = storage.read_blocking(lambda tx: tx.runs.get(row.run_id))
    assert started == make_run(
        run_id=row.run_id,
        thread_id=row.thread_id,
        status="running",
        worker="w",
        gen=4,
        attempt=2,
        updated_at=at(3),
    )


def test_a_thread_has_one_running_run(storage: Storage) -> None:
    running, waiting = make_run(thread_id="t", status="running"), make_run(thread_id="t")
    insert(storage, running, waiting)

    def start(runs: Runs) -> None:
        runs.start(waiting.run_id, worker="w", gen=1, attempt=1, updated_at=at(1))

    with pytest.raises(ConstraintViolated):
        change(storage, start)
    change(storage, lambda runs: runs.finish(running.run_id, "success", at(1)))
    change(storage, start)
    assert storage.read_blocking(lambda tx: tx.runs.running("t")) is not None


def test_a_constraint_fails_the_work_and_not_the_next(storage: Storage) -> None:
    running, waiting = make_run(thread_id="t", status="running"), make_run(thread_id="t")
    insert(storage, running, waiting)

    def start_second(runs: Runs) -> None:
        runs.set_blocked(waiting.run_id, True)
        runs.start(waiting.run_id, worker="w", gen=1, attempt=1, updated_at=at(1))

    with pytest.raises(ConstraintViolated):
        change(storage, start_second)
    assert storage.read_blocking(lambda tx: tx.runs.next_blocked("t")) is None
    change(storage, lambda runs: runs.set_blocked(waiting.run_id, True))
    assert storage.read_blocking(lambda tx: tx.runs.next_blocked("t")) is not None


def test_only_the_newest_generation_owns_a_running_run(storage: Storage) -> None:
    row = make_run(status="running", gen=2)
    insert(storage, row)

    def owned(gen: int) -> bool:
        return storage.read_blocking(lambda tx: tx.runs.owned(row.run_id, gen))

    assert owned(2) and not owned(1)
    change(storage, lambda runs: runs.requeue(row.run_id, gen=3, start_ms=7, updated_at=at(1)))
    assert not owned(2) and not owned(3)


def test_a_requeued_run_can_be_claimed_again(storage: Storage) -> None:
    row = make_run(status="running", gen=2, attempt=1, worker="w")
    insert(storage, row)
    change(storage, lambda runs: runs.requeue(row.run_id, gen=3, start_ms=7, updated_at=at(1)))
    (again,) = storage.read_blocking(lambda tx: tx.runs.claimable(7, 5))
    assert (again.status, again.gen, again.attempt, again.worker) == ("pending", 3, 1, None)


def test_active_runs_are_the_running_one_then_the_pending_in_order(storage: Storage) -> None:
    late, early = make_run(thread_id="t", start_ms=9), make_run(thread_id="t", start_ms=3)
    running = make_run(thread_id="t", status="running", start_ms=50)
    insert(storage, late, early, running, make_run(thread_id="t", status="error"), make_run())
    rows = storage.read_blocking(lambda tx: tx.runs.active("t"))
    assert ids(rows) == [running.run_id, early.run_id, late.run_id]
    assert storage.read_blocking(lambda tx: tx.runs.has_active("t"))
    assert not storage.read_blocking(lambda tx: tx.runs.has_active("other"))


@pytest.mark.parametrize(
    ("row", "waits"),
    [
        (make_run(thread_id="t", status="running"), True),
        (make_run(thread_id="t", start_ms=10), True),
        (make_run(thread_id="t", start_ms=11), False),
        (make_run(thread_id="t", blocked=True), False),
        (make_run(thread_id="t", status="success"), False),
        (make_run(thread_id="other", status="running"), False),
    ],
)
def test_a_new_run_waits_for_what_holds_the_thread(
    storage: Storage, row: RunRow, waits: bool
) -> None:
    insert(storage, row)
    assert storage.read_blocking(lambda tx: tx.runs.must_wait("t", 10)) is waits


def test_the_first_blocked_run_is_next(storage: Storage) -> None:
    late = make_run(thread_id="t", start_ms=9, blocked=True)
    early = make_run(thread_id="t", start_ms=3, blocked=True)
    insert(storage, late, early, make_run(thread_id="t", start_ms=1))
    assert storage.read_blocking(lambda tx: tx.runs.next_blocked("t")) == early
    change(storage, lambda runs: runs.set_blocked(early.run_id, False))
    assert storage.read_blocking(lambda tx: tx.runs.next_blocked("t")) == late
    assert storage.read_blocking(lambda tx: tx.runs.next_blocked("other")) is None


def test_finishing_clears_what_belongs_to_running(storage: Storage) -> None:
    row = make_run(status="running", worker="w", cancel="interrupt", blocked=True, gen=2)
    insert(storage, row)
    change(storage, lambda runs: runs.finish(row.run_id, "interrupted", at(4)))
    ended = storage.read_blocking(lambda tx: tx.runs.get(row.run_id))
    assert ended is not None
    assert (ended.status, ended.worker, ended.cancel) == ("interrupted", None, None)
    assert (ended.blocked, ended.gen, ended.updated_at) == (False, 2, at(4))


def test_a_worker_hears_of_its_own_cancelled_runs(storage: Storage) -> None:
    mine, other = (make_run(status="running", worker=name) for name in ("w", "v"))
    waiting = make_run(cancel="interrupt")
    insert(storage, mine, other, waiting)
    change(storage, lambda runs: runs.set_cancel(mine.run_id, "rollback", at(1)))
    change(storage, lambda runs: runs.set_cancel(other.run_id, "interrupt", at(1)))
    assert storage.read_blocking(lambda tx: tx.runs.cancels_of("w")) == [(mine.run_id, "rollback")]


def test_orphans_have_no_worker_that_is_known(storage: Storage) -> None:
    known = make_worker()
    workers = (known.worker_id, "unknown", None)
    rows = [make_run(status="running", worker=worker) for worker in workers]
    insert(storage, *rows, make_run(worker="unknown"))
    storage.write_blocking(lambda tx: tx.workers.beat(known))
    found = storage.read_blocking(lambda tx: tx.runs.orphans(10))
    assert ids(found) == ids(rows[1:])
    assert ids(storage.read_blocking(lambda tx: tx.runs.orphans(1))) == [rows[1].run_id]


def test_runs_of_a_worker_are_those_it_is_running(storage: Storage) -> None:
    mine = make_run(status="running", worker="w")
    insert(storage, mine, make_run(status="success", worker="w"), make_run(status="running"))
    assert storage.read_blocking(lambda tx: tx.runs.of_worker("w")) == [mine]


def test_runs_of_a_thread_are_listed_newest_first(storage: Storage) -> None:
    old, new = make_run(thread_id="t", created_at=at(1)), make_run(thread_id="t", created_at=at(2))
    twin = make_run(thread_id="t", created_at=at(2), status="error")
    insert(storage, new, old, twin, make_run())

    def listed(status: str | None, limit: int = 10, offset: int = 0) -> list[str]:
        return ids(
            storage.read_blocking(lambda tx: tx.runs.list("t", status, limit=limit, offset=offset))
        )

    assert listed(None) == ids([twin, new, old])
    assert listed(None, 1, 1) == [new.run_id]
    assert listed("error") == [twin.run_id]
    assert listed("junk") == []
    assert storage.read_blocking(lambda tx: tx.runs.ids_of("t")) == ids([old, new, twin])


def test_runs_are_found_by_status(storage: Storage) -> None:
    rows = [make_run(status=status) for status in ("pending", "running", "success", "error")]
    insert(storage, *rows)

    def found(*statuses: str) -> list[str]:
        return ids(storage.read_blocking(lambda tx: tx.runs.by_status(statuses, 10)))

    assert found("pending", "running") == ids(rows[:2])
    assert found("pending") == ids(rows[:1])
    assert found("running", "error") == ids([rows[1], rows[3]])
    assert found() == []


def test_live_runs_of_an_assistant_are_found_until_they_are_asked_to_stop(storage: Storage) -> None:
    wanted = [make_run(assistant_id="a", status=status) for status in ("pending", "running")]
    ended = make_run(assistant_id="a", status="success")
    insert(storage, *wanted, ended, make_run(assistant_id="b"))

    def found(limit: int = 10) -> list[str]:
        return ids(storage.read_blocking(lambda tx: tx.runs.unstopped("a", limit)))

    assert sorted(found()) == sorted(ids(wanted))
    assert len(found(limit=1)) == 1
    change(storage, lambda runs: runs.set_cancel(wanted[1].run_id, "interrupt", "now"))
    assert found() == ids(wanted[:1])


def test_kwargs_and_metadata_are_replaced(storage: Storage) -> None:
    row = make_run()
    insert(storage, row)
    change(storage, lambda runs: runs.set_kwargs(row.run_id, {"k": 1}, {"m": 2}))
    changed = storage.read_blocking(lambda tx: tx.runs.get(row.run_id))
    assert changed is not None and (changed.kwargs, changed.metadata) == ({"k": 1}, {"m": 2})


def test_a_deleted_run_is_gone(storage: Storage) -> None:
    row = make_run()
    insert(storage, row)
    assert storage.write_blocking(lambda tx: tx.runs.delete(row.run_id))
    assert not storage.write_blocking(lambda tx: tx.runs.delete(row.run_id))


def test_pending_and_running_runs_are_counted(storage: Storage) -> None:
    assert storage.read_blocking(lambda tx: tx.runs.counts()) == (0, 0)
    insert(storage, *(make_run(status=s) for s in ("pending", "pending", "running", "error")))
    assert storage.read_blocking(lambda tx: tx.runs.counts()) == (2, 1)


def test_a_worker_renews_its_lease_until_it_is_forgotten(storage: Storage) -> None:
    row = make_worker(lease_until_ms=1)
    renewed = make_worker(worker_id=row.worker_id, lease_until_ms=2, pid=9)
    storage.write_blocking(lambda tx: tx.workers.beat(row))
    storage.write_blocking(lambda tx: tx.workers.beat(renewed))
    assert storage.read_blocking(lambda tx: tx.workers.list()) == [renewed]
    storage.write_blocking(lambda tx: tx.workers.forget(row.worker_id))
    assert storage.read_blocking(lambda tx: tx.workers.list()) == []


def test_ids_of_active_runs_come_in_pages(storage: Storage) -> None:
    rows = [make_run(run_id=f"r{n}", thread_id=f"t{n}", status="pending") for n in range(4)]
    rows.append(make_run(run_id="r9", thread_id="t9", status="success"))
    for row in rows:
        storage.write_blocking(lambda tx, row=row: tx.runs.insert(row))  # type: ignore[misc]

    def ids(after: str, *statuses: str) -> list[str]:
        return storage.read_blocking(lambda tx: tx.runs.active_ids(statuses, after, 2))

    assert ids("", "pending", "running") == ["r0", "r1"]
    assert ids("r1", "pending") == ["r2", "r3"]
    assert ids("r3", "pending") == ids("", "running") == []

from __future__ import annotations

from dataclasses import replace
from functools import partial

from storage.rows import make_delivery

from graphstead.storage.base import Storage, Tx
from graphstead.storage.rows import DeliveryRow


def add(storage: Storage, *rows: DeliveryRow) -> None:
    for row in rows:
        storage.write_blocking(partial(_add, row))


def _add(row: DeliveryRow, tx: Tx) -> None:
    tx.deliveries.add(row)


def _give_up(row: DeliveryRow, tx: Tx) -> None:
    tx.deliveries.put_off(row.run_id, None, "no")


def take(storage: Storage, now_ms: int, until_ms: int = 999, limit: int = 9) -> list[DeliveryRow]:
    return storage.write_blocking(lambda tx: tx.deliveries.take(now_ms, until_ms, limit))


def dead(storage: Storage) -> list[DeliveryRow]:
    return storage.read_blocking(lambda tx: tx.deliveries.dead(9))


def test_a_due_delivery_is_taken_by_one_and_again_when_it_was_not_made(storage: Storage) -> None:
    early, late = make_delivery(next_try_ms=10), make_delivery(next_try_ms=20)
    add(storage, late, early, make_delivery(next_try_ms=21))
    assert storage.read_blocking(lambda tx: tx.deliveries.next_ms()) == 10
    assert take(storage, 20, limit=1) == [replace(early, attempts=1, next_try_ms=999)]
    assert take(storage, 20) == [replace(late, attempts=1, next_try_ms=999)]
    assert take(storage, 20) == []
    assert {row.attempts for row in take(storage, 999)} == {1, 2}


def test_a_run_owes_one_delivery(storage: Storage) -> None:
    row = make_delivery(payload=b"first")
    add(storage, row, replace(row, payload=b"second"))
    assert [one.payload for one in take(storage, 1)] == [b"first"]


def test_a_delivery_that_was_made_is_forgotten(storage: Storage) -> None:
    row = make_delivery()
    add(storage, row)
    storage.write_blocking(lambda tx: tx.deliveries.done(row.run_id))
    assert (take(storage, 9), dead(storage)) == ([], [])


def test_a_delivery_that_is_given_up_is_kept_with_its_reason(storage: Storage) -> None:
    old, new = make_delivery(created_ms=1), make_delivery(created_ms=2)
    add(storage, old, new, make_delivery(next_try_ms=5000))
    for row in (old, new):
        storage.write_blocking(partial(_give_up, row))
    assert [row.run_id for row in dead(storage)] == [new.run_id, old.run_id]
    assert dead(storage)[0].last_error == "no"
    assert take(storage, 99) == []


def test_what_is_given_up_can_be_made_due_again_one_or_all(storage: Storage) -> None:
    rows = [make_delivery(attempts=8, next_try_ms=None) for _ in range(3)]
    add(storage, *rows, make_delivery(next_try_ms=5000))

    def revive(run_id: str | None) -> int:
        return storage.write_blocking(lambda tx: tx.deliveries.revive(7, run_id))

    assert revive(rows[0].run_id) == 1
    assert [(row.run_id, row.attempts) for row in take(storage, 7)] == [(rows[0].run_id, 1)]
    assert (revive(None), revive(None)) == (2, 0)
    assert dead(storage) == []

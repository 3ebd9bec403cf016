from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from storage.rows import at, make_cron

from graphstead.storage.base import Storage, Tx
from graphstead.storage.rows import CronFilter, CronRow, Page

EVERY = CronFilter()


def insert(storage: Storage, *rows: CronRow) -> None:
    for row in rows:
        storage.write_blocking(partial(_insert, row))


def _insert(row: CronRow, tx: Tx) -> None:
    tx.crons.insert(row)


def get(storage: Storage, row: CronRow) -> CronRow | None:
    return storage.read_blocking(lambda tx: tx.crons.get(row.cron_id))


def search(storage: Storage, match: CronFilter = EVERY, **page: Any) -> list[CronRow]:
    return storage.read_blocking(lambda tx: tx.crons.search(match, Page(**page)))


def due(storage: Storage, now_ms: int, limit: int = 10) -> list[str]:
    return storage.read_blocking(lambda tx: tx.crons.due(now_ms, limit))


def test_a_cron_comes_back_as_it_was_stored(storage: Storage) -> None:
    row = make_cron(
        thread_id="thread",
        timezone="Europe/Oslo",
        end_ms=-5,
        payload={"input": {"a": [1]}},
        metadata={"k": None},
        caller={"identity": "u", "extras": {"x": 1}},
        enabled=False,
        on_run_completed=None,
        next_run_ms=None,
    )
    insert(storage, row)
    assert get(storage, row) == row
    assert storage.write_blocking(lambda tx: tx.crons.lock(row.cron_id)) == row
    assert get(storage, make_cron()) is None


def test_what_can_change_of_a_cron_is_overwritten(storage: Storage) -> None:
    row, other = make_cron(), make_cron()
    insert(storage, row, other)
    changed = make_cron(
        cron_id=row.cron_id,
        schedule="@daily",
        timezone="UTC",
        end_ms=9,
        payload={"input": 1},
        metadata={"k": 1},
        on_run_completed="keep",
        enabled=False,
        next_run_ms=7,
        updated_at=at(1),
    )
    storage.write_blocking(lambda tx: tx.crons.replace(changed))
    assert (get(storage, row), get(storage, other)) == (changed, other)


def test_enabled_crons_whose_date_has_come_are_due_the_longest_overdue_first(
    storage: Storage,
) -> None:
    late, later = make_cron(next_run_ms=10), make_cron(next_run_ms=20)
    insert(storage, later, late, make_cron(next_run_ms=21), make_cron(next_run_ms=None))
    insert(storage, make_cron(next_run_ms=5, enabled=False))
    assert due(storage, 20) == [late.cron_id, later.cron_id]
    assert due(storage, 20, limit=1) == [late.cron_id]
    assert storage.read_blocking(lambda tx: tx.crons.next_ms()) == 10
    storage.write_blocking(lambda tx: tx.crons.move(late.cron_id, 30))
    assert due(storage, 20) == [later.cron_id]
    storage.write_blocking(lambda tx: tx.crons.move(later.cron_id, None))
    assert due(storage, 20) == []


def test_without_crons_nothing_is_due(storage: Storage) -> None:
    assert storage.read_blocking(lambda tx: tx.crons.next_ms()) is None


@pytest.mark.parametrize(
    ("match", "found"),
    [
        (CronFilter(), [0, 1, 2]),
        (CronFilter(assistant_id="a"), [0, 1]),
        (CronFilter(thread_id="t"), [1]),
        (CronFilter(enabled=False), [2]),
        (CronFilter(enabled=True, metadata={"team": {"name": "x"}}), [0]),
        (CronFilter(metadata={"team": "x"}), []),
    ],
)
def test_every_part_of_a_cron_filter_must_hold(
    storage: Storage, match: CronFilter, found: list[int]
) -> None:
    team = {"team": {"name": "x", "size": 2}}
    rows = [
        make_cron(assistant_id="a", metadata=team),
        make_cron(assistant_id="a", thread_id="t"),
        make_cron(assistant_id="b", enabled=False, metadata=team),
    ]
    insert(storage, *rows)
    assert search(storage, match, descending=False) == [rows[index] for index in found]
    assert storage.read_blocking(lambda tx: tx.crons.count(match)) == len(found)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize(
    ("sort_by", "column"),
    [
        ("cron_id", "cron_id"),
        ("assistant_id", "assistant_id"),
        ("thread_id", "thread_id"),
        ("next_run_date", "next_run_ms"),
        ("end_time", "end_ms"),
        ("created_at", "created_at"),
        ("updated_at", "updated_at"),
    ],
)
def test_crons_are_sorted_by_a_column_then_by_id_the_empty_last(
    storage: Storage, sort_by: str, column: str, descending: bool
) -> None:
    rows = [
        make_cron(
            assistant_id=f"a{n % 2}",
            thread_id=f"t{n % 3}" if n % 2 else None,
            next_run_ms=n % 3 if n % 4 else None,
            end_ms=n % 3 if n % 5 else None,
            created_at=at(n % 3),
            updated_at=at(-n % 2),
        )
        for n in range(8)
    ]
    insert(storage, *rows)
    full = [row for row in rows if getattr(row, column) is not None]
    empty = [row for row in rows if getattr(row, column) is None]
    expected = sorted(
        full, key=lambda row: (getattr(row, column), row.cron_id), reverse=descending
    ) + sorted(empty, key=lambda row: row.cron_id, reverse=descending)
    assert search(storage, sort_by=sort_by, descending=descending) == expected


def test_a_page_of_crons_is_a_slice_of_the_sorted_list(storage: Storage) -> None:
    rows = [make_cron() for _ in range(5)]
    insert(storage, *rows)
    assert search(storage, descending=False, limit=2, offset=2) == rows[2:4]


def test_crons_go_by_themselves_with_their_thread_or_with_their_assistant(
    storage: Storage,
) -> None:
    own = make_cron(assistant_id="a")
    of_thread = make_cron(assistant_id="a", thread_id="t")
    other = make_cron(assistant_id="b", thread_id="u")
    alone = make_cron(assistant_id="b")
    insert(storage, own, of_thread, other, alone)
    assert storage.write_blocking(lambda tx: tx.crons.delete(alone.cron_id))
    assert not storage.write_blocking(lambda tx: tx.crons.delete(alone.cron_id))
    storage.write_blocking(lambda tx: tx.crons.delete_of_thread("t"))
    assert search(storage, descending=False) == [own, other]
    storage.write_blocking(lambda tx: tx.crons.delete_of_assistant("a"))
    assert search(storage) == [other]

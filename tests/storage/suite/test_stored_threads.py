from __future__ import annotations

from typing import Any

import pytest
from storage.rows import at, make_thread

from graphstead.storage.base import Storage
from graphstead.storage.rows import Page, ThreadFilter, ThreadRow

EVERY = ThreadFilter()


def insert(storage: Storage, *rows: ThreadRow) -> None:
    storage.write_blocking(lambda tx: [tx.threads.insert(row) for row in rows])


def get(storage: Storage, thread_id: str) -> ThreadRow | None:
    return storage.read_blocking(lambda tx: tx.threads.get(thread_id))


def search(storage: Storage, match: ThreadFilter = EVERY, **page: Any) -> list[ThreadRow]:
    return storage.read_blocking(lambda tx: tx.threads.search(match, Page(**page)))


def test_a_thread_comes_back_as_it_was_stored(storage: Storage) -> None:
    row = make_thread(
        metadata={"a": [1, {"b": "ü\u0000"}]},
        config={"tags": []},
        values={"messages": ["hi"]},
        error={"error": "E", "message": "m"},
        interrupts={"t": [{"id": "i", "value": None}]},
        ttl={"ttl": 5, "strategy": "delete"},
        expires_ms=7,
    )
    insert(storage, row, make_thread())
    assert get(storage, row.thread_id) == row
    assert storage.write_blocking(lambda tx: tx.threads.lock(row.thread_id)) == row


def test_an_unknown_thread_is_none(storage: Storage) -> None:
    assert get(storage, "nothing") is None
    assert storage.write_blocking(lambda tx: tx.threads.lock("nothing")) is None


def test_a_taken_thread_id_is_not_overwritten(storage: Storage) -> None:
    row = make_thread(metadata={"n": 1})
    again = make_thread(thread_id=row.thread_id, metadata={"n": 2}, values={"x": 1})
    assert storage.write_blocking(lambda tx: tx.threads.insert(row))
    assert not storage.write_blocking(lambda tx: tx.threads.insert(again))
    assert get(storage, row.thread_id) == row


def test_state_is_mirrored_in_one_go(storage: Storage) -> None:
    row = make_thread()
    insert(storage, row)
    error = {"error": "E", "message": "m"}
    storage.write_blocking(
        lambda tx: tx.threads.set_state(
            row.thread_id,
            status="error",
            values={"x": 1},
            error=error,
            interrupts={"t": []},
            state_updated_at=at(9),
        )
    )
    changed = get(storage, row.thread_id)
    assert changed is not None
    assert (changed.status, changed.values, changed.error) == ("error", {"x": 1}, error)
    assert (changed.updated_at, changed.state_updated_at) == (at(9), at(9))


def test_values_can_become_none_again(storage: Storage) -> None:
    row = make_thread(values={"x": 1})
    insert(storage, row)
    storage.write_blocking(
        lambda tx: tx.threads.set_state(
            row.thread_id,
            status="idle",
            values=None,
            error=None,
            interrupts={},
            state_updated_at=at(1),
        )
    )
    changed = get(storage, row.thread_id)
    assert changed is not None and changed.values is None


def test_status_metadata_and_ttl_change_apart_from_each_other(storage: Storage) -> None:
    row = make_thread(values={"x": 1})
    insert(storage, row)

    storage.write_blocking(lambda tx: tx.threads.set_status(row.thread_id, "busy", at(1)))
    storage.write_blocking(
        lambda tx: tx.threads.set_metadata(row.thread_id, {"a": 1}, {"tags": ["t"]}, at(2))
    )
    storage.write_blocking(lambda tx: tx.threads.set_ttl(row.thread_id, {"ttl": 1}, 60))
    changed = get(storage, row.thread_id)
    assert changed == make_thread(
        thread_id=row.thread_id,
        status="busy",
        metadata={"a": 1},
        config={"tags": ["t"]},
        values={"x": 1},
        updated_at=at(2),
        ttl={"ttl": 1},
        expires_ms=60,
    )


def test_a_deleted_thread_leaves_no_values_to_a_later_one(storage: Storage) -> None:
    row = make_thread(values={"x": 1})
    insert(storage, row)
    assert storage.write_blocking(lambda tx: tx.threads.delete(row.thread_id))
    assert not storage.write_blocking(lambda tx: tx.threads.delete(row.thread_id))
    again = make_thread(thread_id=row.thread_id)
    insert(storage, again)
    assert get(storage, row.thread_id) == again


@pytest.mark.parametrize(
    "sort_by", ["thread_id", "status", "created_at", "updated_at", "state_updated_at"]
)
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("match", [EVERY, ThreadFilter(metadata={"graph_id": "g"})])
def test_threads_are_sorted_by_a_column_then_by_id(
    storage: Storage, sort_by: str, descending: bool, match: ThreadFilter
) -> None:
    rows = [
        make_thread(
            status=["idle", "busy"][n % 2],
            metadata={"graph_id": "g"},
            created_at=at(n % 3),
            updated_at=at(-n % 2),
            state_updated_at=at(n % 4),
        )
        for n in range(6)
    ]
    insert(storage, *rows)
    expected = sorted(
        rows, key=lambda row: (getattr(row, sort_by), row.thread_id), reverse=descending
    )
    assert search(storage, match, sort_by=sort_by, descending=descending) == expected


@pytest.mark.parametrize(
    ("match", "found"),
    [
        (ThreadFilter(), "abc"),
        (ThreadFilter(status="busy"), "b"),
        (ThreadFilter(metadata={"graph_id": "chat"}), "ab"),
        (ThreadFilter(metadata={"graph_id": "chat", "n": "b"}), "b"),
        (ThreadFilter(metadata={"graph_id": ["chat"]}), ""),
        (ThreadFilter(metadata={"assistant_id": "x", "graph_id": "chat"}), "a"),
        (ThreadFilter(metadata={"tags": [2]}), "a"),
        (ThreadFilter(values={"user": {"name": "u"}}), "c"),
        (ThreadFilter(values={"user": {"name": "u"}}, status="busy"), ""),
        (ThreadFilter(thread_ids=[]), ""),
    ],
)
def test_every_part_of_a_thread_filter_must_hold(
    storage: Storage, match: ThreadFilter, found: str
) -> None:
    insert(
        storage,
        make_thread(metadata={"n": "a", "graph_id": "chat", "assistant_id": "x", "tags": [1, 2]}),
        make_thread(metadata={"n": "b", "graph_id": "chat"}, status="busy"),
        make_thread(metadata={"n": "c"}, values={"user": {"name": "u", "age": 3}}),
    )
    rows = search(storage, match, sort_by="thread_id", descending=False)
    assert "".join(row.metadata["n"] for row in rows) == found
    assert storage.read_blocking(lambda tx: tx.threads.count(match)) == len(found)


@pytest.mark.parametrize(
    "match",
    [
        ThreadFilter(status="idle"),
        ThreadFilter(metadata={"tags": [1]}),
        ThreadFilter(values={"n": 1}),
    ],
)
def test_counting_goes_no_further_than_asked(storage: Storage, match: ThreadFilter) -> None:
    insert(storage, *(make_thread(metadata={"tags": [1, n]}, values={"n": 1}) for n in range(5)))
    for at_most, counted in ((3, 3), (5, 5), (9, 5), (None, 5)):
        number = storage.read_blocking(lambda tx, most=at_most: tx.threads.count(match, most))  # type: ignore[misc]
        assert number == counted


def test_threads_can_be_picked_by_id(storage: Storage) -> None:
    rows = [make_thread() for _ in range(4)]
    insert(storage, *rows)
    match = ThreadFilter(thread_ids=[rows[2].thread_id, rows[0].thread_id, "unknown"])
    assert search(storage, match, sort_by="thread_id") == [rows[2], rows[0]]


def test_expired_threads_are_listed_longest_overdue_first(storage: Storage) -> None:
    rows = [make_thread(expires_ms=expires_ms) for expires_ms in (30, 10, 20, 31, None)]
    insert(storage, *rows)

    def expired(limit: int) -> list[str]:
        return storage.read_blocking(lambda tx: tx.threads.expired(30, limit))

    assert expired(9) == [rows[1].thread_id, rows[2].thread_id, rows[0].thread_id]
    assert expired(1) == [rows[1].thread_id]

"""Searching and counting threads by metadata answers as containment does, whatever was written."""

from __future__ import annotations

import random
from typing import Any

import pytest
from storage.rows import at, make_thread

from graphstead.storage.base import Storage
from graphstead.storage.conditions import contains
from graphstead.storage.rows import Json, Page, ThreadFilter

# No whole number as a float beyond 2**53: SQLite compares its bits, Postgres the digits written.
LONG, BIG = "x" * 200, 2**60
VALUES: list[Any] = [
    *("a", "A", "", "1", "true", 'say "hi"', "line\nbreak", "tab\t\\", "zürich 🌊", "nul\0l", LONG),
    *(1, 1.0, -1, 0, 1.5, BIG, BIG + 1, float(2**50), -(2**63), 2**63, 1e300, True, False, None),
    *(["a"], {"b": 1}, [], {}),
]
KEYS = ("plan", "customer id", "", 'q"uote', "back\\slash", "ü", "dotted.key", "k" * 70, "$")


def some_metadata(chance: random.Random) -> Json:
    return {key: chance.choice(VALUES) for key in chance.sample(KEYS, chance.randint(0, 4))}


def write_at_random(storage: Storage, chance: random.Random) -> dict[str, Json]:
    """Insert, change and delete threads; return the metadata of those that are left."""
    left: dict[str, Json] = {}

    def work(tx: Any) -> None:
        for number in range(300):
            metadata, what = some_metadata(chance), chance.random()
            if what < 0.6 or not left:
                row = make_thread(metadata=metadata, updated_at=at(number))
                tx.threads.insert(row)
                tx.threads.insert(make_thread(thread_id=row.thread_id, metadata={"no": "effect"}))
                left[row.thread_id] = metadata
                continue
            thread_id = chance.choice(sorted(left))
            if what < 0.9:
                tx.threads.set_metadata(thread_id, metadata, {}, at(number))
                left[thread_id] = metadata
            else:
                tx.threads.delete(thread_id)
                del left[thread_id]

    storage.write_blocking(work)
    return left


def conditions() -> list[Json]:
    single: list[Json] = [{key: value} for key in KEYS for value in VALUES]
    return [{}, *single, *[{**one, "plan": "a"} for one in single[::7]], {"no": "effect"}]


@pytest.mark.parametrize("seed", range(3))
def test_metadata_find_and_count_what_contains_them(storage: Storage, seed: int) -> None:
    left = write_at_random(storage, random.Random(seed))
    for metadata in conditions():
        match = ThreadFilter(metadata=metadata)
        expected = {key for key, whole in left.items() if contains(whole, metadata)}
        found, count = storage.read_blocking(
            lambda tx, match=match: (  # type: ignore[misc]
                tx.threads.search(match, Page(limit=1000)),
                tx.threads.count(match),
            )
        )
        assert {row.thread_id for row in found} == expected, metadata
        assert count == len(expected), metadata


@pytest.mark.parametrize("sort_by", ["updated_at", "created_at", "thread_id"])
@pytest.mark.parametrize("limit", [1, 3, 50])
def test_pages_have_the_same_order_however_they_are_found(
    storage: Storage, sort_by: str, limit: int
) -> None:
    rows = [
        make_thread(
            metadata={"graph_id": f"g{number % 2}", "rare": number % 20, "n": [number % 3]},
            updated_at=at(number * 7 % 60),
            created_at=at(number * 11 % 60),
        )
        for number in range(60)
    ]
    storage.write_blocking(lambda tx: [tx.threads.insert(row) for row in rows])
    for metadata in ({"graph_id": "g0"}, {"rare": 3}, {"graph_id": "g1", "rare": 3}, {"n": [1]}):
        match = ThreadFilter(metadata=metadata, status="idle")
        page = Page(limit=limit, offset=2, sort_by=sort_by)
        expected = [row for row in rows if contains(row.metadata, metadata)]
        expected.sort(key=lambda row: (getattr(row, sort_by), row.thread_id), reverse=True)
        found = storage.read_blocking(
            lambda tx, match=match, page=page: tx.threads.search(match, page)  # type: ignore[misc]
        )
        assert found == expected[2 : 2 + limit]

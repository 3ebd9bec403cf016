"""Rows found by the condition of a rule, keys, and whose a temporary run was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from storage.rows import make_assistant, make_cron, make_thread

from graphstead.storage.base import Storage
from graphstead.storage.rows import (
    ApiKeyRow,
    AssistantFilter,
    CronFilter,
    EndRow,
    Page,
    ThreadFilter,
)
from graphstead.storage.rules import (
    AnyOf,
    Condition,
    Contains,
    Equals,
    Every,
    as_json,
    from_json,
    met,
)

METADATA: list[dict[str, Any]] = [
    {},
    {"owner": "ada"},
    {"owner": "bob", "public": True},
    {"owner": "ada", "readers": ["bob", "eve"], "level": 3},
    {"owner": ["ada"], "public": 1},
    {"owner": {"name": "ada"}, "level": 3.0},
    {"owner": None, "readers": "bob", "level": 3.5},
    {"owner": "ada", "public": False, "team": "x" * 200},
]
CONDITIONS: list[Condition] = [
    Equals("owner", "ada"),
    Equals("owner", None),
    Equals("owner", ["ada"]),
    Equals("owner", {"name": "ada"}),
    Equals("public", True),
    Equals("level", 3),
    Equals("level", 3.5),
    Equals("team", "x" * 200),
    Contains("readers", ("bob",)),
    Contains("readers", ("eve", "bob")),
    Contains("readers", ("eve", "zoe")),
    Contains("readers", ()),
    Every((Equals("owner", "ada"), Equals("level", 3))),
    AnyOf((Equals("owner", "ada"), Equals("public", True))),
    Every((Equals("owner", "ada"), AnyOf((Equals("level", 3), Contains("readers", ("x",)))))),
]
each_condition = pytest.mark.parametrize("condition", CONDITIONS, ids=str)
ALL = Page(limit=100)
Row = TypeVar("Row")


@each_condition
def test_a_condition_survives_json(condition: Condition) -> None:
    assert from_json(as_json(condition)) == condition


@each_condition
@pytest.mark.parametrize("asked", [None, {"owner": "ada"}, {"level": 3}], ids=str)
@pytest.mark.parametrize("order", ["created_at", "updated_at"])
async def test_threads_are_found_and_counted_by_a_condition(
    storage: Storage, condition: Condition, asked: Any, order: str
) -> None:
    rows = [make_thread(metadata=metadata) for metadata in METADATA]
    await storage.write(lambda tx: [tx.threads.insert(row) for row in rows])
    match = ThreadFilter(metadata=asked, access=condition)
    plain = ThreadFilter(metadata=asked)
    found, count, without = await storage.read(
        lambda tx: (
            tx.threads.search(match, Page(limit=100, sort_by=order)),
            tx.threads.count(match),
            tx.threads.search(plain, ALL),
        )
    )
    wanted = {row.thread_id for row in without if met(condition, row.metadata)}
    assert {row.thread_id for row in found} == wanted
    assert count == len(wanted)


@each_condition
async def test_assistants_are_found_and_counted_by_a_condition(
    storage: Storage, condition: Condition
) -> None:
    rows = [make_assistant(metadata=metadata) for metadata in METADATA]
    await storage.write(lambda tx: [tx.assistants.insert(row) for row in rows])
    match = AssistantFilter(access=condition)
    found, count = await storage.read(
        lambda tx: (tx.assistants.search(match, ALL), tx.assistants.count(match))
    )
    wanted = {row.assistant_id for row in rows if met(condition, row.metadata)}
    assert {row.assistant_id for row in found} == wanted
    assert count == len(wanted)


async def test_crons_are_found_by_their_own_and_their_threads_metadata(storage: Storage) -> None:
    threads = [make_thread(metadata={"owner": name}) for name in ("ada", "bob")]
    rows = [
        make_cron(metadata={"owner": "ada"}),
        make_cron(metadata={"owner": "bob"}),
        make_cron(metadata={"owner": "ada"}, thread_id=threads[0].thread_id),
        make_cron(metadata={"owner": "ada"}, thread_id=threads[1].thread_id),
    ]
    await storage.write(lambda tx: [tx.threads.insert(row) for row in threads])
    await storage.write(lambda tx: each(tx.crons.insert, rows))
    own = Equals("owner", "ada")
    found, both = await storage.read(
        lambda tx: (
            tx.crons.search(CronFilter(access=own), ALL),
            tx.crons.search(CronFilter(access=own, thread_access=own), ALL),
        )
    )
    assert {row.cron_id for row in found} == {row.cron_id for row in (rows[0], *rows[2:])}
    assert {row.cron_id for row in both} == {rows[0].cron_id, rows[2].cron_id}


async def test_an_end_remembers_whose_a_temporary_run_was(storage: Storage) -> None:
    rows = [
        EndRow("r1", "t1", "success", 1, b"null", metadata={"owner": "ada"}),
        EndRow("r2", "t1", "success", 2, b"null"),
    ]
    await storage.write(lambda tx: each(tx.events.end, rows))
    assert await storage.read(lambda tx: [tx.events.ended(row.run_id) for row in rows]) == rows


def each(store: Callable[[Row], None], rows: list[Row]) -> None:
    for row in rows:
        store(row)


def key(key_id: str, created_ms: int, **fields: Any) -> ApiKeyRow:
    return ApiKeyRow(key_id, b"\0" * 32, "ada", "laptop", ("p",), created_ms, **fields)


async def test_keys_are_added_once_listed_used_and_ended(storage: Storage) -> None:
    old, new = key("a", 1, expires_ms=9), key("b", 2)
    added = await storage.write(
        lambda tx: [tx.keys.add(old), tx.keys.add(new), tx.keys.add(key("a", 3))]
    )
    assert added == [True, True, False]
    assert await storage.read(lambda tx: tx.keys.list(9)) == [new, old]
    assert await storage.read(lambda tx: tx.keys.list(1)) == [new]
    assert await storage.read(lambda tx: tx.keys.get("none")) is None

    ended = await storage.write(
        lambda tx: [tx.keys.revoke("a", 5), tx.keys.revoke("a", 6), tx.keys.revoke("none", 7)]
    )
    await storage.write(lambda tx: tx.keys.used("b", 8))

    assert ended == [True, False, False]
    assert await storage.read(lambda tx: tx.keys.get("a")) == key(
        "a", 1, expires_ms=9, revoked_ms=5
    )
    assert await storage.read(lambda tx: tx.keys.get("b")) == key("b", 2, last_used_ms=8)

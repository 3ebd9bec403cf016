"""Every query finds its rows by an index: EXPLAIN QUERY PLAN over all named and composed ones."""

from __future__ import annotations

import itertools
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from graphstead.storage.queries import Query, load
from graphstead.storage.sqlite.opening import open_writer
from graphstead.storage.sqlite.statements import QUERIES, composed

COMPOSED = ("assistants.search", "assistants.count", "threads.search", "threads.count",
            "threads.count_some", "threads.search_ids", "checkpoints.list", "store.search",
            "store.search_by_meaning", "store.namespaces",
            "crons.search", "crons.count")  # fmt: skip
LARGE = (
    r"(threads|runs|events|checkpoints|checkpoint_blobs|checkpoint_writes|ends"
    r"|numbered_runs|store_items|store_vectors)"
)
MAY_WALK = {
    "threads.search by thread_id": "walks the key in order up to its limit",
    "threads.search_ids member by thread_id": "the same",
    "runs.by_status": "for statuses of ended runs; follows the key up to its limit",
    "checkpoints.list across threads": "only the saver's own interface asks for it",
    "store.search_by_meaning of everything": "compares every vector there is with the query",
    "store.namespaces of everything": "over the primary key, once per item",
    "threads.count of everything": "counts the whole table, over its smallest index",
}


def statements() -> Iterator[tuple[str, str]]:
    for name, query in QUERIES.items():
        if name in COMPOSED or ".where_" in name or ".order_" in name or name.endswith("columns"):
            continue
        yield name, query.sql


def searches() -> Iterator[tuple[str, str]]:
    filters = [(), ("status",), ("thread_ids",), ("graph_id", "metadata"),
               ("assistant_id", "metadata"), ("metadata",), ("values",)]  # fmt: skip
    orders = ["thread_id", "status", "created_at", "updated_at", "state_updated_at"]
    for parts, order, way in itertools.product(filters, orders, ["asc", "desc"]):
        conditions = tuple(f"threads.where_{part}" for part in parts)
        sql = composed("threads.search", conditions, f"threads.order_{order}", way)
        yield f"threads.search {parts} by {order} {way}", sql
    for parts, order in itertools.product([(), ("metadata",), ("status", "metadata")], orders):
        conditions = tuple(f"threads.where_{part}" for part in ("label", *parts))
        sql = composed("threads.search_ids", conditions, f"threads.order_{order}", "desc")
        yield f"threads.search_ids label {parts} by {order} desc", sql
        for name in ("threads.count", "threads.count_some"):
            yield f"{name} label {parts} {order}", composed(name, conditions)
        conditions = tuple(f"threads.where_{part}" for part in ("member", *parts))
        sql = composed("threads.search_ids", conditions, f"threads.order_{order}", "desc")
        yield f"threads.search_ids member {parts} by {order} desc", sql
    for rest in ((), ("checkpoint_id",), ("before", "metadata")):
        conditions = tuple(f"checkpoints.where_{p}" for p in ("thread_id", "checkpoint_ns", *rest))
        yield f"checkpoints.list {rest}", composed("checkpoints.list", conditions)
    yield (
        "checkpoints.list of all namespaces",
        composed("checkpoints.list", ("checkpoints.where_thread_id",)),
    )


def store_searches() -> Iterator[tuple[str, str]]:
    alive, prefix, match = ("store.where_alive", "store.where_prefix", "store.where_filter")
    for name in ("store.search", "store.search_by_meaning", "store.namespaces"):
        yield f"{name} of everything", composed(name, (alive,))
        yield f"{name} below", composed(name, (alive, prefix))
        yield f"{name} below with filter", composed(name, (alive, prefix, match))


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    opened = open_writer(Path(tmp_path_factory.mktemp("plans")) / "rows.sqlite")
    yield opened
    opened.close()


def plan(connection: sqlite3.Connection, sql: str) -> list[str]:
    values = dict.fromkeys(re.findall(r":([a-z_]+)", sql))
    return [row[3] for row in connection.execute(f"explain query plan {sql}", values)]


@pytest.mark.parametrize(
    ("name", "sql"),
    [*statements(), *searches(), *store_searches()],
    ids=lambda value: value.split("\n")[0][:60],
)
def test_no_query_walks_a_whole_table(connection: sqlite3.Connection, name: str, sql: str) -> None:
    name = re.sub(r" \(.*\) by thread_id .*", " by thread_id", name)
    walks = [
        step
        for step in plan(connection, sql)
        if re.match(rf"SCAN {LARGE}\b(?! USING (COVERING )?INDEX {LARGE}_)", step)
    ]
    assert name in MAY_WALK or not walks, walks


@pytest.mark.parametrize(
    ("name", "sql"), [*searches()], ids=lambda value: value.split("\n")[0][:60]
)
def test_a_search_that_walks_an_index_need_not_sort(
    connection: sqlite3.Connection, name: str, sql: str
) -> None:
    steps = plan(connection, sql)
    if any(re.match(rf"SCAN {LARGE}", step) for step in steps):
        assert "USE TEMP B-TREE FOR ORDER BY" not in steps, steps


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("runs.claimable", "runs_claimable"),
        ("runs.next_start_ms", "runs_claimable"),
        ("runs.running", "runs_one_running"),
        ("runs.active", "runs_active"),
        ("runs.has_active", "runs_active"),
        ("runs.must_wait", "runs_active"),
        ("runs.next_blocked", "runs_active"),
        ("runs.list", "runs_of_thread"),
        ("runs.orphans", "runs_"),
        ("runs.of_worker", "runs_of_worker"),
        ("runs.cancels_of", "runs_of_worker"),
        ("runs.by_active_status", "runs_active"),
        ("runs.active_ids", "runs_active"),
        ("runs.counts", "runs_active"),
        ("runs.unstopped", "runs_live_of_assistant"),
        ("events.purgeable", "ends_by_time"),
        ("crons.due", "crons_due"),
        ("deliveries.take", "deliveries_due"),
        ("deliveries.next_ms", "deliveries_due"),
        ("crons.next_ms", "crons_due"),
        ("checkpoints.namespaces_of_run", "checkpoints_of_run"),
        ("store.expired", "store_items_by_expiry"),
    ],
)
def test_the_busiest_queries_use_the_index_made_for_them(
    connection: sqlite3.Connection, name: str, index: str
) -> None:
    steps = plan(connection, QUERIES[name].sql)
    assert any(index in step for step in steps), steps


def test_a_search_by_a_label_begins_with_it(connection: sqlite3.Connection) -> None:
    found = {name: plan(connection, sql) for name, sql in searches() if " label " in name}
    begin = {name: " ".join(steps[:4]) for name, steps in found.items()}
    assert [name for name, steps in begin.items() if "SEARCH thread_labels" not in steps] == []


@pytest.mark.parametrize("query", QUERIES.values(), ids=lambda query: query.name)
def test_every_query_is_described(query: Query) -> None:
    assert query.description.endswith(".")
    assert query.sql


def test_a_dialect_replaces_the_portable_text_alone() -> None:
    portable, special = load("postgres"), load("sqlite")
    # What is several statements of one topic elsewhere, and one of several tables there.
    at_once = {"runs.enter", "runs.take", "threads.settle"}
    # What Postgres alone knows: which runs have their events in Redis.
    elsewhere = {name for name in portable if name.startswith("streams.")}
    assert portable.keys() == special.keys() | at_once | elsewhere
    assert portable["checkpoints.size"] != special["checkpoints.size"]
    assert portable["runs.get"] == special["runs.get"]

"""LangGraph's store interface over our storage: batches, lifetimes, namespaces, vectors."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from engine.resting import NOON_MS, StoppedClock
from langgraph.store.base import (
    GetOp,
    InvalidNamespaceError,
    Item,
    ListNamespacesOp,
    MatchCondition,
    PutOp,
    SearchOp,
    ensure_embeddings,
)

from graphstead.engine.embedding import Embedder
from graphstead.engine.graph_store import GraphStore
from graphstead.engine.store_ops import MINUTE_MS
from graphstead.graphs.store_config import StoreIndex, StoreTtl
from graphstead.problems import ServerError
from graphstead.storage.base import Storage

PLACE = ("users", "ada")


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock(NOON_MS)


@pytest.fixture
def store(storage: Storage, clock: StoppedClock) -> GraphStore:
    return GraphStore(storage, clock, StoreTtl())


def letters(texts: Sequence[str]) -> list[list[float]]:
    return [[float(text.count("a")), float(text.count("b"))] for text in texts]


def make_indexed(storage: Storage, function: Any, **index: Any) -> GraphStore:
    embedder = Embedder(ensure_embeddings(function), StoreIndex("", 2, **index))
    return GraphStore(storage, StoppedClock(NOON_MS), StoreTtl(), embedder)


async def test_a_batch_is_carried_out_in_order(store: GraphStore) -> None:
    get = GetOp(PLACE, "k")
    results = await store.abatch(
        [get, PutOp(PLACE, "k", {"n": 1}), get, PutOp(PLACE, "k", None), get]
    )
    assert [isinstance(one, Item) for one in results] == [False, False, True, False, False]


async def test_a_batch_that_fails_writes_nothing(store: GraphStore) -> None:
    with pytest.raises(TypeError):
        await store.abatch([PutOp(PLACE, "k", {"n": 1}), PutOp(PLACE, "l", {"n": object()})])
    assert await store.aget(PLACE, "k") is None


@pytest.mark.parametrize("value", ["a bare text", [1, 2], 7])
async def test_a_value_that_is_no_dict_is_refused_by_name(store: GraphStore, value: Any) -> None:
    expected = f"item 'k' in 'users.ada' must be a dict, not a {type(value).__name__}"
    with pytest.raises(ValueError, match=expected):
        await store.aput(PLACE, "k", value)
    with pytest.raises(ValueError, match=expected):
        await asyncio.to_thread(store.put, PLACE, "k", value)


def test_threads_without_a_loop_use_the_same_store(store: GraphStore) -> None:
    workers = [
        threading.Thread(target=store.put, args=(PLACE, f"k{n}", {"n": n})) for n in range(8)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(store.search(PLACE, limit=100)) == 8
    assert store.list_namespaces() == [PLACE]


async def test_several_loops_use_the_same_store(store: GraphStore) -> None:
    def other(n: int) -> None:
        asyncio.run(store.aput(PLACE, f"k{n}", {"n": n}))

    await asyncio.gather(*(asyncio.to_thread(other, n) for n in range(4)))
    assert len(await store.asearch(PLACE)) == 4


@pytest.mark.parametrize(
    "op",
    [
        GetOp(("users.ada",), "k"),
        PutOp(("users", ""), "k", {}),
        SearchOp(("users.ada",)),
        ListNamespacesOp((MatchCondition("suffix", ("a.b",)),)),
    ],
)
async def test_a_label_that_would_name_another_namespace_is_refused(
    store: GraphStore, op: Any
) -> None:
    with pytest.raises(InvalidNamespaceError, match="Namespace label"):
        await store.abatch([op])


async def test_the_longest_place_is_stored_and_a_longer_one_refused(store: GraphStore) -> None:
    key = "".join(chr(33 + n * 7919 % 90) for n in range(1_900))
    await store.aput(PLACE, key, {"n": 1})
    assert await store.aget(PLACE, key) is not None
    with pytest.raises(ValueError, match="at most 2000 bytes together"):
        await store.aput(PLACE, key + "x" * 200, {"n": 1})
    assert await store.aget(PLACE, key + "x" * 200) is None


async def test_graphs_are_told_of_an_unfit_filter_by_a_value_error(store: GraphStore) -> None:
    with pytest.raises(ValueError, match="Unsupported operator"):
        await store.asearch(PLACE, filter={"n": {"$in": [1]}})


async def test_a_time_to_live_ends_an_item_unless_it_is_read(
    storage: Storage, clock: StoppedClock
) -> None:
    store = GraphStore(storage, clock, StoreTtl(default_minutes=10))
    for key in ("read", "found", "left"):
        await store.aput((key,), key, {})
    await store.aput(("ever",), "ever", {}, ttl=None)
    for _ in range(3):
        clock.at_ms += 6 * MINUTE_MS
        assert await store.aget(("read",), "read") is not None
        assert await store.asearch(("found",))
        await store.aget(("left",), "left", refresh_ttl=False)
    assert store.list_namespaces() == [("ever",), ("found",), ("read",)]
    clock.at_ms += 11 * MINUTE_MS
    assert await store.aget(("read",), "read") is None


async def test_reading_prolongs_nothing_where_the_project_says_so(
    storage: Storage, clock: StoppedClock
) -> None:
    store = GraphStore(storage, clock, StoreTtl(10, refresh_on_read=False))
    await store.aput(PLACE, "k", {})
    clock.at_ms += 6 * MINUTE_MS
    assert await store.aget(PLACE, "k") is not None
    clock.at_ms += 6 * MINUTE_MS
    assert await store.aget(PLACE, "k") is None


async def test_an_endless_lifetime_is_bounded_by_a_century(
    store: GraphStore, clock: StoppedClock
) -> None:
    await store.aput(PLACE, "k", {}, ttl=1e300)
    clock.at_ms += 1000 * 365 * 1440 * MINUTE_MS // 11
    assert await store.aget(PLACE, "k") is not None


async def test_what_is_swept_takes_its_vectors_along(storage: Storage) -> None:
    store = make_indexed(storage, letters)
    await store.aput(PLACE, "k", {"text": "ab"}, ttl=1)
    assert not storage.read_blocking(lambda tx: tx.store.is_expired(NOON_MS))
    later_ms = NOON_MS + 2 * MINUTE_MS
    assert storage.read_blocking(lambda tx: tx.store.is_expired(later_ms))
    assert storage.write_blocking(lambda tx: tx.store.purge(later_ms, 10)) == 1
    await store.aput(PLACE, "k", {"text": "new"}, index=False)
    (item,) = await store.asearch(PLACE, query="a")
    assert (item.value, item.score) == ({"text": "new"}, None)
    store.close()


async def test_the_best_of_several_texts_counts(storage: Storage) -> None:
    store = make_indexed(storage, letters, fields=("parts[*].text", "title"))
    parts = [{"text": "aaa"}, {"text": "bbb"}]
    await store.aput(PLACE, "both", {"parts": parts, "title": "ab"})
    await store.aput(PLACE, "none", {"parts": [], "title": ""})
    found = await store.asearch(PLACE, query="b")
    assert [(item.key, item.score) for item in found] == [
        ("both", pytest.approx(1)),
        ("none", None),
    ]
    store.close()


async def test_an_asynchronous_embedding_serves_synchronous_callers(storage: Storage) -> None:
    loops: set[int] = set()

    async def embed(texts: Sequence[str]) -> list[list[float]]:
        loops.add(id(asyncio.get_running_loop()))
        return letters(texts)

    store = make_indexed(storage, embed)
    store.put(PLACE, "k", {"text": "aa"})
    assert store.search(PLACE, query="a")[0].score == pytest.approx(0.994, abs=0.01)
    assert await store.asearch(PLACE, query="a")
    assert len(loops) == 1
    store.close()


async def test_vectors_of_another_size_are_refused_or_passed_over(storage: Storage) -> None:
    store = make_indexed(storage, letters)
    await store.aput(PLACE, "old", {"text": "ab"})
    store.close()
    wide = make_indexed(storage, lambda texts: [[1.0, 2.0, 3.0] for _ in texts])
    with pytest.raises(ServerError, match=r"made a vector of 3 numbers, store\.index\.dims says 2"):
        await wide.aput(PLACE, "k", {"text": "ab"})
    wide.close()
    embedder = Embedder(ensure_embeddings(lambda texts: [[1.0, 2.0, 3.0]]), StoreIndex("", 3))
    changed = GraphStore(storage, StoppedClock(NOON_MS), StoreTtl(), embedder)
    assert [item.score for item in await changed.asearch(PLACE, query="a")] == [None]
    changed.close()

"""The store over the SDK, from graphs, across processes and restarts."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from factories import until
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import BadRequestError, UnprocessableEntityError
from servers import Server, until_true

MakeServer = Callable[..., Server]
MEMORY = Path(__file__).parent / "memory" / "langgraph.json"


@pytest.fixture
async def client(server: Server) -> AsyncIterator[LangGraphClient]:
    async with get_client(url=server.url) as one:
        yield one


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose store has an index and lets items live ten hours."""
    running = Server(tmp_path_factory.mktemp("memory") / "data", config=MEMORY).start()
    yield running
    assert running.stop() == 0, running.log


@pytest.fixture
async def indexed(memory: Server) -> AsyncIterator[LangGraphClient]:
    async with get_client(url=memory.url) as one:
        yield one


@pytest.fixture
def root() -> str:
    """A first label that no other test uses."""
    return f"test-{uuid.uuid4()}"


async def fill(client: LangGraphClient, root: str, *paths: str, **value: Any) -> None:
    for path in paths:
        await client.store.put_item([root, *path.split("/")], key="k", value=value or {"n": 1})


async def lend(client: LangGraphClient, namespace: list[str], minutes: Any) -> None:
    """Write an item for some minutes; the SDK's types know whole ones alone."""
    await client.store.put_item(namespace, key="k", value={"n": 1}, ttl=minutes)


async def keys_of(client: LangGraphClient, root: str, **search: Any) -> list[str]:
    found = await client.store.search_items([root], **search)
    return sorted(item["key"] for item in found["items"])


async def test_an_item_is_written_replaced_and_removed(client: LangGraphClient, root: str) -> None:
    await client.store.put_item([root, "a"], key="k", value={"n": 1})
    first = await client.store.get_item([root, "a"], key="k")
    assert (first["namespace"], first["key"], first["value"]) == ([root, "a"], "k", {"n": 1})
    await client.store.put_item([root, "a"], key="k", value={"m": [None, {"deep": "ü"}]})
    second = await client.store.get_item([root, "a"], key="k")
    assert second["value"] == {"m": [None, {"deep": "ü"}]}
    assert second["created_at"] == first["created_at"] < second["updated_at"]
    for _ in range(2):
        await client.store.delete_item([root, "a"], key="k")
    assert await client.store.get_item([root, "a"], key="k") is None


def test_an_item_that_is_not_there_is_null(server: Server, root: str) -> None:
    answer = server.get("/store/items", params={"namespace": root, "key": "k"})
    assert (answer.status_code, answer.content) == (200, b"null")
    answer = server.call("DELETE", "/store/items", json={"key": "k"})
    assert (answer.status_code, answer.content) == (204, b"")


async def test_a_namespace_is_below_another_by_labels_alone(
    client: LangGraphClient, root: str
) -> None:
    await fill(client, root, "1", "1/a", "10", "1-a")
    found = await client.store.search_items([root, "1"])
    assert sorted(item["namespace"][1:] for item in found["items"]) == [["1"], ["1", "a"]]
    assert len((await client.store.search_items([root]))["items"]) == 4


@pytest.mark.parametrize(
    ("condition", "keys"),
    [
        ({"n": 2}, ["two"]),
        ({"n": {"$eq": 2}}, ["two"]),
        ({"n": {"$ne": 2}}, ["one", "three"]),
        ({"n": {"$gt": 1}}, ["three", "two"]),
        ({"n": {"$gte": 2, "$lt": 3}}, ["two"]),
        ({"n": {"$lte": 1.0}}, ["one"]),
        ({"n": {"$lt": "2"}}, []),
        ({"n": True}, []),
        ({"day": {"$gte": "2026-11-02"}}, ["three"]),
        ({"tags": ["a", "b"]}, ["one"]),
        ({"at": {"floor": {"$gt": 3}}}, ["three"]),
        ({"at": {"floor": 1}, "n": 1}, ["one"]),
        ({"nothing": None}, ["none"]),
        ({"nothing": {"$ne": 1}}, ["none"]),
        ({}, ["none", "one", "three", "two"]),
    ],
)
async def test_a_filter_compares_members_of_the_value(
    client: LangGraphClient, root: str, condition: dict[str, Any], keys: list[str]
) -> None:
    one = {"n": 1, "day": "2026-11-01", "tags": ["a", "b"], "at": {"floor": 1, "room": 2}}
    three = {"n": 3, "day": "2026-11-03", "at": {"floor": 4}}
    values: dict[str, Any] = {
        "one": one,
        "two": {"n": 2},
        "three": three,
        "none": {"nothing": None},
    }
    for key, value in values.items():
        await client.store.put_item([root], key=key, value=value)
    assert await keys_of(client, root, filter=condition) == keys


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ({"n": {"$in": [1]}}, r"Unsupported operator: \$in"),
        ({"n": {"$gt": 1, "plain": 2}}, "Unsupported operator: plain"),
        ({"$and": [{"n": 1}]}, r"Unsupported operator: \$and"),
        ({"at": {"floor": {"$near": 1}}}, r"Unsupported operator: \$near"),
        ({"n": {"$gt": None}}, r"\$gt compares with a number or a text"),
        ({"n": {"$lt": [1]}}, r"\$lt compares with a number or a text"),
    ],
)
async def test_an_operator_that_is_not_known_refuses_the_search(
    client: LangGraphClient, condition: dict[str, Any], told: str
) -> None:
    with pytest.raises(BadRequestError, match=told):
        await client.store.search_items(["anywhere"], filter=condition)


def test_a_filter_too_deep_to_judge_is_refused(server: Server) -> None:
    condition: dict[str, Any] = {}
    for _ in range(60):
        condition = {"a": condition}
    answer = server.post("/store/items/search", {"filter": condition})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


async def test_a_range_on_a_member_that_is_missing_does_not_match(
    client: LangGraphClient, root: str
) -> None:
    await client.store.put_item([root], key="with", value={"n": 5})
    await client.store.put_item([root], key="without", value={"m": 5})
    assert await keys_of(client, root, filter={"n": {"$gt": 1}}) == ["with"]
    assert await keys_of(client, root, filter={"n": {"$ne": 1}}) == ["with"]


async def test_items_come_last_written_first_page_by_page(
    client: LangGraphClient, root: str
) -> None:
    for key in "abcde":
        await client.store.put_item([root], key=key, value={})
    await client.store.put_item([root], key="b", value={"again": True})
    bounds = [(2, 0), (2, 2), (10, 4), (10, 9)]
    found = [
        await client.store.search_items([root], limit=limit, offset=offset)
        for limit, offset in bounds
    ]
    pages = [[item["key"] for item in page["items"]] for page in found]
    assert pages == [["b", "e"], ["d", "c"], ["a"], []]


def test_a_search_for_nothing_in_particular_finds_every_item(server: Server, root: str) -> None:
    body = {"namespace": [root], "key": "k", "value": {}}
    assert server.call("PUT", "/store/items", json=body).status_code == 204
    searches: list[dict[str, Any]] = [{}, {"namespace_prefix": None}, {"namespace_prefix": []}]
    for search in searches:
        items = server.post("/store/items/search", search).json()["items"]
        assert items[0]["namespace"] == [root]
    far = server.post("/store/items/search", {"offset": 2**53 - 1})
    assert far.json() == {"items": []}


async def test_namespaces_are_listed_by_both_ends_and_cut_to_a_depth(
    client: LangGraphClient, root: str
) -> None:
    await fill(client, root, "a/notes", "a/notes/old", "b/notes", "b/mail", "a-b/notes")

    async def listed(**options: Any) -> list[str]:
        prefix = [root, *options.pop("below", [])]
        found = await client.store.list_namespaces(prefix=prefix, **options)
        return ["/".join(labels[1:]) for labels in found["namespaces"]]

    assert await listed() == ["a/notes", "a/notes/old", "a-b/notes", "b/mail", "b/notes"]
    assert await listed(suffix=["notes"]) == ["a/notes", "a-b/notes", "b/notes"]
    assert await listed(below=["*", "notes"]) == ["a/notes", "a/notes/old", "a-b/notes", "b/notes"]
    assert await listed(below=["b"], suffix=["*", "mail"]) == ["b/mail"]
    assert await listed(max_depth=2) == ["a", "a-b", "b"]
    assert await listed(max_depth=2, limit=1, offset=1) == ["a-b"]
    await client.store.delete_item([root, "b", "mail"], key="k")
    assert await listed(below=["b"]) == ["b/notes"]


async def test_the_namespace_of_the_server_itself_is_not_written(client: LangGraphClient) -> None:
    with pytest.raises(BadRequestError, match="langgraph"):
        await client.store.put_item(["langgraph", "x"], key="k", value={})
    assert await client.store.get_item(["langgraph", "x"], key="k") is None


@pytest.mark.parametrize(
    "body",
    [
        {"namespace": [], "key": "k", "value": {}},
        {"namespace": ["a.b"], "key": "k", "value": {}},
        {"namespace": [""], "key": "k", "value": {}},
        {"namespace": ["a"], "key": "", "value": {}},
        {"namespace": ["a"], "key": "k", "value": []},
        {"namespace": ["a"], "key": "k", "value": {}, "index": True},
        {"namespace": ["a"], "key": "k", "value": {}, "ttl": -1},
    ],
)
def test_an_item_that_cannot_be_is_refused_as_json(server: Server, body: dict[str, Any]) -> None:
    answer = server.call("PUT", "/store/items", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"]


def test_an_item_is_read_by_namespace_and_key_alone(server: Server) -> None:
    for params in ({"namespace": "a"}, {"key": "k"}, {"namespace": "a..b", "key": "k"}):
        answer = server.get("/store/items", params=params)
        assert (answer.status_code, answer.json()["code"]) == (422, "unprocessable")


async def test_an_item_is_gone_when_its_time_is_up(client: LangGraphClient, root: str) -> None:
    await lend(client, [root, "long"], 5)
    await client.store.put_item([root, "ever"], key="k", value={"n": 1})
    await lend(client, [root, "short"], 0.1)
    assert await client.store.get_item([root, "short"], key="k", refresh_ttl=False) is not None

    async def gone() -> bool:
        return await client.store.get_item([root, "short"], key="k", refresh_ttl=False) is None

    assert await until(gone)
    assert await client.store.get_item([root, "short"], key="k") is None
    found = await client.store.search_items([root])
    assert [item["namespace"][1] for item in found["items"]] == ["ever", "long"]
    namespaces = await client.store.list_namespaces(prefix=[root])
    assert namespaces["namespaces"] == [[root, "ever"], [root, "long"]]


async def test_an_item_written_after_its_time_is_a_new_one(
    client: LangGraphClient, root: str
) -> None:
    await lend(client, [root], 0.002)
    await asyncio.sleep(0.2)
    await client.store.put_item([root], key="k", value={"n": 2})
    item = await client.store.get_item([root], key="k")
    assert item["created_at"] == item["updated_at"]


async def test_reading_begins_the_time_of_an_item_anew(client: LangGraphClient, root: str) -> None:
    for key in ("read", "found", "left"):
        await lend(client, [root, key], 0.1)

    async def left_is_gone() -> bool:
        """Read what is to live on, and look at the other in ways that prolong nothing."""
        assert await client.store.get_item([root, "read"], key="k") is not None
        assert (await client.store.search_items([root, "found"]))["items"]
        await client.store.search_items([root, "left"], refresh_ttl=False)
        left = await client.store.get_item([root, "left"], key="k", refresh_ttl=False)
        return left is None

    assert await until(left_is_gone)
    assert await client.store.get_item([root, "read"], key="k") is not None
    assert (await client.store.search_items([root, "found"]))["items"]


def test_expired_items_are_swept_from_the_database(memory: Server, root: str) -> None:
    body = {"namespace": [root], "key": "k", "value": {"text": "a boat"}, "ttl": 0.002}
    assert memory.call("PUT", "/store/items", json=body).status_code == 204

    def rows(table: str) -> int:
        query = f"select count(*) from {table} where namespace = ?"
        return int(memory.rows(query, root)[0][0])

    until_true(lambda: not rows("store_items") and not rows("store_vectors"))


async def test_a_query_without_an_index_changes_nothing(client: LangGraphClient, root: str) -> None:
    await fill(client, root, "a", "b")
    found = await client.store.search_items([root], query="boats")
    assert [(item["namespace"][1], item["score"]) for item in found["items"]] == [
        ("b", None),
        ("a", None),
    ]


async def test_a_query_finds_by_meaning_and_leaves_what_is_not_indexed_last(
    indexed: LangGraphClient, root: str
) -> None:
    texts = {"travel": "The ferry by morning.", "drinks": "Tea, or coffee.", "both": "tea ship"}
    for key, text in texts.items():
        await indexed.store.put_item([root], key=key, value={"text": text})
    await indexed.store.put_item([root], key="hidden", value={"text": "a boat"}, index=False)
    await indexed.store.put_item([root], key="other", value={"text": "cat", "more": "sail"},
                                 index=["more"])  # fmt: skip
    found = await indexed.store.search_items([root], query="to sail", limit=10)
    scores = {item["key"]: item["score"] for item in found["items"]}
    assert scores["travel"] == scores["other"] == pytest.approx(1)
    assert scores["both"] == pytest.approx(0.7071, abs=1e-3)
    assert scores["drinks"] == 0
    assert [item["key"] for item in found["items"]] == [
        "other",
        "travel",
        "both",
        "drinks",
        "hidden",
    ]
    assert found["items"][-1]["score"] is None
    page = await indexed.store.search_items(
        [root], query="to sail", filter={"text": {"$ne": "cat"}}, limit=1, offset=1
    )
    assert [item["key"] for item in page["items"]] == ["both"]


async def test_a_replaced_item_is_found_by_what_it_says_now(
    indexed: LangGraphClient, root: str
) -> None:
    await indexed.store.put_item([root], key="k", value={"text": "boat"})
    await indexed.store.put_item([root], key="k", value={"text": "dog"})
    found = await indexed.store.search_items([root], query="pet")
    assert [item["score"] for item in found["items"]] == [pytest.approx(1)]
    found = await indexed.store.search_items([root], query="boat")
    assert [item["score"] for item in found["items"]] == [0]


async def test_a_graph_writes_and_finds_what_clients_see(
    indexed: LangGraphClient, root: str
) -> None:
    await indexed.store.put_item(["diary", root], key="before", value={"text": "tea"})
    given = {"owner": root, "key": "now", "text": "The ship sails.", "query": "boat"}
    state: Any = await indexed.runs.wait(None, "diary", input=given)
    assert [one["key"] for one in state["found"]] == ["now", "before"]
    assert state["found"][0]["score"] == pytest.approx(1)
    item = await indexed.store.get_item(["diary", root], key="now")
    assert item["value"] == {"text": "The ship sails."}


async def test_a_factory_and_a_reader_of_state_have_the_store_too(
    indexed: LangGraphClient,
) -> None:
    await indexed.store.put_item(["diary", "made"], key="k1", value={"text": "tea"})
    thread = await indexed.threads.create()
    state: Any = await indexed.runs.wait(thread["thread_id"], "made_diary", input={"owner": "x"})
    assert state["keys"] == ["k1"]
    shown: Any = await indexed.threads.get_state(thread["thread_id"])
    assert shown["values"]["keys"] == ["k1"]


async def test_items_written_at_once_are_all_there(client: LangGraphClient, root: str) -> None:
    writes = (
        client.store.put_item([root, str(n % 3)], key=f"k{n}", value={"n": n}) for n in range(60)
    )
    await asyncio.gather(*writes)
    assert len(await keys_of(client, root, limit=100)) == 60


def test_items_survive_a_kill(make_server: MakeServer, root: str) -> None:
    server = make_server(config=MEMORY)
    body = {"namespace": [root], "key": "k", "value": {"text": "a boat"}}
    assert server.call("PUT", "/store/items", json=body).status_code == 204
    server.restart(kill=True)
    (item,) = server.post("/store/items/search", {"query": "ship"}).json()["items"]
    assert (item["value"], item["score"]) == ({"text": "a boat"}, pytest.approx(1))


def test_api_processes_and_workers_share_one_store(make_server: MakeServer, root: str) -> None:
    server = make_server("--api-workers", "2", command="serve", config=MEMORY)
    for n in range(8):
        given = {"owner": root, "key": f"k{n}", "text": "tea"}
        body = {"assistant_id": "diary", "input": given}
        assert len(server.post("/runs/wait", body).json()["found"]) == n + 1
        answer = server.get("/store/items", params={"namespace": f"diary.{root}", "key": f"k{n}"})
        assert answer.json()["value"] == {"text": "tea"}
    for n in range(4):
        body = {"namespace": ["diary", root], "key": f"k{n}"}
        assert server.call("DELETE", "/store/items", json=body).status_code == 204
        found = server.post("/store/items/search", {"namespace_prefix": ["diary", root]}).json()
        assert len(found["items"]) == 7 - n


async def test_two_servers_over_one_file_see_each_others_items(
    make_server: MakeServer, root: str
) -> None:
    one, other = make_server(), make_server()
    async with get_client(url=one.url) as first, get_client(url=other.url) as second:
        await asyncio.gather(
            *(c.store.put_item([root], key=f"{n}-{i}", value={"n": n})
              for i, c in enumerate((first, second)) for n in range(20))
        )  # fmt: skip
        assert await keys_of(first, root, limit=100) == await keys_of(second, root, limit=100)
        assert len(await keys_of(first, root, limit=100)) == 40
        await first.store.delete_item([root], key="3-1")
        assert await second.store.get_item([root], key="3-1") is None


async def test_a_limit_of_nothing_is_refused(client: LangGraphClient) -> None:
    with pytest.raises(UnprocessableEntityError):
        await client.store.search_items(["a"], limit=0)

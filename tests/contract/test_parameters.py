"""Parameters arrive in handlers as the schema describes them."""

import httpx
import pytest

from graphstead.contract.parameters import kinds_of, python_name

NOTHING: dict[str, object] = {
    "limit": 10,
    "ratio": None,
    "deep": False,
    "mode": None,
    "tags": [],
    "flat_names": None,
    "where": None,
    "color": None,
    "level": None,
    "caller": "",
}


@pytest.mark.parametrize(
    ("query", "decoded"),
    [
        ("", {}),
        ("limit=7", {"limit": 7}),
        ("ratio=-1.5e2", {"ratio": -150.0}),
        ("ratio=2", {"ratio": 2}),
        ("deep=true", {"deep": True}),
        ("deep=True", {"deep": True}),
        ("deep=0", {"deep": False}),
        ("mode=values", {"mode": "values"}),
        ("mode=values&mode=updates", {"mode": ["values", "updates"]}),
        ("mode=%5B%22values%22%5D", {"mode": ["values"]}),
        ("tags=a", {"tags": ["a"]}),
        ("tags=a,b&tags=c", {"tags": ["a,b", "c"]}),
        ("tags=a%26b+c", {"tags": ["a&b c"]}),
        ("flat.names=1,2", {"flat_names": [1, 2]}),
        ("where[size]=3&where[x]=y", {"where": {"size": 3, "x": "y"}}),
        ("color=5", {"color": 5}),
        ("color=red", {"color": "red"}),
        ("level=", {"level": None}),
        ("level=5", {"level": 5}),
    ],
)
async def test_queries_are_decoded(
    client: httpx.AsyncClient, query: str, decoded: dict[str, object]
) -> None:
    response = await client.get(f"/things?{query}")
    assert response.json() == NOTHING | decoded


async def test_defaults_are_never_shared_between_requests(client: httpx.AsyncClient) -> None:
    first = (await client.get("/things")).json()
    assert first["tags"] == [] and (await client.get("/things")).json() == first


@pytest.mark.parametrize(
    "spelling",
    [
        "0190d2c7-0000-7000-8000-000000000001",
        "0190D2C7-0000-7000-8000-000000000001",
        "0190d2c7000070008000000000000001",
    ],
)
async def test_ids_in_paths_reach_handlers_in_one_spelling(
    client: httpx.AsyncClient, spelling: str
) -> None:
    response = await client.get(f"/things/{spelling}")
    assert response.json()["thing_id"] == "0190d2c7-0000-7000-8000-000000000001"


async def test_headers_are_passed_by_their_python_names(client: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "k", "Last-Event-ID": "7"}
    heard = (await client.post("/things", json={"name": "x"}, headers=headers)).json()["payload"]
    assert (heard["key"], heard["last"], heard["engine"]) == ("k", "7", "engine")


@pytest.mark.parametrize(
    ("wire", "python"),
    [("Last-Event-ID", "last_event_id"), ("flat.names", "flat_names"), ("from", "from_")],
)
def test_wire_names_become_python_names(wire: str, python: str) -> None:
    assert python_name(wire) == python


@pytest.mark.parametrize(
    ("schema", "kinds"),
    [
        ({"type": ["integer", "null"]}, {"integer", "null"}),
        ({"type": "number"}, {"integer", "number"}),
        ({"enum": ["a", 1, None]}, {"string", "integer", "number", "null"}),
        ({"const": True}, {"boolean"}),
        ({"anyOf": [{"type": "string"}, {"type": "array"}]}, {"string", "array"}),
        ({"allOf": [{"type": ["string", "integer"]}, {"type": "string"}]}, {"string"}),
        ({"$ref": "#/a", "type": "string"}, {"string"}),
    ],
)
def test_the_types_a_schema_leaves_open_are_known(
    schema: dict[str, object], kinds: set[str]
) -> None:
    assert kinds_of(schema, {"a": {"type": ["string", "null"]}}) == kinds

"""Routing: literal first, HEAD, 405 with every method, trailing slashes."""

import httpx
import pytest

from graphstead.contract.compile import compile_contract
from graphstead.contract.load import Document
from graphstead.contract.route import RouteTable

THING_ID = "0190d2c7-0000-7000-8000-000000000001"


@pytest.fixture(scope="module")
def table(document: Document) -> RouteTable:
    """The sample's routes below a prefix."""
    return RouteTable(compile_contract(document).operations.values(), "/api")


@pytest.mark.parametrize(
    ("path", "operation_id", "values"),
    [
        ("/api/things", "list_things", {}),
        ("/api/things/x", "get_thing", {"thing_id": "x"}),
        ("/api/things/x/null", "get_null", {"thing_id": "x"}),
        ("/api/things/x/other", "get_part", {"thing_id": "x", "part": "other"}),
        ("/api/things/{thing_id}", "get_thing", {"thing_id": "{thing_id}"}),
        ("/api/things/a\nb", "get_thing", {"thing_id": "a\nb"}),
    ],
)
def test_paths_find_their_operation(
    table: RouteTable, path: str, operation_id: str, values: dict[str, str]
) -> None:
    match = table.find(path)
    assert match is not None
    assert (match.methods["GET"].operation_id, match.path_params) == (operation_id, values)


@pytest.mark.parametrize(
    "path", ["", "/", "/things", "/api", "/api/things/", "/api/thing", "/api/things//null", "//"]
)
def test_other_paths_find_nothing(table: RouteTable, path: str) -> None:
    assert table.find(path) is None


def test_a_literal_path_wins_over_a_template(table: RouteTable) -> None:
    match = table.find("/api/things/search")
    assert match is not None and set(match.methods) == {"POST"}


async def test_a_wrong_method_is_answered_with_every_right_one(client: httpx.AsyncClient) -> None:
    response = await client.put(f"/things/{THING_ID}")
    assert response.status_code == 405
    assert response.headers["allow"] == "DELETE, GET, HEAD, PATCH"
    assert response.json()["detail"] == "Method Not Allowed"


async def test_a_method_only_the_template_has_is_405_on_the_literal(
    client: httpx.AsyncClient,
) -> None:
    response = await client.get("/things/search")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


async def test_head_answers_like_get_without_a_body(client: httpx.AsyncClient) -> None:
    got = await client.get("/things")
    head = await client.head("/things")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == got.headers["content-length"]


async def test_a_trailing_slash_redirects_and_keeps_the_query(client: httpx.AsyncClient) -> None:
    response = await client.post("/things/?limit=3", json={})
    assert (response.status_code, response.headers["location"]) == (307, "/things?limit=3")


async def test_a_slash_after_an_unknown_path_is_not_found(client: httpx.AsyncClient) -> None:
    response = await client.get("//evil.example/")
    assert response.status_code == 404
    assert response.json() == {
        "detail": "Not Found",
        "code": "not_found",
        "request_id": response.headers["x-request-id"],
    }


async def test_a_planned_operation_answers_501_and_names_itself(client: httpx.AsyncClient) -> None:
    response = await client.post(f"/things/{THING_ID}/later")
    assert response.status_code == 501
    assert response.json()["code"] == "not_implemented"
    assert "later_thing" in response.json()["detail"]


async def test_routes_are_served_below_a_base_path(make_client: object) -> None:
    async with make_client(base_path="/api") as client:  # type: ignore[operator]
        assert (await client.get("/api/things")).status_code == 200
        assert (await client.get("/things")).status_code == 404
        assert (await client.get("/api/docs")).status_code == 200
        assert "/api/openapi.json" in (await client.get("/api/docs")).text

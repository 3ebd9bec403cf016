"""Requests that must be refused politely: never a 500, always one readable sentence."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from graphstead.contract.request import parse_json
from graphstead.problems import Unprocessable

GOOD = b'{"name":"x"}'
JSON = {"content-type": "application/json"}
DEEP = b'{"name":"x","input":' + b"[" * 200 + b"]" * 200 + b"}"
HUGE_INT = b'{"name":"x","input":' + b"9" * 5000 + b"}"


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 422, "body: is required"),
        (b"{", 422, "is not valid JSON"),
        (b"null", 422, "is not of type object"),
        (b"[]", 422, "is not of type object"),
        (b"{}", 422, "'name' is required"),
        (b'{"name":""}', 422, "body.name"),
        (b'{"name":5}', 422, "body.name: 5 is not of type string"),
        (b'{"name":NaN}', 422, "is not valid JSON"),
        (b'{"name":"x","input":1e999}', 422, "is not valid JSON"),
        (b'{"name":"\xff"}', 422, "is not valid JSON"),
        (b'{"name":"\\ud800"}', 422, "is not valid JSON"),
        (b'\xef\xbb\xbf{"name":"x"}', 422, "is not valid JSON"),
        (b'{"name":"a\\u0000b"}', 422, "NUL"),
        (b'{"name":"x","input":{"a\\u0000":1}}', 422, "NUL"),
        (b'{"name":"x","input":[["\\u0000"]]}', 422, "NUL"),
        (DEEP, 422, "nested deeper than 200"),
        (HUGE_INT, 422, "is not valid JSON"),
        (b'{"name":"x","input":' + b"9" * 300 + b"}", 422, "64 bits"),
        (b'{"name":"x","input":18446744073709551616}', 422, "64 bits"),
        (b'{"name":"x","input":-9223372036854775809}', 422, "64 bits"),
        (b'{"name":"x","size":0}', 422, "body.size"),
        (b'{"name":"x","kind":"other"}', 422, "body.kind"),
        (b'{"name":"x","webhook":"not a uri"}', 422, "body.webhook"),
        (b'{"name":"x","mode":["values","foo"]}', 422, "body.mode[1]: 'foo' is not one of"),
        (b'{"name":"x","settings":{"depth":"5"}}', 422, "body.settings.depth"),
        (GOOD, 200, ""),
        (b'{"name":"x","size":null}', 200, ""),
        (b'{"name":"x","input":18446744073709551615}', 200, ""),
        (b'{"name":"x","input":-9223372036854775808}', 200, ""),
        (b'{"name":"12345678901234567890123"}', 200, ""),
        (b'{"name":"back\\\\u0000slash"}', 200, ""),
        (b'{"name":"x","input":' + b"[" * 199 + b"]" * 199 + b"}", 200, ""),
    ],
)
async def test_bodies(client: httpx.AsyncClient, body: bytes, status: int, words: str) -> None:
    response = await client.post("/things", content=body, headers=JSON)
    assert (response.status_code, words in response.text) == (status, True), response.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"content-type": "APPLICATION/JSON"}, 200),
        ({"content-type": "application/json; charset=UTF-8"}, 200),
        ({"content-type": 'application/json; charset="utf-8"'}, 200),
        ({"content-type": "application/json; charset=utf-16"}, 415),
        ({"content-type": "application/json; charset=nonsense"}, 415),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": "application/json", "content-encoding": "gzip"}, 415),
        ({"content-type": ";"}, 415),
        ({"content-length": "banana"}, 200),
        ({"content-length": "-5"}, 200),
        ({"last-event-id": "12"}, 200),
        ({"last-event-id": "x"}, 422),
        ({"idempotency-key": ""}, 422),
        ({"x-request-id": "a" * 300}, 200),
    ],
)
async def test_headers(client: httpx.AsyncClient, headers: dict[str, str], status: int) -> None:
    response = await client.post("/things", content=GOOD, headers=headers)
    assert response.status_code == status, response.text
    assert status < 400 or isinstance(response.json()["detail"], str)


async def test_a_repeated_header_is_refused(client: httpx.AsyncClient) -> None:
    headers = [("last-event-id", "1"), ("last-event-id", "2")]
    response = await client.post("/things", content=GOOD, headers=headers)
    assert response.status_code == 422


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("limit=0", "query.limit"),
        ("limit=1001", "query.limit"),
        ("limit=1_0", "query.limit"),
        ("limit=%205", "query.limit"),
        ("limit=5.0", "query.limit"),
        ("limit=%D9%A5", "query.limit"),
        ("limit=", "query.limit"),
        ("limit=1&limit=2", "query.limit: is given more than once"),
        ("limit=99999999999999999999", "query.limit"),
        ("ratio=NaN", "query.ratio"),
        ("ratio=1e999", "query.ratio"),
        ("ratio=0x10", "query.ratio"),
        ("deep=maybe", "query.deep"),
        ("mode=foo", "query.mode"),
        ("mode=values&mode=foo", "query.mode[1]"),
        ("color=blue", "query.color"),
        ("flat.names=1,x", "query.flat.names[1]"),
        ("where[size]=big", "query.where.size"),
        ("where[size]=1&where[size]=2", "query.where"),
        ("tags=%ff", "UTF-8"),
        ("tags=a%00b", "NUL"),
    ],
)
async def test_queries(client: httpx.AsyncClient, query: str, words: str) -> None:
    response = await client.get(f"/things?{query}")
    assert (response.status_code, words in response.text) == (422, True), response.text


@pytest.mark.parametrize("thing_id", ["x", "%00", "0190d2c7-0000-7000-8000-00000000000", "%20"])
async def test_path_ids(client: httpx.AsyncClient, thing_id: str) -> None:
    response = await client.get(f"/things/{thing_id}")
    assert response.status_code == 422
    assert response.json()["errors"][0]["loc"] == "path.thing_id"


async def test_at_most_ten_errors_are_listed(client: httpx.AsyncClient) -> None:
    response = await client.post("/things/batch", json=[{"name": 1}] * 50)
    assert len(response.json()["errors"]) == 10
    assert "(and 9 more)" in response.json()["detail"]


async def chunks(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b" " * 100


async def test_a_large_body_is_refused_by_announcement_and_by_count(
    make_client: Callable[..., Any],
) -> None:
    async with make_client(max_body_bytes=150) as client:
        announced = await client.post("/things", content=b" " * 151, headers=JSON)
        counted = await client.post("/things", content=chunks(2), headers=JSON)
        lying = await client.post(
            "/things", content=chunks(2), headers={**JSON, "content-length": "10"}
        )
        fitting = await client.post("/things", content=GOOD + b" " * 138, headers=JSON)
    assert [r.status_code for r in (announced, counted, lying)] == [413] * 3
    assert fitting.status_code == 200


async def test_a_chunked_body_is_read_whole(client: httpx.AsyncClient) -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b'{"na'
        yield b'me":"x"}'

    response = await client.post("/things", content=parts(), headers=JSON)
    assert response.status_code == 200


async def test_an_optional_body_may_be_missing_or_null(client: httpx.AsyncClient) -> None:
    assert (await client.post("/things/search")).json() == {"body": None}
    assert (await client.post("/things/search", content=b"null")).json() == {"body": None}
    plain = await client.post(
        "/things/search", content=b"hi", headers={"content-type": "text/plain"}
    )
    assert plain.json() == {"body": "hi"}


async def test_an_undeclared_member_is_reported_not_dropped_in_silence(
    client: httpx.AsyncClient,
) -> None:
    body = {
        "name": "x",
        "nmae": 1,
        "settings": {"dpeth": 1},
        "extra": {"free": 1},
        "input": {"a": 1},
    }
    response = await client.post("/things?page=2", json=body)
    assert response.status_code == 200
    assert response.headers["graphstead-ignored"] == "?page, nmae, settings.dpeth"


async def test_undeclared_members_of_batch_items_are_found(client: httpx.AsyncClient) -> None:
    response = await client.post(
        "/things/batch", json=[{"name": "x"}, {"name": "y", "böse\r\n": 1}]
    )
    assert response.headers["graphstead-ignored"] == "[1].b%C3%B6se%0D%0A"


async def test_undeclared_members_can_be_refused_with_the_nearest_name(
    make_client: Callable[..., Any],
) -> None:
    async with make_client(unknown_fields="reject") as client:
        response = await client.post("/things", json={"name": "x", "settngs": 1})
        query = await client.get("/things?limt=3")
    assert response.status_code == 422
    assert "did you mean 'settings'?" in response.json()["detail"]
    assert query.json()["errors"] == [{"loc": "query.limt", "msg": "is not declared"}]


def test_a_pathologically_wide_document_is_still_read() -> None:
    assert len(parse_json(b"[" + b"[]," * 5000 + b"[]]")) == 5001


def test_parsing_refuses_with_the_place_of_the_fault() -> None:
    with pytest.raises(Unprocessable, match="line 1 column 2"):
        parse_json(b"{")


async def test_a_client_that_leaves_during_its_body_is_no_error(
    make_app: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    messages = iter(
        [
            {"type": "http.request", "body": b"{", "more_body": True},
            {"type": "http.disconnect"},
        ]
    )
    sent: list[Any] = []

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/things",
        "query_string": b"",
        "headers": [],
    }
    await make_app()(scope, receive, send)
    assert sent == [] and caplog.records == []

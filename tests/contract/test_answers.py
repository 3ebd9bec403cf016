"""What handlers return becomes what the contract declares; or is found out."""

import logging
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from graphstead.contract.load import Document
from graphstead.contract.response import close_answers
from graphstead.contract.schemas import schemas_for

THING_ID = "0190d2c7-0000-7000-8000-000000000001"
BROKEN = f"/things/{THING_ID}/broken"


async def test_nothing_becomes_the_success_without_content(client: httpx.AsyncClient) -> None:
    response = await client.delete(f"/things/{THING_ID}")
    assert (response.status_code, response.content) == (204, b"")
    assert "content-type" not in response.headers


async def test_an_empty_reply_picks_the_other_success(client: httpx.AsyncClient) -> None:
    url = f"/things/{THING_ID}"
    quiet = await client.patch(url, headers={"Prefer": "return=minimal"})
    loud = await client.patch(url)
    assert (quiet.status_code, quiet.headers["x-quiet"], loud.status_code) == (204, "yes", 200)


async def test_a_reply_of_null_is_the_json_value(client: httpx.AsyncClient) -> None:
    response = await client.get(f"/things/{THING_ID}/null")
    assert (response.status_code, response.content) == (200, b"null")
    assert response.headers["content-type"] == "application/json"


async def test_headers_of_a_reply_are_sent(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"/things/{THING_ID}")).headers["content-location"] == "/x"


async def test_a_problem_becomes_its_status(client: httpx.AsyncClient) -> None:
    response = await client.get(f"/things/{THING_ID[:-1]}2")
    assert response.status_code == 404
    assert response.json()["code"] == "not_found"


@pytest.mark.parametrize("how", ["none", "type", "nan", "raise"])
async def test_a_faulty_handler_answers_json_500_in_every_mode(
    client: httpx.AsyncClient, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    response = await client.get(BROKEN, params={"how": how}, headers={"x-request-id": "mine"})
    assert response.status_code == 500
    assert response.json()["request_id"] == "mine"
    assert "secret" not in response.text
    assert any("mine" in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize("how", ["shape", "extra"])
async def test_off_lets_a_wrong_answer_pass(client: httpx.AsyncClient, how: str) -> None:
    assert (await client.get(BROKEN, params={"how": how})).status_code == 200


async def test_sample_logs_a_wrong_answer_and_lets_it_pass(
    make_client: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    async with make_client(response_validation="sample") as client:
        response = await client.get(BROKEN, params={"how": "shape"})
    assert response.status_code == 200
    assert "get_broken breaks the contract" in caplog.text


async def test_sample_looks_at_the_first_of_twenty_answers(
    make_client: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    async with make_client(response_validation="sample") as client:
        for _ in range(21):
            await client.get(BROKEN, params={"how": "shape"})
    assert caplog.text.count("breaks the contract") == 2


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("shape", "body.thing_id"),
        ("extra", "surprise"),
        ("undeclared", "undeclared 404"),
    ],
)
async def test_strict_turns_a_wrong_answer_into_a_500_that_says_why(
    make_client: Callable[..., Any], how: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    async with make_client(response_validation="strict") as client:
        response = await client.get(BROKEN, params={"how": how})
    assert response.status_code == 500
    assert "breaks the contract" in response.json()["detail"]
    assert words in response.json()["detail"]


async def test_strict_lets_right_answers_pass(make_client: Callable[..., Any]) -> None:
    async with make_client(response_validation="strict") as client:
        answers = [
            await client.get(f"/things/{THING_ID}"),
            await client.head(f"/things/{THING_ID}"),
            await client.get(f"/things/{THING_ID}/null"),
            await client.delete(f"/things/{THING_ID}"),
            await client.post("/things", json={"name": "x"}),
        ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 204, 200]


def test_closing_respects_composition_and_free_objects(document: Document) -> None:
    schemas = {
        "Base": {"type": "object", "properties": {"a": {"type": "string"}}},
        "Whole": {
            "allOf": [{"$ref": "#/components/schemas/Base"}],
            "type": "object",
            "properties": {"b": {"$ref": "#/components/schemas/Base"}, "free": {"type": "object"}},
        },
    }
    answer = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Whole"}}}}
    closed = close_answers({"components": {"schemas": schemas}, "paths": {"/": answer}})
    whole = schemas_for(closed).at("/paths/~1/content/application~1json/schema")
    assert whole.ok({"a": "x", "b": {"a": "y"}, "free": {"anything": 1}})
    assert not whole.ok({"a": "x", "c": 1})
    assert not whole.ok({"b": {"z": 1}})

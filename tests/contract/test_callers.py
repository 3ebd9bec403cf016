"""Authentication is asked where the contract guards an operation, and nowhere else."""

from collections.abc import Callable
from typing import Any

import pytest

from graphstead.contract.auth import ApiKeys, AuthRequest, Caller
from graphstead.problems import Forbidden

ADA = Caller("ada")
KEYS = ApiKeys({"key-1": ADA, "key-2": Caller("bob")})


async def caller_of(client: Any, **headers: str) -> tuple[int, str]:
    response = await client.get("/things", headers=headers)
    return response.status_code, response.json().get("caller", "")


async def test_without_a_hook_everybody_is_anonymous(make_client: Callable[..., Any]) -> None:
    async with make_client() as client:
        assert await caller_of(client, **{"x-api-key": "anything"}) == (200, "")


async def test_keys_are_read_from_both_headers(make_client: Callable[..., Any]) -> None:
    async with make_client(authenticate=KEYS) as client:
        assert await caller_of(client, **{"x-api-key": "key-1"}) == (200, "ada")
        assert await caller_of(client, authorization="Bearer key-2") == (200, "bob")
        assert await caller_of(client, authorization="bearer key-2") == (200, "bob")


@pytest.mark.parametrize(
    "headers",
    [{}, {"x-api-key": "nope"}, {"authorization": "Bearer nope"}, {"authorization": "Basic key-1"}],
)
async def test_a_wrong_or_missing_key_is_401(
    make_client: Callable[..., Any], headers: dict[str, str]
) -> None:
    async with make_client(authenticate=KEYS) as client:
        response = await client.get("/things", headers=headers)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.json()["code"] == "unauthorized"


async def test_a_wrong_key_is_never_mistaken_for_an_anonymous_caller(
    make_client: Callable[..., Any],
) -> None:
    keys = ApiKeys({"key-1": ADA}, allow_anonymous=True)
    async with make_client(authenticate=keys) as client:
        assert await caller_of(client) == (200, "")
        assert (await caller_of(client, **{"x-api-key": "nope"}))[0] == 401
        assert (await caller_of(client, authorization="Basic x"))[0] == 401


async def test_public_operations_ask_nobody(make_client: Callable[..., Any]) -> None:
    async with make_client(authenticate=KEYS) as client:
        for path in ("/ok", "/docs", "/openapi.json"):
            assert (await client.get(path)).status_code == 200


async def test_the_hook_comes_before_validation_and_knows_the_operation(
    make_client: Callable[..., Any],
) -> None:
    seen: list[tuple[str, str, str | None]] = []

    async def refuse(request: AuthRequest) -> Caller:
        seen.append((request.method, request.path, request.operation_id))
        raise Forbidden("not today")

    async with make_client(authenticate=refuse) as client:
        response = await client.post("/things", content=b"{")
    assert (response.status_code, response.json()["detail"]) == (403, "not today")
    assert seen == [("POST", "/things", "create_thing")]

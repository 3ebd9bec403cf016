"""Everything below a prefix: routes, places, links, and the addresses of load balancers."""

from __future__ import annotations

import pytest
from contract.conftest import THING_ID, MakeClient


@pytest.mark.parametrize("path", ["/api/ok", "/ok"])
async def test_health_is_found_with_and_without_the_prefix(
    make_client: MakeClient, path: str
) -> None:
    async with make_client(base_path="/api") as client:
        assert (await client.get(path)).status_code == 200


async def test_everything_else_is_found_below_the_prefix_alone(make_client: MakeClient) -> None:
    async with make_client(base_path="/api") as client:
        assert (await client.get(f"/api/things/{THING_ID}")).status_code == 200
        assert (await client.get(f"/things/{THING_ID}")).status_code == 404
        assert (await client.get("/openapi.json")).status_code == 404
        document = (await client.get("/api/openapi.json")).json()
        assert document["servers"] == [{"url": "/api"}]


async def test_a_place_that_a_client_puts_behind_the_prefix_again_is_found(
    make_client: MakeClient,
) -> None:
    async with make_client(base_path="/api") as client:
        assert (await client.get(f"/api/api/things/{THING_ID}")).status_code == 200
        assert (await client.get(f"/api/api/api/things/{THING_ID}")).status_code == 404

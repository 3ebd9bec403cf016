"""The outer layers: request ids, CORS, and the last line of defence."""

from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from graphstead.contract.middleware import EXPOSED_HEADERS, CorsPolicy, EdgeMiddleware

PAGE = {"origin": "https://studio.example"}
PREFLIGHT = {**PAGE, "access-control-request-method": "POST"}
THING_ID = "0190d2c7-0000-7000-8000-000000000001"

EVERY_KIND = [
    ("GET", "/ok", 200),
    ("GET", "/nowhere", 404),
    ("PUT", "/things", 405),
    ("POST", "/things", 422),
    ("GET", f"/things/{THING_ID}/broken?how=raise", 500),
    ("POST", f"/things/{THING_ID}/later", 501),
    ("GET", "/things/", 307),
    ("GET", "/docs", 200),
    ("GET", "/openapi.json", 200),
]


@pytest.mark.parametrize(("method", "url", "status"), EVERY_KIND)
async def test_every_answer_carries_the_request_id(
    client: httpx.AsyncClient, method: str, url: str, status: int
) -> None:
    response = await client.request(method, url, headers={"x-request-id": "mine-1"})
    assert (response.status_code, response.headers["x-request-id"]) == (status, "mine-1")


@pytest.mark.parametrize(("method", "url", "status"), EVERY_KIND)
async def test_every_answer_may_be_read_by_a_page(
    client: httpx.AsyncClient, method: str, url: str, status: int
) -> None:
    response = await client.request(method, url, headers=PAGE)
    assert response.headers["access-control-allow-origin"] == "*"
    exposed = response.headers["access-control-expose-headers"].split(", ")
    assert exposed == list(EXPOSED_HEADERS)


@pytest.mark.parametrize(("method", "url", "status"), EVERY_KIND)
async def test_every_error_is_json_with_a_sentence(
    client: httpx.AsyncClient, method: str, url: str, status: int
) -> None:
    response = await client.request(method, url)
    if status >= 400:
        body = response.json()
        assert isinstance(body["detail"], str) and body["code"]
        assert body["request_id"] == response.headers["x-request-id"]


@pytest.mark.parametrize("sent", ["", "a" * 256, "line\tbreak", "ü"])
async def test_an_unusable_request_id_is_replaced(client: httpx.AsyncClient, sent: str) -> None:
    response = await client.get("/ok", headers=[(b"x-request-id", sent.encode("latin-1"))])
    assert response.headers["x-request-id"] not in ("", sent)


async def test_request_ids_differ(client: httpx.AsyncClient) -> None:
    ids = {(await client.get("/ok")).headers["x-request-id"] for _ in range(3)}
    assert len(ids) == 3


async def test_a_preflight_is_answered(client: httpx.AsyncClient) -> None:
    asked = {**PREFLIGHT, "access-control-request-headers": "x-api-key, last-event-id"}
    response = await client.options("/things", headers=asked)
    assert response.status_code == 200
    assert response.headers["access-control-allow-headers"] == "x-api-key, last-event-id"
    assert response.headers["access-control-max-age"] == "600"
    assert "PATCH" in response.headers["access-control-allow-methods"]
    assert "access-control-allow-private-network" not in response.headers


async def test_a_page_may_reach_into_a_private_network(client: httpx.AsyncClient) -> None:
    asked = {**PREFLIGHT, "access-control-request-private-network": "true"}
    response = await client.options("/things", headers=asked)
    assert response.status_code == 200
    assert response.headers["access-control-allow-private-network"] == "true"


async def test_named_origins_are_mirrored_and_others_refused_in_json(
    make_client: Callable[..., Any],
) -> None:
    policy = CorsPolicy(allow_origins=("https://studio.example",), allow_credentials=True)
    async with make_client(cors=policy) as client:
        known = await client.get("/ok", headers=PAGE)
        refused = await client.options(
            "/ok", headers={**PREFLIGHT, "origin": "https://evil.example"}
        )
    assert known.headers["access-control-allow-origin"] == "https://studio.example"
    assert known.headers["access-control-allow-credentials"] == "true"
    assert refused.status_code == 400
    assert refused.json()["detail"] == "Disallowed CORS origin"


async def test_the_edge_answers_json_even_when_everything_inside_fails(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def failing(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("secret words")

    transport = httpx.ASGITransport(EdgeMiddleware(failing))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        response = await client.get("/")
    assert response.status_code == 500
    assert response.json()["code"] == "server_error"
    assert "secret words" in caplog.text


async def test_the_lifespan_runs_around_the_requests(make_app: Callable[..., Any]) -> None:
    happened: list[str] = []

    @asynccontextmanager
    async def lifespan(app: Any) -> Any:
        happened.append("up")
        yield
        happened.append("down")

    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    sent: list[str] = []

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await make_app(lifespan=lifespan)({"type": "lifespan", "state": {}}, receive, send)
    assert happened == ["up", "down"]
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_a_web_socket_nobody_serves_is_closed(make_app: Callable[..., Any]) -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    scope = {"type": "websocket", "path": "/streams/events", "headers": [], "query_string": b""}
    await make_app()(scope, receive, send)
    assert sent == ["websocket.close"]

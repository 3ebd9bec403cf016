"""Streams and slow answers over a real socket: at once, and no longer than anyone listens."""

import asyncio
import logging
import re
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn

from graphstead.contract.exchange import Disconnected

EVENTS = "/streams/events"

# So long do idle sources sleep: what comes sooner did not wait for their end.
IDLE_S = 60


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[str]:
    """Serve an application on a free port and yield its URL."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, log_level="critical", lifespan="on")
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve([bound]))
        while not server.started:  # noqa: ASYNC110 - uvicorn offers nothing to wait on
            await asyncio.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


@pytest.fixture
def closed() -> asyncio.Queue[float]:
    """Where sources report when they were closed; handed to handlers as the engine."""
    return asyncio.Queue()


@pytest.fixture
async def live(
    make_app: Callable[..., Any], closed: asyncio.Queue[float]
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a served application."""
    async with (
        serving(make_app(engine=closed)) as url,
        httpx.AsyncClient(base_url=url, timeout=IDLE_S) as client,
    ):
        yield client


async def test_a_stream_has_its_headers_and_ends_cleanly(live: httpx.AsyncClient) -> None:
    response = await live.get(EVENTS)
    assert response.text == (
        'event: metadata\ndata: {"run_id":"1"}\n\nevent: values|child\ndata: {"n":2}\n\n'
    )
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-accel-buffering"] == "no"
    assert response.headers["location"] == "/runs/1/stream"
    assert response.headers["x-request-id"]


async def test_the_first_event_arrives_while_the_source_still_works(
    live: httpx.AsyncClient,
) -> None:
    began = time.monotonic()
    async with live.stream("GET", EVENTS, params={"how": "idle"}) as response:
        first = await anext(response.aiter_raw())
    assert first.startswith(b"event: metadata")
    assert time.monotonic() - began < IDLE_S / 2


@pytest.mark.parametrize("how", ["idle", "busy"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_client_that_leaves_is_noticed_at_once(
    live: httpx.AsyncClient, closed: asyncio.Queue[float], how: str, method: str
) -> None:
    sent: Any = {"params": {"how": how}} if method == "GET" else {"json": {"how": how}}
    async with live.stream(method, EVENTS, **sent) as response:
        await anext(response.aiter_raw())
    left = time.monotonic()
    assert await asyncio.wait_for(closed.get(), IDLE_S) - left < IDLE_S / 2


async def test_a_refusal_before_the_stream_is_an_ordinary_error(live: httpx.AsyncClient) -> None:
    response = await live.get(EVENTS, params={"how": "refused"})
    assert (response.status_code, response.json()["detail"]) == (409, "busy")


async def test_a_failing_source_ends_in_an_error_event(
    live: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    response = await live.get(EVENTS, params={"how": "fails"})
    assert response.text.endswith(
        'event: error\ndata: {"error":"ServerError","message":"The server failed to go on"}\n\n'
    )
    assert "secret words" in caplog.text


async def test_head_opens_no_stream(live: httpx.AsyncClient, closed: asyncio.Queue[float]) -> None:
    response = await live.head(EVENTS, params={"how": "idle"})
    slow = await live.head("/streams/slow", params={"how": "idle"})
    assert (response.status_code, slow.status_code) == (200, 200)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert slow.headers["location"] == "/join"


async def test_a_stream_that_can_be_rejoined_stays_incomplete_when_the_server_drains(
    make_app: Callable[..., Any],
) -> None:
    drain, closed = asyncio.Event(), asyncio.Queue[float]()
    app = make_app(engine=closed, drain=drain)
    async with (
        serving(app) as url,
        httpx.AsyncClient(base_url=url, timeout=IDLE_S) as client,
        client.stream("GET", EVENTS, params={"how": "idle"}) as response,
    ):
        chunks = response.aiter_raw()
        await anext(chunks)
        drain.set()
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
            raise AssertionError([chunk async for chunk in chunks])
    assert closed.qsize() == 1


async def test_strict_streams_turn_an_undeclared_event_into_an_error(
    make_app: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    app = make_app(engine=asyncio.Queue(), response_validation="strict")
    async with serving(app) as url, httpx.AsyncClient(base_url=url, timeout=IDLE_S) as client:
        good = await client.get(EVENTS)
        surprise = await client.get(EVENTS, params={"how": "undeclared"})
        wrong = await client.get(EVENTS, params={"how": "wrong"})
    assert "event: error" not in good.text
    assert "event 'surprise' is not declared" in surprise.text
    assert "'run_id' is required" in wrong.text


async def test_slow_json_keeps_the_connection_alive_with_newlines(
    live: httpx.AsyncClient,
) -> None:
    response = await live.get("/streams/slow", params={"how": "long"})
    assert re.fullmatch(rb'\n+{"n":3}', response.content)
    assert response.json() == {"n": 3}
    assert response.headers["location"] == "/join"


async def test_quick_json_needs_no_newline(live: httpx.AsyncClient) -> None:
    assert (await live.get("/streams/slow")).content == b'{"n":3}'


async def test_a_failure_after_the_start_of_slow_json_is_told_in_the_body(
    live: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    response = await live.get("/streams/slow", params={"how": "fails"})
    assert response.json()["__error__"]["error"] == "ServerError"
    assert "secret" not in response.text and "secret words" in caplog.text


async def test_slow_json_is_given_up_when_the_client_leaves(
    live: httpx.AsyncClient, closed: asyncio.Queue[float]
) -> None:
    async with live.stream("GET", "/streams/slow", params={"how": "idle"}) as response:
        await anext(response.aiter_raw())
    left = time.monotonic()
    assert await asyncio.wait_for(closed.get(), IDLE_S) - left < IDLE_S / 2


async def test_slow_json_stays_incomplete_when_the_server_drains(
    make_app: Callable[..., Any],
) -> None:
    drain = asyncio.Event()
    app = make_app(engine=asyncio.Queue(), drain=drain)
    async with serving(app) as url, httpx.AsyncClient(base_url=url, timeout=IDLE_S) as client:
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
            async with client.stream("GET", "/streams/slow", params={"how": "idle"}) as response:
                async for _ in response.aiter_raw():
                    drain.set()


async def test_a_handler_can_learn_that_its_client_left() -> None:
    messages: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    disconnected = Disconnected(messages.get)
    first = asyncio.create_task(disconnected.wait())
    second = asyncio.create_task(disconnected.wait())
    await asyncio.sleep(0)
    first.cancel()
    messages.put_nowait({"type": "http.request"})
    messages.put_nowait({"type": "http.disconnect"})
    await asyncio.wait_for(second, 30)
    assert disconnected.is_set()
    await disconnected.stop()

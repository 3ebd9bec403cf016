"""WebSockets of the contract: who may open one, what handlers get, how it ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from graphstead.contract.auth import ApiKeys, Caller

KEYS = ApiKeys({"key-1": Caller("ada")})
DENIAL: dict[str, Any] = {"websocket.http.response": {}}


class Line:
    """A connection to an application, driven from the client's side."""

    def __init__(self, app: Any, path: str, **headers: str) -> None:
        self.sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        scope = {
            "type": "websocket",
            "path": path,
            "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
            "query_string": b"",
            "extensions": DENIAL,
        }
        self.sent.put_nowait({"type": "websocket.connect"})
        self.work = asyncio.create_task(app(scope, self.sent.get, self.heard.put))

    def say(self, text: str) -> None:
        self.sent.put_nowait({"type": "websocket.receive", "text": text})

    async def hear(self) -> dict[str, Any]:
        return await asyncio.wait_for(self.heard.get(), 60)


async def test_a_handler_hears_and_says_frames(make_app: Callable[..., Any]) -> None:
    line = Line(make_app(response_validation="strict"), "/streams/talks/2")
    assert (await line.hear())["type"] == "websocket.accept"
    for word in ("one", "two"):
        line.say(json.dumps(word))
        assert json.loads((await line.hear())["text"]) == {"said": word, "by": ""}
    assert await line.hear() == {"type": "websocket.close", "code": 1000, "reason": ""}
    await line.work


async def test_the_hook_is_asked_at_the_handshake(make_app: Callable[..., Any]) -> None:
    app = make_app(authenticate=KEYS)
    line = Line(app, "/streams/talks/1", **{"X-Api-Key": "key-1"})
    assert (await line.hear())["type"] == "websocket.accept"
    line.say('"hi"')
    assert json.loads((await line.hear())["text"])["by"] == "ada"

    stranger = Line(app, "/streams/talks/1", **{"X-Request-Id": "r-1"})
    start, body = await stranger.hear(), await stranger.hear()
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 401)
    assert (b"www-authenticate", b"Bearer") in start["headers"]
    problem = json.loads(body["body"])
    assert (problem["code"], problem["request_id"]) == ("unauthorized", "r-1")


async def test_a_page_hears_of_its_refusal_by_the_close_code(make_app: Callable[..., Any]) -> None:
    line = Line(make_app(authenticate=KEYS), "/streams/talks/1", Origin="https://chat.example")
    assert (await line.hear())["type"] == "websocket.accept"
    closed = await line.hear()
    assert (closed["type"], closed["code"]) == ("websocket.close", 4401)


async def test_parameters_are_judged_as_those_of_requests(make_app: Callable[..., Any]) -> None:
    line = Line(make_app(), "/streams/talks/many")
    assert (await line.hear())["status"] == 422


@pytest.mark.parametrize("path", ["/streams/events", "/nowhere"])
async def test_what_is_no_web_socket_is_closed(make_app: Callable[..., Any], path: str) -> None:
    line = Line(make_app(), path)
    assert (await line.hear())["type"] == "websocket.close"


async def test_a_frame_that_breaks_the_contract_ends_a_strict_connection(
    make_app: Callable[..., Any],
) -> None:
    line = Line(make_app(response_validation="strict"), "/streams/talks/1")
    await line.hear()
    line.say("5")
    assert (await line.hear())["code"] == 1011


async def test_draining_closes_with_restart(make_app: Callable[..., Any]) -> None:
    drain = asyncio.Event()
    line = Line(make_app(drain=drain), "/streams/talks/1")
    await line.hear()
    drain.set()
    assert (await line.hear())["code"] == 1012
    await line.work

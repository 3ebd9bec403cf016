"""WebSockets through the gateway, before a server that says what a test wants."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from factories import until
from gateway.gateways import Gateway
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

PLACE = "/threads/01a22b73-4dc2-76fa-829d-c31228cc8294/stream/events"
COMMAND = {"id": 1, "method": "subscription.subscribe", "params": {"channels": ["values"]}}
BROKEN = {"method": 7}
SOUND = {"type": "error", "id": 1, "error": "invalid_argument", "message": "no"}


@contextmanager
def socket_server(
    handle: Callable[[ServerConnection], None], refuse: Callable[..., Response | None] | None = None
) -> Iterator[str]:
    with serve(handle, "127.0.0.1", 0, process_request=refuse) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(params=["report", "enforce"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def address(gateway: Gateway, place: str = PLACE) -> str:
    return gateway.url.replace("http", "ws") + place


async def test_frames_pass_and_broken_ones_are_reported_or_stopped(
    make_gateway: Callable[..., Gateway], mode: str
) -> None:
    heard: list[Any] = []

    def handle(socket: ServerConnection) -> None:
        for message in socket:
            heard.append(json.loads(message))
            socket.send(json.dumps(SOUND))
            if heard[-1] == {**COMMAND, "id": 2}:
                socket.send(json.dumps({"type": "gossip"}))
                socket.close(4001, "enough")

    with socket_server(handle) as url:
        gateway = make_gateway(url, "--mode", mode, "--profile", "full").wait_ok()
        async with connect(address(gateway), proxy=None) as socket:
            await socket.send(json.dumps(COMMAND))
            assert json.loads(await socket.recv()) == SOUND
            await socket.send(json.dumps(BROKEN))
            told = json.loads(await socket.recv())
            assert heard == ([COMMAND, BROKEN] if mode == "report" else [COMMAND])
            assert told == SOUND or told["error"] == "invalid_argument"
            await socket.send(json.dumps({**COMMAND, "id": 2}))
            assert json.loads(await socket.recv()) == SOUND
            if mode == "report":
                assert json.loads(await socket.recv()) == {"type": "gossip"}
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == (4001 if mode == "report" else 1014)
        assert gateway.findings("client") and gateway.findings("upstream")


async def test_a_client_that_closes_closes_the_servers_side(
    make_gateway: Callable[..., Gateway],
) -> None:
    closed: list[int | None] = []

    def handle(socket: ServerConnection) -> None:
        try:
            while True:
                socket.send(socket.recv())
        except ConnectionClosed as closing:
            closed.append(None if closing.rcvd is None else closing.rcvd.code)

    with socket_server(handle) as url:
        gateway = make_gateway(url, "--allow-path", "/echo").wait_ok()
        async with connect(address(gateway, "/echo"), proxy=None) as socket:
            await socket.send("any words")
            assert await socket.recv() == "any words"
            await socket.send(b"\x00\x01")
            assert await socket.recv() == b"\x00\x01"
            await socket.close(4321)

        async def told() -> bool:
            return closed == [4321]

        await until(told)


async def test_sigterm_closes_sockets_as_a_restart(make_gateway: Callable[..., Gateway]) -> None:
    def handle(socket: ServerConnection) -> None:
        for message in socket:
            socket.send(message)

    with socket_server(handle) as url:
        gateway = make_gateway(url, "--allow-path", "/echo").wait_ok()
        async with connect(address(gateway, "/echo"), proxy=None) as socket:
            await socket.send("any words")
            assert await socket.recv() == "any words"
            gateway.ask_to_stop()
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
            assert closed.value.rcvd is not None and closed.value.rcvd.code == 1012
        assert gateway.stop() == 0


async def test_a_refusal_of_the_server_is_passed_on(make_gateway: Callable[..., Gateway]) -> None:
    def refuse(connection: ServerConnection, request: Request) -> Response:
        return connection.respond(403, json.dumps({"detail": "not you"}))

    def handle(socket: ServerConnection) -> None:
        raise AssertionError("nobody is let in")

    with socket_server(handle, refuse) as url:
        gateway = make_gateway(url, "--mode", "enforce").wait_ok()
        with pytest.raises(InvalidStatus) as refused:
            async with connect(address(gateway), proxy=None):
                pass
        assert refused.value.response.status_code == 403
        assert json.loads(bytes(refused.value.response.body or b""))["detail"] == "not you"
        with pytest.raises(InvalidStatus) as unknown:
            async with connect(address(gateway, "/else"), proxy=None):
                pass
        assert unknown.value.response.status_code == 404

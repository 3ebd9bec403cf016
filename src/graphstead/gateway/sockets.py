"""WebSockets through the gateway: frames of both directions are judged on their way."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from graphstead.contract.websocket import refuse_socket
from graphstead.gateway.headers import answer_headers, request_headers
from graphstead.gateway.house import Call
from graphstead.gateway.proxy import admit, is_allowed, target_path
from graphstead.problems import BadGateway, CommandUnreadable, ForeignProblem, NotFound, Problem
from graphstead.serving import WS_MESSAGE_BYTES

__all__ = ["proxy_socket"]

NORMAL, BAD_GATEWAY, RESTARTING = 1000, 1014, 1012
NO_STATUS, ABNORMAL = 1005, 1006
HANDSHAKE = frozenset(
    {
        b"host",
        b"sec-websocket-key",
        b"sec-websocket-version",
        b"sec-websocket-extensions",
        b"sec-websocket-protocol",
        b"content-length",
    }
)


async def proxy_socket(call: Call) -> None:
    """Connect a client's WebSocket with one of the server behind the gateway."""
    call.scope["method"] = "GET"
    try:
        await _admit(call)
        server = await _connected(call)
    except Problem as problem:
        call.house.metrics.refused.labels(problem.code).inc()
        await refuse_socket(problem, call.exchange, call.scope, call.receive, call.send)
        return
    try:
        await _relayed(call, server)
    finally:
        await server.close()


async def _admit(call: Call) -> None:
    """Let a handshake in. Raises a Problem."""
    path = call.scope["path"]
    route = None if is_allowed(call, path) else call.house.contract.find_socket(path)
    if route is not None:
        call.exchange.operation = route.operation
        call.scope["path_params"] = route.path_params
    # The handshake is an ordinary request, and that is how whoever authenticates looks at it.
    await admit(call, {**call.scope, "type": "http"})
    if route is None and not is_allowed(call, path):
        call.note("client", ["This WebSocket is not in the contract"])
        if call.house.enforces:
            raise NotFound("This WebSocket is not in the contract")


async def _connected(call: Call) -> ClientConnection:
    """Open the server's side. Raises what the server refuses with, BadGateway."""
    settings, scope = call.house.settings, call.scope
    target = settings.target
    headers = request_headers(scope, call.exchange, settings, call.exchange.caller)
    kept = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in headers if k not in HANDSHAKE]
    secure = target.scheme == "https"
    address = f"{'wss' if secure else 'ws'}://{target.authority}{target.prefix}"
    try:
        return await connect(
            address + target_path(scope).decode("latin-1"),
            additional_headers=kept,
            subprotocols=[Subprotocol(one) for one in scope.get("subprotocols", ())] or None,
            user_agent_header=None,
            proxy=None,
            open_timeout=settings.connect_s,
            max_size=WS_MESSAGE_BYTES,
            ssl=ssl.create_default_context() if secure else None,
        )
    except InvalidStatus as refusal:
        raise _refusal(refusal) from None
    except (OSError, TimeoutError, InvalidHandshake) as error:
        raise BadGateway("The server behind this gateway cannot be reached") from error


def _refusal(refusal: InvalidStatus) -> Problem:
    """Return the server's own refusal, in its words where they are words of ours."""
    response = refusal.response
    try:
        told = orjson.loads(bytes(response.body or b""))
    except orjson.JSONDecodeError:
        told = {}
    detail = told.get("detail") if isinstance(told, dict) else None
    return ForeignProblem(response.status_code, str(detail or response.reason_phrase))


async def _relayed(call: Call, server: ClientConnection) -> None:
    if (await call.receive())["type"] != "websocket.connect":
        return
    raw = [(k.encode(), v.encode()) for k, v in _answered(server)]
    identified = (b"x-request-id", call.exchange.request_id.encode())
    told = [one for one in answer_headers(raw, call.house.settings.target) if _is_theirs(one[0])]
    await call.send(
        {
            "type": "websocket.accept",
            "subprotocol": server.subprotocol,
            "headers": [*told, *call.added, identified],
        }
    )
    code, reason = await _until_closed(call, server)
    if code:
        await call.send({"type": "websocket.close", "code": code, "reason": reason})


def _answered(server: ClientConnection) -> list[tuple[str, str]]:
    return [] if server.response is None else list(server.response.headers.raw_items())


def _is_theirs(name: bytes) -> bool:
    own = (b"x-request-id", b"date", b"server")
    return not name.startswith(b"sec-websocket") and name not in own


async def _until_closed(call: Call, server: ClientConnection) -> tuple[int, str]:
    """Carry frames both ways; return what to close the client's side with, 0 if it is closed."""
    up = asyncio.ensure_future(_to_server(call, server))
    down = asyncio.ensure_future(_to_client(call, server))
    drained = asyncio.ensure_future(call.house.drain.wait())
    ways: set[asyncio.Future[Any]] = {up, down, drained}
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        if up.done():
            await server.close(*up.result())
            return 0, ""
        return down.result() if down.done() else (RESTARTING, "")
    finally:
        for one in ways:
            one.cancel()
        await asyncio.wait(ways)


async def _to_server(call: Call, server: ClientConnection) -> tuple[int, str]:
    """Pass on what the client sends; return how it closed."""
    while True:
        message = await call.receive()
        if message["type"] == "websocket.disconnect":
            return _sendable(message.get("code")), message.get("reason") or ""
        text, content = message.get("text"), message.get("bytes")
        raw = text.encode() if text is not None else content or b""
        if (refusal := _refused(call, raw)) is not None:
            await call.send({"type": "websocket.send", "text": refusal})
            continue
        try:
            await server.send(text if text is not None else raw)
        except ConnectionClosed:
            # The other direction tells the client.
            await asyncio.Event().wait()


def _refused(call: Call, raw: bytes) -> str | None:
    """Judge what the client sends; return the answer to what must not go on."""
    if call.operation is None:
        return None
    faults = call.house.contract.client_frame_faults(call.operation, raw)
    call.note("client", faults, raw)
    if not faults or not call.house.enforces:
        return None
    return orjson.dumps(CommandUnreadable(faults[0]).to_body(call.exchange.request_id)).decode()


async def _to_client(call: Call, server: ClientConnection) -> tuple[int, str]:
    """Pass on what the server sends; return how the client's side is to be closed."""
    try:
        while True:
            message = await server.recv()
            raw = message.encode() if isinstance(message, str) else message
            if call.operation is not None:
                faults = call.house.contract.sent_frame_faults(call.operation, raw)
                call.note("upstream", faults, raw)
                if faults and call.house.enforces:
                    return BAD_GATEWAY, "a frame of the server breaks the contract"
            kind = "text" if isinstance(message, str) else "bytes"
            await call.send({"type": "websocket.send", kind: message})
            call.house.metrics.frames.inc()
    except ConnectionClosed as closed:
        received = closed.rcvd
        if received is None:
            return BAD_GATEWAY, "the server broke the connection off"
        return _sendable(received.code), received.reason


def _sendable(code: int | None) -> int:
    """Return a close code as it may be sent: some only say that there was none."""
    return NORMAL if code in (None, 0, NO_STATUS, ABNORMAL) else int(code)

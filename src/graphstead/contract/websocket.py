"""WebSockets: the operations of the contract that have an `x-websocket`, from handshake to close.

Who may connect is decided before the connection is accepted: origin, caller, path. A refusal is the
HTTP answer that the same request would get; a browser, which cannot read that, is let in to be told
by the close code, 4000 plus the status.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Mapping
from typing import Any

import orjson
from connexion.middleware.abstract import SpecMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from graphstead.contract.auth import Authenticate, AuthRequest
from graphstead.contract.compile import Operation
from graphstead.contract.events import EventContract
from graphstead.contract.exchange import Drain, Exchange, exchange_of
from graphstead.contract.middleware import CorsPolicy
from graphstead.contract.request import parameter_reader, parse_json
from graphstead.contract.response import complain
from graphstead.contract.route import CUSTOM, RouteTable, route_path
from graphstead.problems import Forbidden, Problem

__all__ = ["SocketClosed", "WebSocket", "WebSocketMiddleware", "refuse_socket"]

log = logging.getLogger("graphstead.contract")
NORMAL, FAILED, RESTARTING, REFUSED = 1000, 1011, 1012, 4000
MAX_REASON_BYTES = 120


class SocketClosed(Exception):
    """The connection is gone."""


class WebSocket:
    """An accepted connection that carries JSON in text frames; what handlers name `socket`."""

    def __init__(self, receive: Receive, send: Send, check: Any = None) -> None:
        self._receive = receive
        self._send = send
        self._check = check
        self._gone = False

    async def receive(self) -> Any:
        """Return the next message, decoded.

        Raises SocketClosed once the client has left, Unprocessable for what is no JSON this
        server can store.
        """
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            self._gone = True
            raise SocketClosed
        text = message.get("text")
        return parse_json(text.encode() if text is not None else message.get("bytes") or b"")

    async def send(self, frame: bytes) -> None:
        """Send JSON as text, as fast as the client takes it. Raises SocketClosed."""
        if self._check is not None:
            self._check(frame)
        await self._pass({"type": "websocket.send", "text": frame.decode()})

    async def close(self, code: int, reason: str = "") -> None:
        """Close the connection, if it is still there."""
        try:
            await self._pass({"type": "websocket.close", "code": code, "reason": reason})
        except SocketClosed:
            return

    async def _pass(self, message: dict[str, Any]) -> None:
        if self._gone:
            raise SocketClosed
        try:
            await self._send(message)
        except OSError as error:
            self._gone = True
            raise SocketClosed from error


class WebSocketMiddleware(SpecMiddleware):  # type: ignore[misc]
    """Serve the WebSockets of the contract; a project has its own, others are closed."""

    def __init__(self, app: ASGIApp, policy: CorsPolicy) -> None:
        self.app = app
        self._policy = policy
        self._table = RouteTable(())

    def add_api(self, specification: Any, **options: Any) -> None:
        """Take the WebSockets of the one contract."""
        compiled: Mapping[str, Operation] = options["compiled"]
        found = [one for one in compiled.values() if one.websocket is not None]
        self._base_path = specification.base_path
        self._table = RouteTable(found, self._base_path)
        self._authenticate: Authenticate | None = options.get("authenticate")
        self._reject_unknown = options["unknown_fields"] == "reject"
        self._handlers = {
            one.operation_id: options["resolver"].function(one) for one in found if not one.planned
        }
        self._checks = {one.operation_id: _frame_check(one, options) for one in found}
        self._engine = options["engine"]
        self._drain: Drain | None = options["drain"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a WebSocket; everything else is none of this layer's business."""
        if scope["type"] != "websocket" or CUSTOM in scope["extensions"]:
            await self.app(scope, receive, send)
            return
        match = self._table.find(route_path(scope, self._base_path))
        if match is None:
            await receive()
            await send({"type": "websocket.close", "code": NORMAL})
            return
        operation, exchange = match.methods["GET"], exchange_of(scope)
        scope = {**scope, "method": "GET", "path_params": match.path_params}
        try:
            await self._admit(scope, exchange, operation)
        except Problem as problem:
            await refuse_socket(problem, exchange, scope, receive, send)
            return
        await self._serve(operation, exchange, receive, send)

    async def _admit(self, scope: Scope, exchange: Exchange, operation: Operation) -> None:
        """Let the request in. Raises Forbidden, Unprocessable and whatever the hook raises."""
        exchange.operation = operation
        # The handshake is an ordinary request, and that is how the project's code may look at it.
        request = AuthRequest({**scope, "type": "http"}, operation.operation_id)
        headers = request.headers
        origin = headers.get("origin")
        if origin is not None and not _may_come_from(origin, headers.get("host"), self._policy):
            raise Forbidden(f"Pages of {origin} may not open WebSockets here")
        if self._authenticate is not None and not operation.public:
            exchange.caller = await self._authenticate(request)
        read = parameter_reader(operation, self._reject_unknown)
        exchange.arguments = read(scope, exchange)

    async def _serve(
        self, operation: Operation, exchange: Exchange, receive: Receive, send: Send
    ) -> None:
        if (await receive())["type"] != "websocket.connect":
            return
        await send({"type": "websocket.accept", "headers": _identified(exchange)})
        socket = WebSocket(receive, send, self._checks[operation.operation_id])
        work = asyncio.ensure_future(self._handle(operation, exchange, socket))
        ends = {work}
        if self._drain is not None:
            ends.add(asyncio.ensure_future(self._drain.wait()))
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            code = work.result() if work.done() else RESTARTING
        finally:
            for one in ends:
                one.cancel()
            await asyncio.wait(ends)
        await socket.close(code)

    async def _handle(self, operation: Operation, exchange: Exchange, socket: WebSocket) -> int:
        """Run the handler; return the code to close with."""
        handler = self._handlers[operation.operation_id]
        own = {"caller": exchange.caller, "request_id": exchange.request_id, "asked": exchange}
        given = {**exchange.arguments, **own, "engine": self._engine, "socket": socket}
        try:
            await handler(**{name: given[name] for name in inspect.signature(handler).parameters})
        except SocketClosed:
            return NORMAL
        except Exception as error:  # the edge: a fault of one connection is logged, not passed on
            if isinstance(error, Problem) and error.status < 500:
                return REFUSED + error.status
            log.error(
                "request %s: the WebSocket failed: %r",
                exchange.request_id,
                error,
                exc_info=error,
                extra={"request_id": exchange.request_id},
            )
            return FAILED
        return NORMAL


def _identified(exchange: Exchange) -> list[tuple[bytes, bytes]]:
    return [(b"x-request-id", exchange.request_id.encode())]


def _may_come_from(origin: str, host: str | None, policy: CorsPolicy) -> bool:
    """Tell whether a page may connect: one of this server's own, or what CORS lets in."""
    return origin.partition("://")[2] == host or policy.admits(origin)


async def refuse_socket(
    problem: Problem, exchange: Exchange, scope: Scope, receive: Receive, send: Send
) -> None:
    """Answer a handshake with a problem; browsers are let in to be told by the close code."""
    await receive()
    reason = problem.detail.encode()[:MAX_REASON_BYTES].decode(errors="ignore")
    if any(name == b"origin" for name, _ in scope["headers"]):
        await send({"type": "websocket.accept", "headers": _identified(exchange)})
        code = REFUSED + problem.status
        await send({"type": "websocket.close", "code": code, "reason": reason})
        return
    content = orjson.dumps(problem.to_body(exchange.request_id))
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(content)),
        *_identified(exchange),
        *((name.lower().encode(), value.encode()) for name, value in problem.headers.items()),
    ]
    start = {"type": "websocket.http.response.start", "status": problem.status}
    await send({**start, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": content})


def _frame_check(operation: Operation, options: Mapping[str, Any]) -> Any:
    """Return the judge of what the server sends; None when nobody asked for one."""
    mode = options["response_validation"]
    frames = operation.websocket
    if mode == "off" or frames is None:
        return None
    events: EventContract = options["events"]

    def check(frame: bytes) -> None:
        value = orjson.loads(frame)
        if value.get("type") == "event" and frames.events:
            faults = events.check(frames.events, value["method"], frame)
        elif frames.server.ok(value):
            faults = ()
        else:
            errors = frames.server.errors(value, "frame")
            faults = tuple(f"{one['loc']}: {one['msg']}" for one in errors)
        if faults:
            complain(operation, list(faults), mode)

    return check

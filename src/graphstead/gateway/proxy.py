"""One request through the gateway: who calls, how often, what is asked, what is answered."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from fnmatch import fnmatchcase
from urllib.parse import quote

from starlette.types import Scope

from graphstead.contract.auth import AuthRequest
from graphstead.contract.compile import Operation
from graphstead.contract.exchange import Disconnected
from graphstead.contract.middleware import ClientLeft
from graphstead.gateway.answers import enforced, reported
from graphstead.gateway.bodies import Body, read_body
from graphstead.gateway.headers import request_headers
from graphstead.gateway.house import Call
from graphstead.logs import get_logger
from graphstead.problems import MethodNotAllowed, NotFound, PayloadTooLarge, Problem

__all__ = ["admit", "is_allowed", "proxy", "target_path"]

log = get_logger("graphstead.gateway")


async def proxy(call: Call) -> None:
    """Answer a request. Raises a Problem while nothing has been sent."""
    method, path = call.scope["method"], call.scope["path"]
    if method == "OPTIONS":
        await _forward(call, await _body(call))
        return
    misfit = _route(call, method, path)
    await admit(call, call.scope)
    if misfit is not None:
        call.note("client", [misfit.detail])
        if call.house.enforces:
            raise misfit
    body = await _body(call)
    if call.operation is not None:
        _judge(call, call.operation, body)
    await _forward(call, body)


def _route(call: Call, method: str, path: str) -> Problem | None:
    """Find the operation; return what is wrong where there is none."""
    if is_allowed(call, path):
        return None
    contract = call.house.contract
    route = contract.find(method, path)
    if route is None:
        # With a slash too many, the server itself says where to go.
        bare = path.rstrip("/")
        if bare and bare != path and contract.find(method, bare) is not None:
            return None
        return NotFound("This path is not in the contract")
    if route.operation is None:
        return MethodNotAllowed(", ".join(route.allowed))
    call.exchange.operation = route.operation
    call.scope["path_params"] = route.path_params
    return None


def is_allowed(call: Call, path: str) -> bool:
    """Tell whether a path is one of those that are passed on unjudged."""
    return any(fnmatchcase(path, pattern) for pattern in call.house.settings.allow_paths)


async def admit(call: Call, scope: Scope) -> None:
    """Find out who calls and count it. Raises whatever the hook raises, TooManyRequests."""
    house, operation = call.house, call.operation
    if operation is not None and operation.public:
        return
    if house.authenticate is not None:
        operation_id = None if operation is None else operation.operation_id
        call.exchange.caller = await house.authenticate(AuthRequest(scope, operation_id))
    if house.limits is None:
        return
    try:
        standing = await house.limits.take(_counted_as(call), operation)
    except Problem:
        raise
    except Exception as error:  # Redis may raise anything; whoever calls must not suffer for it.
        house.metrics.limits_down.inc()
        log.warning("limits cannot be counted: requests are let through", error=repr(error))
        return
    if standing is not None:
        call.added += [(k.encode(), v.encode()) for k, v in standing.headers().items()]


def _counted_as(call: Call) -> str:
    """Return whose limits count: a key's, a caller's, or those of an address."""
    caller, client = call.exchange.caller, call.scope.get("client")
    if key_id := caller.extras.get("key_id"):
        return f"key:{key_id}"
    if not caller.is_anonymous:
        return f"caller:{caller.identity}"
    return f"address:{client[0] if client else ''}"


async def _body(call: Call) -> Body:
    most_bytes = call.house.settings.max_body_bytes
    body = await read_body(call.receive, call.scope["headers"], most_bytes)
    if not body.is_whole and call.house.enforces:
        raise PayloadTooLarge(f"The request body is larger than the {most_bytes} bytes read here")
    return body


def _judge(call: Call, operation: Operation, body: Body) -> None:
    """Hold a request against the contract. Raises its problem where that is enforced."""
    if not body.is_whole:
        call.note("unjudged", ["a request body longer than what is judged here"])
        return
    problem = call.house.contract.request_problem(operation, call.scope, call.exchange, body.first)
    if problem is None:
        call.note("client", [f"{name}: is not declared" for name in call.exchange.ignored])
        return
    faults = [f"{one['loc']}: {one['msg']}" for one in problem.errors] or [problem.detail]
    call.note("client", faults, body.first)
    if call.house.enforces:
        raise problem


async def _forward(call: Call, body: Body) -> None:
    """Send the request on and its answer back, until either side has had enough."""
    work = asyncio.ensure_future(_exchange(call, body))
    left = asyncio.ensure_future(_client_left(call, body))
    try:
        await asyncio.wait({work, left}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise ClientLeft
        work.result()
    finally:
        work.cancel()
        left.cancel()
        await asyncio.wait({work, left})
        if call.exchange.disconnected is not None:
            await call.exchange.disconnected.stop()


async def _client_left(call: Call, body: Body) -> None:
    await body.taken()
    call.exchange.disconnected = Disconnected(call.receive)
    await call.exchange.disconnected.wait()


async def _exchange(call: Call, body: Body) -> None:
    settings, metrics = call.house.settings, call.house.metrics
    headers = request_headers(call.scope, call.exchange, settings, call.exchange.caller)
    if not any(name == b"content-length" for name, _ in headers):
        if body.length is None:
            headers.append((b"transfer-encoding", b"chunked"))
        elif body.length:
            headers.append((b"content-length", b"%d" % body.length))
    async with AsyncExitStack() as asked:
        with metrics.upstream.labels(call.path).time():
            answer = await asked.enter_async_context(
                call.house.upstream.asked(
                    call.scope["method"], target_path(call.scope), headers, body.content()
                )
            )
        await (enforced if call.house.enforces else reported)(call, answer)


def target_path(scope: Scope) -> bytes:
    """Return path and query as the client wrote them."""
    path: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    query: bytes = scope.get("query_string", b"")
    return path + b"?" + query if query else path

"""The ASGI application of the gateway: ids, errors and counting, around everything else."""

from __future__ import annotations

import time
from typing import Any

import orjson
import structlog
from starlette.types import Message, Receive, Scope, Send

from graphstead.contract.exchange import Exchange
from graphstead.contract.middleware import ClientLeft, log_unexpected, request_id_of
from graphstead.gateway.answers import Aborted
from graphstead.gateway.house import Call, House
from graphstead.gateway.pages import PREFIX, serve_page
from graphstead.gateway.proxy import proxy
from graphstead.gateway.sockets import proxy_socket
from graphstead.listening import closing
from graphstead.logs import get_logger
from graphstead.problems import Problem, ServerError

__all__ = ["GatewayApp"]

log = get_logger("graphstead.gateway")
# As nginx counts clients that left before their answer.
LEFT_EARLY = 499
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
EXPOSED = b"X-Request-Id, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset"


class GatewayApp:
    """Answers every request, whatever happens further in."""

    def __init__(self, house: House) -> None:
        self.house = house

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's request."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if self.house.drain.closing and scope["type"] == "http":
            send = closing(send)
        call = self._call(scope, receive, send)
        structlog.contextvars.bind_contextvars(request_id=call.exchange.request_id)
        kind = "websockets" if scope["type"] == "websocket" else "requests"
        with self.house.metrics.open.labels(kind).track_inprogress():
            await (self._socket if kind == "websockets" else self._request)(call)

    def _call(self, scope: Scope, receive: Receive, send: Send) -> Call:
        scheme, path = scope.get("scheme", "http"), scope["path"]
        exchange = Exchange(request_id_of(scope), scope["headers"], scheme=scheme, path=path)
        scope["extensions"] = {**(scope.get("extensions") or {}), "contract": exchange}
        return Call(self.house, scope, receive, send, exchange)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.house.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _socket(self, call: Call) -> None:
        try:
            await proxy_socket(call)
        except Exception as error:  # the edge: a fault of one connection is logged
            log_unexpected(call.exchange, error)
            await call.send({"type": "websocket.close", "code": 1011})

    async def _request(self, call: Call) -> None:
        started_s, status, plain_send = time.perf_counter(), 0, call.send

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await plain_send(message)

        call.send = noted
        try:
            await self._answer(call)
        except ClientLeft:
            status = status or LEFT_EARLY
        except Aborted:
            # Returning without an end cuts the connection: the client has to see it is not all.
            log.warning("the server broke its answer off", path=call.scope["path"])
        except Problem as problem:
            await self._refuse(call, problem)
        except Exception as error:  # the edge
            log_unexpected(call.exchange, error)
            if not status:
                await self._refuse(call, ServerError())
        finally:
            self._count(call, status, time.perf_counter() - started_s)

    async def _answer(self, call: Call) -> None:
        path = call.scope["path"]
        if path == PREFIX or path.startswith(f"{PREFIX}/"):
            await serve_page(call)
        else:
            await proxy(call)

    async def _refuse(self, call: Call, problem: Problem) -> None:
        """Answer with a problem; pages of any origin may read it, it tells of their own request."""
        self.house.metrics.refused.labels(problem.code).inc()
        content = orjson.dumps(problem.to_body(call.exchange.request_id))
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(content)),
            (b"x-request-id", call.exchange.request_id.encode()),
            *((name.lower().encode(), value.encode()) for name, value in problem.headers.items()),
            *_cors(call.scope),
        ]
        start: dict[str, Any] = {"type": "http.response.start", "status": problem.status}
        await call.send({**start, "headers": headers})
        body = b"" if call.scope["method"] == "HEAD" else content
        await call.send({"type": "http.response.body", "body": body})

    def _count(self, call: Call, status: int, took_s: float) -> None:
        method = call.scope["method"] if call.scope["method"] in METHODS else "other"
        self.house.metrics.requests.labels(method, call.path, str(status or LEFT_EARLY)).inc()
        self.house.metrics.latency.labels(call.path).observe(took_s)


def _cors(scope: Scope) -> list[tuple[bytes, bytes]]:
    if not any(name == b"origin" for name, _ in scope["headers"]):
        return []
    return [
        (b"access-control-allow-origin", b"*"),
        (b"access-control-expose-headers", EXPOSED),
    ]

"""The outer layers: a request id on every answer, CORS, and JSON for every error."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
import uuid_utils
from connexion.exceptions import ProblemException
from connexion.lifecycle import ConnexionRequest, ConnexionResponse
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware.cors import ALL_METHODS, CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphstead.contract.exchange import KEY, Exchange, exchange_of
from graphstead.contract.json_rpc import rpc_fault
from graphstead.figures import FIGURES
from graphstead.problems import ForeignProblem, Problem, ServerError, Unprocessable

__all__ = [
    "EXPOSED_HEADERS",
    "ClientLeft",
    "ContractCors",
    "CorsPolicy",
    "EdgeMiddleware",
    "answer_connexion_problem",
    "answer_http_exception",
    "answer_problem",
    "answer_unexpected",
    "log_unexpected",
    "request_id_of",
]

log = logging.getLogger("graphstead.contract")

MAX_REQUEST_ID = 255
EXPOSED_HEADERS = (
    "Location",
    "Content-Location",
    "X-Pagination-Total",
    "X-Pagination-Next",
    "X-Request-Id",
    "ETag",
    "Idempotent-Replayed",
    "Graphstead-Ignored",
    "Retry-After",
)
METHODS = frozenset(ALL_METHODS)
# As nginx counts clients that left before their answer.
LEFT_EARLY = 499
PHRASES = {404: "Not Found", 405: "Method Not Allowed"}


class ClientLeft(Exception):
    """The client closed the connection before its request was complete."""


@dataclass(frozen=True, slots=True)
class CorsPolicy:
    """Which browser pages may call this server; the default is any page, without credentials."""

    allow_origins: Sequence[str] = ("*",)
    allow_origin_regex: str | None = None
    allow_methods: Sequence[str] = ALL_METHODS
    allow_headers: Sequence[str] = ("*",)
    allow_credentials: bool = False
    expose_headers: Sequence[str] = EXPOSED_HEADERS
    max_age_s: int = 600

    def admits(self, origin: str) -> bool:
        """Tell whether pages of this origin may call."""
        pattern = self.allow_origin_regex
        by_pattern = pattern is not None and re.fullmatch(pattern, origin) is not None
        return "*" in self.allow_origins or origin in self.allow_origins or by_pattern


class EdgeMiddleware:
    """The outermost layer: gives the request its id and keeps every fault from leaking out."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, whatever happens further in."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        scheme, path = scope.get("scheme", "http"), scope["path"]
        exchange = Exchange(request_id_of(scope), scope["headers"], scheme=scheme, path=path)
        scope["extensions"] = {**(scope.get("extensions") or {}), KEY: exchange}
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        structlog.contextvars.bind_contextvars(request_id=exchange.request_id)
        started_s, status = time.perf_counter(), 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *_edge_headers(exchange)]
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except ClientLeft:
            log.debug("client left early", extra={"request_id": exchange.request_id})
        except Exception as error:
            log_unexpected(exchange, error.__cause__ or error)
            if not status:
                await _send_problem(ServerError(), exchange, send_with_id)
        finally:
            _count(scope["method"], exchange, status, time.perf_counter() - started_s)


def _count(method: str, exchange: Exchange, status: int, took_s: float) -> None:
    """Count an answer under its path's template; names that clients make up become one."""
    path = exchange.operation.path if exchange.operation else ""
    method = method if method in METHODS else "other"
    FIGURES.answered(method, path, str(status or LEFT_EARLY), took_s * 1000)


def request_id_of(scope: Scope) -> str:
    """Return the id that the client gave its request, or a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            text: str = value.decode("latin-1")
            if 0 < len(text) <= MAX_REQUEST_ID and text.isascii() and text.isprintable():
                return text
    return uuid_utils.uuid4().hex


def _edge_headers(exchange: Exchange) -> list[tuple[bytes, bytes]]:
    headers = [(b"x-request-id", exchange.request_id.encode())]
    if exchange.ignored:
        headers.append((b"graphstead-ignored", ", ".join(exchange.ignored).encode()))
    return headers


def log_unexpected(exchange: Exchange, error: BaseException) -> None:
    """Log a fault with its traceback and the request that met it."""
    operation = exchange.operation.operation_id if exchange.operation else None
    log.error(
        "request %s failed: %r",
        exchange.request_id,
        error,
        exc_info=error,
        extra={"request_id": exchange.request_id, "operation_id": operation},
    )


async def _send_problem(problem: Problem, exchange: Exchange, send: Send) -> None:
    content = orjson.dumps(problem.to_body(exchange.request_id))
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
    ]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


class ContractCors(CORSMiddleware):
    """Starlette's CORS, out of the way when no browser asks, and with JSON refusals."""

    def __init__(self, app: ASGIApp, policy: CorsPolicy) -> None:
        super().__init__(
            app,
            allow_origins=policy.allow_origins,
            allow_methods=policy.allow_methods,
            allow_headers=policy.allow_headers,
            allow_credentials=policy.allow_credentials,
            allow_origin_regex=policy.allow_origin_regex,
            allow_private_network=True,
            expose_headers=policy.expose_headers,
            max_age=policy.max_age_s,
        )
        self._same_for_all = "*" in policy.allow_origins and not policy.allow_credentials

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the headers that a browser looks for, and answer its preflights."""
        if self._same_for_all and not _has_origin(scope):
            await self.app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answer a preflight; a refusal is JSON like every other error."""
        response = super().preflight_response(request_headers)
        if response.status_code < 400:
            return response
        headers = dict(response.headers)
        for name in ("content-length", "content-type"):
            headers.pop(name, None)
        detail = bytes(response.body).decode()
        body = orjson.dumps({"detail": detail, "code": "cors_refused"})
        return Response(body, response.status_code, headers, "application/json")


def _has_origin(scope: Scope) -> bool:
    return any(name == b"origin" for name, _ in scope.get("headers", ()))


def _answer(request: ConnexionRequest, problem: Problem) -> ConnexionResponse:
    exchange = exchange_of(request.scope)
    return ConnexionResponse(
        status_code=problem.status,
        content_type="application/json",
        body=orjson.dumps(problem.to_body(exchange.request_id)),
        headers=dict(problem.headers),
    )


async def answer_problem(request: ConnexionRequest, problem: Problem) -> ConnexionResponse:
    """Answer an error of our own tree, as JSON-RPC does where the operation says so."""
    operation = exchange_of(request.scope).operation
    if operation is not None and operation.rpc_by_status and isinstance(problem, Unprocessable):
        problem = rpc_fault(problem)
    if problem.status >= 500 and problem.status != 501:
        exchange = exchange_of(request.scope)
        log.error(
            "request %s answered %d: %s",
            exchange.request_id,
            problem.status,
            problem.detail,
            exc_info=problem,
            extra={"request_id": exchange.request_id},
        )
    return _answer(request, problem)


async def answer_http_exception(
    request: ConnexionRequest, error: HTTPException
) -> ConnexionResponse:
    """Answer an exception of Starlette, such as its 404, in our shape."""
    return _answer(request, _foreign(error.status_code, error.detail, error.headers))


async def answer_connexion_problem(
    request: ConnexionRequest, error: ProblemException
) -> ConnexionResponse:
    """Answer an exception of Connexion in our shape."""
    return _answer(request, _foreign(error.status, error.detail or error.title, error.headers))


async def answer_unexpected(request: ConnexionRequest, error: Exception) -> ConnexionResponse:
    """Answer a fault of this server; what happened goes to the log, never to the client."""
    if isinstance(error, ClientLeft):
        raise error
    log_unexpected(exchange_of(request.scope), error)
    return _answer(request, ServerError())


def _foreign(status: int, detail: Any, headers: Any) -> Problem:
    return ForeignProblem(status, str(detail or PHRASES.get(status, "")), headers)

"""The innermost layer: call the handler with what it names, and send what it returns."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import orjson
from connexion.apps.asynchronous import AsyncASGIApp
from connexion.middleware.abstract import RoutedAPI
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from graphstead.contract.answers import EventStream, KeepAliveJson, Raw, Reply
from graphstead.contract.compile import EVENT_STREAM, Operation
from graphstead.contract.delivery import (
    CheckFrames,
    send_bytes,
    send_events,
    send_slow_json,
    wire_headers,
)
from graphstead.contract.docs import StaticFile
from graphstead.contract.events import EventContract
from graphstead.contract.exchange import Drain, Exchange
from graphstead.contract.response import ResponseValidation, complain
from graphstead.problems import ServerError

__all__ = ["BoundApi", "ContractASGIApp"]

Handler: TypeAlias = Callable[..., Awaitable[Any]]
Answerer: TypeAlias = Callable[[Any, Exchange, Scope, Send], Awaitable[None]]

JSON = "application/json"
JSON_TYPE = (b"content-type", b"application/json")


class BoundApi(RoutedAPI):  # type: ignore[misc]
    """Bind every operation to its handler once, with its arguments listed beforehand."""

    def __init__(self, specification: Any, *, next_app: ASGIApp, **options: Any) -> None:
        super().__init__(specification, next_app=next_app, **options)
        self.compiled: Mapping[str, Operation] = options["compiled"]
        self.fixed = {"engine": options["engine"], "pages": options["pages"]}
        self.drain: Drain | None = options["drain"]
        self.mode: ResponseValidation = options["response_validation"]
        self.events: EventContract = options["events"]
        self.router = Router()
        self.add_paths()

    def make_operation(self, operation: Any) -> ASGIApp:
        """Return the application that answers one operation."""
        compiled = self.compiled[operation.operation_id]
        return bind(compiled, operation.function, self.fixed, self.answerer(compiled))

    def answerer(self, operation: Operation) -> Answerer:
        """Return what turns a handler's result into messages."""
        return _Answerer(operation, self.drain, self.frame_check(operation))

    def frame_check(self, operation: Operation) -> CheckFrames | None:
        """Return the judge of this operation's events; None when nobody asked for one."""
        mode, events = self.mode, self.events
        if mode == "off" or not events.streams(operation.operation_id):
            return None

        def check(chunk: bytes) -> None:
            faults = events.check_frames(operation.operation_id, chunk)
            if faults:
                complain(operation, list(faults), mode)

        return check


class ContractASGIApp(AsyncASGIApp):  # type: ignore[misc]
    """Connexion's native application with our binding of handlers."""

    api_cls = BoundApi


def bind(
    operation: Operation, handler: Handler, shared: Mapping[str, Any], answer: Answerer
) -> ASGIApp:
    """Return an application that calls the handler with exactly the arguments it takes.

    `shared` are those that all requests have in common.
    """
    taken = inspect.signature(handler).parameters
    own = {"asked", "caller", "disconnected", "request_id"} & taken.keys()
    wanted = tuple(taken.keys() - own - shared.keys())
    fixed = {name: value for name, value in shared.items() if name in taken}

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        exchange: Exchange = scope["extensions"]["contract"]
        arguments = exchange.arguments
        keywords = {name: arguments[name] for name in wanted}
        keywords.update(fixed)
        for name in own:
            keywords[name] = getattr(exchange, name)
        try:
            await answer(await handler(**keywords), exchange, scope, send)
        finally:
            if exchange.disconnected is not None:
                await exchange.disconnected.stop()

    return run


class _Answerer:
    """Sends the results of one operation with the statuses its contract declares."""

    def __init__(
        self, operation: Operation, drain: Drain | None, check: CheckFrames | None
    ) -> None:
        self.operation = operation
        self.drain = drain
        self.check = check
        self.json_status = operation.filled_status.get(JSON)
        self.empty_status = operation.empty_status

    async def __call__(self, result: Any, exchange: Exchange, scope: Scope, send: Send) -> None:
        if isinstance(result, Reply):
            await self.reply(result, send)
        elif isinstance(result, EventStream):
            await send_events(
                send,
                self.status(EVENT_STREAM),
                result,
                exchange,
                drain=self.drain,
                check=self.check,
                headers_only=scope["method"] == "HEAD",
            )
        elif isinstance(result, KeepAliveJson):
            await send_slow_json(
                send,
                self.status(JSON),
                result,
                exchange,
                drain=self.drain,
                headers_only=scope["method"] == "HEAD",
            )
        elif isinstance(result, Raw):
            headers = [(b"content-type", result.media_type.encode()), *wire_headers(result.headers)]
            await self.content(send, self.status(result.media_type), headers, result.content)
        elif isinstance(result, StaticFile):
            await result.send(scope, send)
        elif result is None:
            await self.empty(send, [])
        else:
            await self.json(send, result, [])

    async def reply(self, reply: Reply, send: Send) -> None:
        headers = wire_headers(reply.headers)
        if reply.empty:
            await self.empty(send, headers)
        else:
            await self.json(send, reply.body, headers)

    async def json(self, send: Send, value: Any, headers: list[tuple[bytes, bytes]]) -> None:
        status = self.json_status or self.status(JSON)
        await self.content(send, status, [JSON_TYPE, *headers], orjson.dumps(value))

    async def content(
        self, send: Send, status: int, headers: list[tuple[bytes, bytes]], content: bytes
    ) -> None:
        headers.append((b"content-length", b"%d" % len(content)))
        await send_bytes(send, status, headers, content)

    async def empty(self, send: Send, headers: list[tuple[bytes, bytes]]) -> None:
        if self.empty_status is None:
            raise ServerError(
                f"{self.operation.operation_id} returned nothing, "
                "but its contract declares no success without content"
            )
        await send_bytes(send, self.empty_status, headers, b"")

    def status(self, media_type: str) -> int:
        name = media_type.partition(";")[0].strip().lower()
        status = self.operation.filled_status.get(name)
        if status is None:
            raise ServerError(
                f"{self.operation.operation_id} answers {name}, which its contract does not declare"
            )
        return status

"""Send answers: plain JSON in two messages, event streams and slow JSON with an eye on the client.

Nothing here buffers. A stream ends when its source ends, the client leaves, or the server drains.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from typing import Any, TypeAlias

import orjson
from starlette.types import Send

from graphstead.contract.answers import EventStream, KeepAliveJson
from graphstead.contract.exchange import Drain, Exchange
from graphstead.figures import FIGURES
from graphstead.problems import Problem

__all__ = ["CheckFrames", "send_bytes", "send_events", "send_slow_json", "wire_headers"]

log = logging.getLogger("graphstead.contract")

CheckFrames: TypeAlias = Callable[[bytes], None]
WireHeaders: TypeAlias = list[tuple[bytes, bytes]]

EVENT_HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
)
JSON_HEADERS = ((b"content-type", b"application/json"),)
NEWLINE = b"\n"


def wire_headers(headers: Mapping[str, str]) -> WireHeaders:
    """Encode headers for ASGI: lower-case names, Latin-1 values."""
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]


async def send_bytes(send: Send, status: int, headers: WireHeaders, content: bytes) -> None:
    """Send one complete answer."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


async def _chunk(send: Send, content: bytes, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": content, "more_body": more})


class _Endings:
    """The two reasons to stop early, as tasks to wait on beside the work itself."""

    def __init__(self, exchange: Exchange, drain: Drain | None) -> None:
        self.tasks: set[asyncio.Task[Any]] = set()
        self.gone: asyncio.Task[Any] | None = None
        if exchange.disconnected is not None:
            self.gone = asyncio.create_task(exchange.disconnected.wait())
            self.tasks.add(self.gone)
        if drain is not None:
            self.tasks.add(asyncio.create_task(_returning(drain.wait())))

    @property
    def client_left(self) -> bool:
        return self.gone is not None and self.gone.done()

    async def close(self, *others: asyncio.Future[Any]) -> None:
        """Cancel what still runs and wait until it has."""
        everything = {*self.tasks, *others}
        for task in everything:
            task.cancel()
        done, _ = await asyncio.wait(everything) if everything else (set(), set())
        for task in done:
            if not task.cancelled():
                task.exception()


async def _returning(waiting: Coroutine[Any, Any, Any]) -> Any:
    return await waiting


async def send_events(
    send: Send,
    status: int,
    stream: EventStream,
    exchange: Exchange,
    *,
    drain: Drain | None = None,
    check: CheckFrames | None = None,
    headers_only: bool = False,
) -> None:
    """Stream frames as they come; a fault of the source becomes a last ``error`` event.

    When the server drains, a stream with a Location stays incomplete behind a whole frame. SDKs
    rejoin it there; after a clean end they would ask for the run, and miss its last events where
    it has ended meanwhile.
    """
    headers = [*EVENT_HEADERS, *wire_headers(stream.headers)]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    if headers_only:
        await _close(stream.frames)
        await _chunk(send, b"", more=False)
        return
    endings = _Endings(exchange, drain)
    pump = asyncio.create_task(_pump(send, stream.frames, check, exchange))
    FIGURES.raise_level("graphstead_open_streams", 1)
    try:
        await asyncio.wait({pump, *endings.tasks}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        FIGURES.raise_level("graphstead_open_streams", -1)
        whole, left = pump.done(), endings.client_left
        await endings.close(pump)
    # A clean end says that all was told: where it was not, clients shall take the stream up again.
    if not left and (whole or not any(name == b"location" for name, _ in headers)):
        await _chunk(send, b"", more=False)


async def _pump(
    send: Send,
    frames: AsyncIterator[bytes],
    check: CheckFrames | None,
    exchange: Exchange,
) -> None:
    try:
        async for chunk in frames:
            if check is not None:
                check(chunk)
            await _chunk(send, chunk)
    except Exception as error:
        _log_fault("the event stream", exchange, error)
        await _chunk(send, b"event: error\ndata: " + _fault(error) + b"\n\n")
    finally:
        await _close(frames)


def _log_fault(what: str, exchange: Exchange, error: BaseException) -> None:
    log.error(
        "request %s: %s failed: %r",
        exchange.request_id,
        what,
        error,
        exc_info=error,
        extra={"request_id": exchange.request_id},
    )


async def _close(frames: AsyncIterator[bytes]) -> None:
    close = getattr(frames, "aclose", None)
    if close is not None:
        await close()


def _fault(error: Exception) -> bytes:
    if isinstance(error, Problem):
        return orjson.dumps({"error": type(error).__name__, "message": error.detail})
    return orjson.dumps({"error": "ServerError", "message": "The server failed to go on"})


async def send_slow_json(
    send: Send,
    status: int,
    answer: KeepAliveJson,
    exchange: Exchange,
    *,
    drain: Drain | None = None,
    headers_only: bool = False,
) -> None:
    """Send JSON once it is ready, and a newline now and then until it is.

    When the server drains the answer stays incomplete on purpose: clients then rejoin the run
    at its Location, which a complete but empty body would not make them do.
    """
    headers = [*JSON_HEADERS, *wire_headers(answer.headers)]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    body = asyncio.ensure_future(answer.body)
    if headers_only:
        body.cancel()
        await asyncio.wait([body])
        await _chunk(send, b"", more=False)
        return
    endings = _Endings(exchange, drain)
    try:
        while not body.done():
            done, _ = await asyncio.wait(
                {body, *endings.tasks},
                timeout=answer.interval_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if not done:
                await _chunk(send, NEWLINE)
            elif body not in done:
                return
        await _chunk(send, _outcome(body, exchange), more=False)
    finally:
        await endings.close(body)


def _outcome(body: asyncio.Future[bytes], exchange: Exchange) -> bytes:
    error = body.exception()
    if error is None:
        return body.result()
    _log_fault("the awaited answer", exchange, error)
    fault = orjson.Fragment(_fault(error if isinstance(error, Exception) else Exception()))
    return orjson.dumps({"__error__": fault})

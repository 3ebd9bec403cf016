"""A load client that costs little: raw keep-alive connections, requests encoded beforehand.

It shares the machine with the server it loads, so every microsecond it saves is the server's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import httptools
import orjson

__all__ = ["Address", "Answer", "Connection", "closed_loop", "connections", "encode", "in_turn"]

T = TypeVar("T")
Heard = Callable[[bytes], None]


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens."""

    port: int
    host: str = "127.0.0.1"


@dataclass(slots=True)
class Answer:
    """A complete answer; `body` is empty where somebody else heard it."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    def json(self) -> Any:
        """Return the decoded body; raises RuntimeError for anything but success."""
        if self.status >= 300:
            raise RuntimeError(f"status {self.status}: {self.body[:300]!r}")
        return orjson.loads(self.body)


def encode(method: str, path: str, body: Any = None) -> bytes:
    """Return the bytes of a request; `body` goes as JSON."""
    content = b"" if body is None else orjson.dumps(body)
    head = f"{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(content)}\r\n"
    if content:
        head += "content-type: application/json\r\n"
    return head.encode() + b"\r\n" + content


class Connection(asyncio.Protocol):
    """One keep-alive connection with one request under way at a time."""

    def __init__(self) -> None:
        self._future: asyncio.Future[Answer] | None = None
        self._heard: Heard | None = None
        self._length = 0
        self._received = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._future is not None and not self._future.done():
            self._future.set_exception(exc or ConnectionError("closed before the answer"))

    def close(self) -> None:
        self._transport.close()

    async def call(self, request: bytes, heard: Heard | None = None) -> Answer:
        """Send a request and return its answer; body parts go to `heard` as they come."""
        self._heard, self._answer = heard, Answer(0)
        self._parts: list[bytes] = []
        self._parser = httptools.HttpResponseParser(self)
        return await self._send(request)

    async def _send(self, request: bytes) -> Answer:
        self._future = asyncio.get_running_loop().create_future()
        self._received = 0
        self._transport.write(request)
        return await self._future

    async def repeat(self, request: bytes) -> None:
        """Send again what `call` sent before; only the length of the answer is looked at.

        Raises RuntimeError where the answer differs in status or length.
        """
        self._length = self._length or self._received
        await self._send(request)
        if self._received != self._length:
            raise RuntimeError(f"{self._received} bytes instead of {self._length}")

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        if not self._length:
            self._parser.feed_data(data)
        elif self._received >= self._length:
            assert self._future is not None
            self._future.set_result(self._answer)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._answer.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, part: bytes) -> None:
        if self._heard is not None:
            self._heard(part)
        else:
            self._parts.append(part)

    def on_message_complete(self) -> None:
        self._answer.status = self._parser.get_status_code()
        self._answer.body = b"".join(self._parts)
        if self._future is not None and not self._future.done():
            self._future.set_result(self._answer)


@asynccontextmanager
async def connections(address: Address, number: int) -> AsyncIterator[list[Connection]]:
    """Open connections, and close them at the end."""
    loop = asyncio.get_running_loop()
    opened = [
        (await loop.create_connection(Connection, address.host, address.port))[1]
        for _ in range(number)
    ]
    try:
        yield opened
    finally:
        for connection in opened:
            connection.close()


async def closed_loop(
    address: Address, number: int, seconds: float, request: bytes
) -> tuple[float, list[float]]:
    """Keep `number` clients busy with one request; return requests/s and latencies in s.

    Every answer must be as long as the first ones, which are checked and not counted.
    """
    latencies: list[float] = []

    async def first(connection: Connection) -> None:
        (await connection.call(request)).json()

    async def client(connection: Connection) -> None:
        now = began
        while now < began + seconds:
            started_s = now
            await connection.repeat(request)
            now = time.perf_counter()
            latencies.append(now - started_s)

    async with connections(address, number) as opened:
        await asyncio.gather(*map(first, opened))
        began = time.perf_counter()
        await asyncio.gather(*map(client, opened))
        return len(latencies) / (time.perf_counter() - began), latencies


async def in_turn(
    opened: Sequence[Connection],
    jobs: Sequence[bytes],
    use: Callable[[Connection, bytes], Awaitable[T]],
) -> list[T]:
    """Give each job to the next free connection; return the results in the order of arrival."""
    waiting = iter(jobs)
    results: list[T] = []

    async def client(connection: Connection) -> None:
        for job in waiting:
            results.append(await use(connection, job))

    await asyncio.gather(*map(client, opened))
    return results

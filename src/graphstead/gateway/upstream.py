"""The server behind the gateway: a pool of raw connections, and answers that stream."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import httpcore

from graphstead.contract.middleware import ClientLeft
from graphstead.gateway.contract import AnswerHead
from graphstead.gateway.frames import TooLong
from graphstead.gateway.headers import answer_headers
from graphstead.gateway.network import AsyncioBackend
from graphstead.gateway.settings import GatewaySettings
from graphstead.problems import BadGateway, GatewayTimeout, Problem

__all__ = ["CutShort", "Upstream", "UpstreamAnswer"]

# Shorter than servers keep idle connections, so that none is taken up that is just being closed.
IDLE_S = 3.0
FAULT_OF_SERVER = 500
REPEATABLE = frozenset({"GET", "HEAD"})
LOST = (httpcore.ReadError, httpcore.WriteError, httpcore.RemoteProtocolError)
Content = bytes | AsyncIterator[bytes]


class CutShort(Exception):
    """The answer ended before it was complete."""


class UpstreamAnswer:
    """Its head, and its bytes as they come."""

    def __init__(self, head: AnswerHead, stream: Any) -> None:
        self.head = head
        self._stream = stream

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the bytes of the body. Raises CutShort."""
        try:
            async for chunk in self._stream:
                yield chunk
        except httpcore.ReadTimeout as error:
            raise CutShort("nothing came in time") from error
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise CutShort(str(error)) from error

    async def read(self, most_bytes: int) -> bytes:
        """Return the whole body. Raises CutShort, TooLong."""
        content = bytearray()
        async with aclosing(self.chunks()) as chunks:
            async for chunk in chunks:
                content += chunk
                if len(content) > most_bytes:
                    raise TooLong
        return bytes(content)


class Upstream:
    """Sends requests on, each over a kept connection."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._target = settings.target
        self._timeouts = {
            "connect": settings.connect_s,
            "pool": settings.connect_s,
            "read": settings.timeout_s,
            "write": settings.timeout_s,
        }
        self._pool = httpcore.AsyncConnectionPool(
            max_connections=None,
            max_keepalive_connections=200,
            keepalive_expiry=IDLE_S,
            network_backend=AsyncioBackend(),
            ssl_context=ssl.create_default_context() if self._target.scheme == "https" else None,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.aclose()

    @asynccontextmanager
    async def asked(
        self, method: str, path: bytes, headers: list[tuple[bytes, bytes]], content: Content
    ) -> AsyncIterator[UpstreamAnswer]:
        """Send a request, and close its answer afterwards, complete or not.

        Raises BadGateway, GatewayTimeout.
        """
        request = httpcore.Request(
            method,
            httpcore.URL(
                scheme=self._target.scheme,
                host=self._target.host,
                port=self._target.port,
                target=self._target.prefix.encode() + path,
            ),
            headers=headers,
            content=content,
            extensions={"timeout": self._timeouts},
        )
        response = await self._answer(request, again=method in REPEATABLE)
        try:
            told = answer_headers(response.headers, self._target)
            yield UpstreamAnswer(AnswerHead(response.status, told), response.stream)
        finally:
            await response.aclose()
            if response.status >= FAULT_OF_SERVER:
                # Servers close the connection after a fault, some without a word: the next request
                # would run into that.
                await response.extensions["network_stream"].aclose()

    async def _answer(self, request: httpcore.Request, *, again: bool) -> httpcore.Response:
        try:
            return await self._pool.handle_async_request(request)
        except LOST as error:
            if again:
                return await self._answer(request, again=False)
            raise _problem(error) from error
        except ClientLeft:
            raise
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise _problem(error) from error


def _problem(error: Exception) -> Problem:
    """Say what happened without telling where the server is."""
    if isinstance(error, httpcore.ConnectTimeout | httpcore.PoolTimeout):
        return GatewayTimeout("The server behind this gateway cannot be reached in time")
    if isinstance(error, httpcore.TimeoutException):
        return GatewayTimeout()
    if isinstance(error, httpcore.ConnectError):
        return BadGateway("The server behind this gateway cannot be reached")
    return BadGateway("The server behind this gateway broke the connection off")

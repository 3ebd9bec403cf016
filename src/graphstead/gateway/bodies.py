"""Read the body of a request up to a limit; what is longer goes on as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.types import Receive

from graphstead.contract.exchange import Headers
from graphstead.contract.middleware import ClientLeft

__all__ = ["Body", "read_body"]


class Body:
    """What was read, and the way to read the rest, if there is one."""

    def __init__(self, first: bytes, receive: Receive | None, *, is_whole: bool = False) -> None:
        self.first = first
        # Told apart from "nothing more to read": how a body is cut into messages is chance,
        # and must not decide whether one that is too long is judged.
        self.is_whole = is_whole
        self._receive = receive
        self._all_read = asyncio.Event()
        if receive is None:
            self._all_read.set()

    @property
    def length(self) -> int | None:
        """Return its length in bytes, where all of it has been read."""
        return len(self.first) if self._receive is None else None

    def content(self) -> bytes | AsyncIterator[bytes]:
        """Return the body as it is to be sent on."""
        return self.first if self._receive is None else self._chunks()

    async def taken(self) -> None:
        """Return once the client has nothing more to send."""
        await self._all_read.wait()

    async def _chunks(self) -> AsyncIterator[bytes]:
        assert self._receive is not None
        yield self.first
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientLeft
            more = message.get("more_body", False)
            yield message.get("body", b"")
        self._all_read.set()


async def read_body(receive: Receive, headers: Headers, most_bytes: int) -> Body:
    """Read a body, or the beginning of one that is too long. Raises ClientLeft."""
    announced = next((value for name, value in headers if name == b"content-length"), b"0")
    if announced.isdigit() and int(announced) > most_bytes:
        return Body(b"", receive)
    content = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        content += message.get("body", b"")
        more = message.get("more_body", False)
        if len(content) > most_bytes:
            return Body(bytes(content), receive if more else None)
    return Body(bytes(content), None, is_whole=True)

"""A TCP proxy that breaks off answers at random moments, as bad networks do."""

from __future__ import annotations

import asyncio
import random
import re
import socket
import struct
from collections import Counter
from contextlib import suppress
from types import TracebackType
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

Kind: TypeAlias = Literal["stream", "wait", "other"]
MOST: dict[Kind, int] = {"stream": 7, "wait": 1, "other": 0}

REQUEST = re.compile(rb"(GET|POST) (\S+) HTTP/1.1\r\n")
FIRST_FRAME = re.compile(rb"\bid: \d+(?:-\d+)?\r\n\r\n")
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
BYTES = 65_536


class DroppingProxy:
    """Stand between clients and a server; cut event streams and slow answers, leave the rest alone.

    Streams are cut behind a random number of bytes, in the middle of a frame, a line or a
    character; but a new run's first event gets through, for a client without any id cannot
    resume. Slow answers are cut a little after their headers. A path that is fetched again is
    cut no more often than `MOST` says.
    """

    def __init__(self, target: str, seed: int, *, mean_bytes: int) -> None:
        self._host, self._port = urlsplit(target).hostname, urlsplit(target).port
        self._random = random.Random(seed)
        self._mean_bytes = mean_bytes
        self._drops_by_path: Counter[bytes] = Counter()
        self._writers: set[asyncio.StreamWriter] = set()
        self.drops: Counter[Kind] = Counter()
        self.url = ""

    async def __aenter__(self) -> DroppingProxy:
        self._server = await asyncio.start_server(self._link, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        while self._writers:
            for writer in self._writers:
                writer.close()
            await asyncio.sleep(0.01)

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection's bytes both ways until either side ends or the dice say so."""
        up_reader, up_writer = await asyncio.open_connection(self._host, self._port)
        connection = _Connection(self, writer)
        self._writers.add(writer)
        ways = [
            asyncio.create_task(_carry_up(reader, up_writer, connection)),
            asyncio.create_task(_carry_down(up_reader, connection)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            up_writer.close()
            writer.close()
            self._writers.discard(writer)

    def kind(self, request: bytes, head: bytes) -> Kind:
        """Tell what an answer is, from the request line and its own headers."""
        if b"text/event-stream" in head:
            return "stream"
        return "wait" if request.endswith((b"/wait", b"/join")) else "other"

    def may_cut(self, kind: Kind, path: bytes) -> bool:
        """Say whether an answer under this path may be cut once more."""
        return self._drops_by_path[path] < MOST[kind]

    def note_cut(self, kind: Kind, path: bytes) -> None:
        """Count a cut."""
        self.drops[kind] += 1
        self._drops_by_path[path] += 1

    def dice_bytes(self) -> int:
        """Draw how many bytes of a stream get through."""
        return int(self._random.expovariate(1 / self._mean_bytes))

    def dice_s(self) -> float:
        """Draw how long a slow answer stays whole."""
        return self._random.uniform(0, 0.2)

    def dice_abrupt(self) -> bool:
        """Draw whether a connection is reset rather than closed."""
        return self._random.random() < 0.5


class _Connection:
    """The client's side of one link: knows the request under way and how much may still pass."""

    def __init__(self, proxy: DroppingProxy, writer: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._writer = writer
        self._left_bytes: int | None = None
        self._method = self._path = b""
        self._sent = b""

    def note_request(self, content: bytes) -> None:
        if asked := REQUEST.match(content):
            self._method, self._path = asked[1], asked[2].partition(b"?")[0]
            self._left_bytes = None

    async def pass_on(self, content: bytes) -> bool:
        """Send what may pass; return false once the connection is cut."""
        if content.startswith(b"HTTP/1.1 ") and self._left_bytes is None:
            head, _, _ = content.partition(b"\r\n\r\n")
            kind = self._proxy.kind(self._path, head)
            new_run = self._method == b"POST"
            may = (new_run and kind != "other") or self._proxy.may_cut(kind, self._path)
            if may and kind == "wait":
                await self._cut_wait(head)
                return False
            if may:
                self._left_bytes = len(head) + 4 + self._proxy.dice_bytes()
                self._sent = b""
        return await self._pass_some(content)

    async def _pass_some(self, content: bytes) -> bool:
        if self._left_bytes is None:
            self._writer.write(content)
            await self._writer.drain()
            return True
        whole = self._whole_bytes(content)
        passing = content[: max(self._left_bytes, whole)]
        self._left_bytes -= len(passing)
        self._writer.write(passing)
        await self._writer.drain()
        if self._left_bytes > 0:
            return True
        self._cut("stream")
        return False

    def _whole_bytes(self, content: bytes) -> int:
        """Return how much must pass: of a new run's stream all up to its first event."""
        if self._method != b"POST" or FIRST_FRAME.search(self._sent):
            return 0
        before = len(self._sent)
        self._sent += content
        first = FIRST_FRAME.search(self._sent)
        return first.end() - before if first else len(content)

    async def _cut_wait(self, head: bytes) -> None:
        self._writer.write(head + b"\r\n\r\n")
        await self._writer.drain()
        await asyncio.sleep(self._proxy.dice_s())
        self._cut("wait")

    def _cut(self, kind: Kind) -> None:
        self._proxy.note_cut(kind, self._path)
        if self._method == b"GET" and self._proxy.dice_abrupt():
            sock = self._writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            self._writer.transport.abort()
        else:
            self._writer.close()


async def _carry_up(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: _Connection
) -> None:
    with suppress(ConnectionError):
        while content := await reader.read(BYTES):
            connection.note_request(content)
            writer.write(content)
            await writer.drain()


async def _carry_down(reader: asyncio.StreamReader, connection: _Connection) -> None:
    with suppress(ConnectionError):
        while content := await reader.read(BYTES):
            if not await connection.pass_on(content):
                return

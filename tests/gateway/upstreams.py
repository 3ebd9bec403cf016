"""A scripted server behind the gateway: it says byte for byte what a test wants it to say."""

from __future__ import annotations

import json
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n"
)


@dataclass(frozen=True)
class Seen:
    """A request as it arrived."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for found, value in self.headers if found == name), None)


class Wire:
    """The connection that an answer goes out on."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def send(self, content: bytes) -> None:
        self._connection.sendall(content)

    def chunk(self, content: bytes) -> None:
        """Send one chunk of a chunked body."""
        self.send(b"%x\r\n%b\r\n" % (len(content), content))

    def begin_stream(self, *headers: bytes) -> None:
        self.send(STREAM_HEAD + b"".join(one + b"\r\n" for one in headers) + b"\r\n")

    def end_stream(self) -> None:
        self.send(b"0\r\n\r\n")

    def is_left(self, timeout_s: float = 30) -> bool:
        """Wait until the other side closes the connection."""
        self._connection.settimeout(timeout_s)
        try:
            return self._connection.recv(1) == b""
        except ConnectionError:
            return True
        except TimeoutError:
            return False


Answer = Callable[[Seen, Wire], None]


@dataclass
class Upstream:
    """`answer` is what the next requests get; `seen` are the requests so far."""

    url: str = ""
    answer: Answer = field(default_factory=lambda: says_json({}))
    seen: list[Seen] = field(default_factory=list)


def says(status: int, content: bytes = b"", *headers: str) -> Answer:
    """Answer with these bytes."""
    length = [] if any(one.startswith("content-length") for one in headers) else [len(content)]
    lines = [f"HTTP/1.1 {status} Whatever", *headers]
    lines += [f"content-length: {number}" for number in length]
    head = "\r\n".join([*lines, "connection: close", "", ""]).encode()

    def answer(seen: Seen, wire: Wire) -> None:
        wire.send(head + (b"" if seen.method == "HEAD" else content))

    return answer


def says_json(value: Any, status: int = 200, *headers: str) -> Answer:
    """Answer with JSON."""
    return says(status, json.dumps(value).encode(), "content-type: application/json", *headers)


def streams(*chunks: bytes, headers: tuple[bytes, ...] = ()) -> Answer:
    """Answer with a stream of these chunks."""

    def answer(seen: Seen, wire: Wire) -> None:
        wire.begin_stream(*headers)
        for chunk in chunks:
            wire.chunk(chunk)
        wire.end_stream()

    return answer


@contextmanager
def upstream() -> Iterator[Upstream]:
    """Serve on a free port of the loopback."""
    told = Upstream()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            if (seen := self.read()) is None:
                return
            told.seen.append(seen)
            try:
                told.answer(seen, Wire(self.connection))
            except OSError:
                return

        def read(self) -> Seen | None:
            first = self.rfile.readline().decode().split()
            if len(first) != 3:
                return None
            headers = []
            while line := self.rfile.readline().strip():
                name, _, value = line.decode("latin-1").partition(":")
                headers.append((name.lower(), value.strip()))
            return Seen(first[0], first[1], headers, self.body(dict(headers)))

        def body(self, headers: dict[str, str]) -> bytes:
            if headers.get("transfer-encoding") != "chunked":
                return self.rfile.read(int(headers.get("content-length", 0)))
            content = b""
            while size := int(self.rfile.readline(), 16):
                content += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return content

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Handler) as server:
        told.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield told
        finally:
            server.shutdown()
            thread.join()

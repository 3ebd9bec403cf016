"""A real receiver of webhooks for tests: remembers its calls, answers as it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Receiver:
    """`answers` are used up in order, the last one again and again: (status, location)."""

    url: str = ""
    answers: list[tuple[int, str]] = field(default_factory=lambda: [(200, "")])
    calls: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(body) for _, _, body in self.calls]

    def next_answer(self) -> tuple[int, str]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def on_loopback(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve on a free port in a thread of its own; yield the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def receiving(given: Receiver | None = None) -> Iterator[Receiver]:
    """Serve on a free port of the loopback."""
    receiver = given or Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            named = {name.lower(): value for name, value in self.headers.items()}
            receiver.calls.append((self.path, named, body))
            status, location = receiver.next_answer()
            self.send_response(status)
            if location:
                self.send_header("location", location)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    with on_loopback(Handler) as receiver.url:
        yield receiver


@dataclass
class HoldingReceiver(Receiver):
    """Keeps every caller waiting for its answer until `open` is set."""

    open: threading.Event = field(default_factory=threading.Event)

    def next_answer(self) -> tuple[int, str]:
        self.open.wait(60)
        return super().next_answer()


@contextmanager
def holding() -> Iterator[HoldingReceiver]:
    """Serve on a free port; calls are remembered at once and answered late."""
    receiver = HoldingReceiver()
    with receiving(receiver):
        yield receiver

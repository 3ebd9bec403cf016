"""Real server processes for tests: start, wait, kill, restart."""

from __future__ import annotations

import json
import math
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from databases import database_of, rows_of
from ports import free_port
from processes import START_S, Process

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples" / "langgraph.json"
PATIENCE_S = 60.0


def until_true(check: Callable[[], bool], timeout_s: float = PATIENCE_S) -> None:
    """Ask again and again until the answer is true: soon, but for a machine that is busy."""
    until_s = time.monotonic() + timeout_s
    while not check():
        assert time.monotonic() < until_s, f"not within {timeout_s} s"
        time.sleep(0.1)


class Server(Process):
    """A `graphstead dev` (or `serve`) process over a data folder of its own."""

    def __init__(
        self,
        data_dir: Path,
        *,
        args: Sequence[str] = (),
        command: str = "dev",
        config: Path = EXAMPLES,
        env: Mapping[str, str] | None = None,
        port: int | None = None,
    ) -> None:
        self.data_dir = data_dir
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        quiet = ["--no-reload", "--no-browser"] if command == "dev" else []
        line = [sys.executable, "-m", "graphstead", command, "--config", str(config)]
        line += ["--port", str(self.port), "--data", str(data_dir), *quiet, *args]
        strict = {"GRAPHSTEAD_RESPONSE_VALIDATION": "strict"}
        log = data_dir.with_name(f"{data_dir.name}-{self.port}.log")
        super().__init__(line, {**strict, **database_of(data_dir), **(env or {})}, log)

    @property
    def database(self) -> Path:
        return self.data_dir / "graphstead.sqlite3"

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask the server's database itself; `?` stands for a value."""
        return rows_of(self.data_dir, sql, values)

    def start(self, *, wait: bool = True) -> Server:
        """Start the process; by default return when it answers /ok."""
        self.launch()
        if wait:
            self.wait_ok()
        return self

    def wait_ok(self, timeout_s: float = START_S) -> None:
        """Wait until the server answers; raise with its log when it does not."""
        self.wait_until_answers(f"{self.url}/ok", timeout_s)

    def restart(self, *, kill: bool = False) -> Server:
        """Stop (or kill) it and start it again on the same port and data."""
        self.kill() if kill else self.stop()
        return self.start()

    def call(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        """Send one request; `json`, `headers` and so on as for httpx."""
        return httpx.request(method, self.url + path, **{"timeout": 60, **kwargs})

    def ask_and_leave(self, path: str, body: Any, once: Callable[[], bool], **headers: str) -> None:
        """Post a request, and hang up without an answer as soon as `once` is true."""
        content = json.dumps(body).encode()
        told = {
            "host": f"127.0.0.1:{self.port}",
            "content-type": "application/json",
            "content-length": str(len(content)),
            **headers,
        }
        lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in told.items())]
        with socket.create_connection(("127.0.0.1", self.port), timeout=START_S) as wire:
            wire.sendall("\r\n".join([*lines, "", ""]).encode() + content)
            until_true(once)

    def get(self, path: str, **kwargs: Any) -> httpx.Response:
        return self.call("GET", path, **kwargs)

    def post(self, path: str, body: Any = None, **kwargs: Any) -> httpx.Response:
        return self.call("POST", path, json=body, **kwargs)


def broken_off(stream: httpx.Response, server: Server) -> str:
    """Stop the server behind the first custom event; return what the stream said until it broke."""
    heard, started_s = "", math.inf
    with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
        for text in stream.iter_text():
            heard += text
            if started_s == math.inf and "event: custom" in heard:
                started_s = time.monotonic()
                server.ask_to_stop()
    assert time.monotonic() - started_s < 30, "the run would take a minute"
    return heard

"""Real server processes for tests: start, wait, kill, restart."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
from databases import database_of, rows_of

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples" / "langgraph.json"
START_S = 60.0


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def until_true(check: Callable[[], bool], timeout_s: float) -> None:
    """Ask again and again until the answer is true."""
    until_s = time.monotonic() + timeout_s
    while not check():
        assert time.monotonic() < until_s, f"not within {timeout_s} s"
        time.sleep(0.1)


class Server:
    """A `graphstead dev` (or `serve`) process over a data folder of its own."""

    def __init__(
        self,
        data_dir: Path,
        *,
        args: Sequence[str] = (),
        command: str = "dev",
        config: Path = EXAMPLES,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_path = data_dir.with_name(f"{data_dir.name}-{self.port}.log")
        self.process: subprocess.Popen[bytes] | None = None
        quiet = ["--no-reload", "--no-browser"] if command == "dev" else []
        self.command = [sys.executable, "-m", "graphstead", command, "--config", str(config)]
        self.command += ["--port", str(self.port), "--data", str(data_dir), *quiet, *args]
        strict = {"GRAPHSTEAD_RESPONSE_VALIDATION": "strict"}
        self._env = {**os.environ, **strict, **database_of(data_dir), **(env or {})}

    @property
    def database(self) -> Path:
        return self.data_dir / "graphstead.sqlite3"

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask the server's database itself; `?` stands for a value."""
        return rows_of(self.data_dir, sql, values)

    @property
    def log(self) -> str:
        """What the process wrote so far, stdout and stderr together."""
        return self.log_path.read_text(errors="replace")

    def start(self, *, wait: bool = True) -> Server:
        """Start the process; by default return when it answers /ok."""
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._env,
                start_new_session=True,
            )
        if wait:
            self.wait_ok()
        return self

    def wait_ok(self, timeout_s: float = START_S) -> None:
        """Wait until the server answers; raise with its log when it does not."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            if self.running.poll() is not None:
                raise RuntimeError(f"server ended with {self.running.returncode}:\n{self.log}")
            try:
                if httpx.get(f"{self.url}/ok", timeout=5).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise TimeoutError(f"no answer from {self.url}:\n{self.log}")

    @property
    def running(self) -> subprocess.Popen[bytes]:
        assert self.process is not None, "start it first"
        return self.process

    def stop(self, timeout_s: float = 30) -> int:
        """End it by SIGTERM; return the exit code."""
        if self.running.poll() is None:
            self.running.terminate()
        return self.running.wait(timeout_s)

    def kill(self) -> None:
        """End it and all its children by SIGKILL, as a crash would."""
        if self.running.poll() is None:
            os.killpg(self.running.pid, signal.SIGKILL)
        self.running.wait(10)

    def restart(self, *, kill: bool = False) -> Server:
        """Stop (or kill) it and start it again on the same port and data."""
        self.kill() if kill else self.stop()
        return self.start()

    def call(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        """Send one request; `json`, `headers` and so on as for httpx."""
        return httpx.request(method, self.url + path, **{"timeout": 60, **kwargs})

    def get(self, path: str, **kwargs: Any) -> httpx.Response:
        return self.call("GET", path, **kwargs)

    def post(self, path: str, body: Any = None, **kwargs: Any) -> httpx.Response:
        return self.call("POST", path, json=body, **kwargs)

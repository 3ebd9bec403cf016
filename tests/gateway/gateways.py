"""Real `graphstead gateway` processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
from ports import free_port
from processes import START_S


class Gateway:
    """One gateway before one server."""

    def __init__(
        self, folder: Path, upstream: str, *args: str, env: Mapping[str, str] | None = None
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_path = folder / f"gateway-{self.port}.log"
        command = [sys.executable, "-m", "graphstead", "gateway", "--upstream", upstream]
        command += ["--port", str(self.port), *args]
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder,
                env={**os.environ, **(env or {})},
            )

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def wait_ok(self) -> Gateway:
        """Wait until it serves; raise with its log when it does not."""
        until_s = time.monotonic() + START_S
        while time.monotonic() < until_s:
            if self.process.poll() is not None:
                raise RuntimeError(f"it ended with {self.process.returncode}:\n{self.log}")
            try:
                if httpx.get(f"{self.url}/_gateway/ok", timeout=5).status_code == 200:
                    return self
            except httpx.TransportError:
                time.sleep(0.05)
        raise TimeoutError(self.log)

    def stop(self) -> int:
        """End it by SIGTERM; return the exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(30)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)

    def call(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        return httpx.request(method, self.url + path, **{"timeout": 60, **kwargs})

    def get(self, path: str, **kwargs: Any) -> httpx.Response:
        return self.call("GET", path, **kwargs)

    def post(self, path: str, body: Any = None, **kwargs: Any) -> httpx.Response:
        return self.call("POST", path, json=body, **kwargs)

    def findings(self, side: str) -> dict[tuple[str, str], dict[str, Any]]:
        """Return what is on record against a side, by operation and rule."""
        report = self.get("/_gateway/report.json").json()
        return {
            (one["operation"], one["rule"]): one
            for one in report["findings"]
            if one["side"] == side
        }

    def count(self, side: str, operation: str, rule: str) -> int:
        """Return how often a rule was broken."""
        found = self.findings(side).get((operation, rule))
        return 0 if found is None else int(found["count"])

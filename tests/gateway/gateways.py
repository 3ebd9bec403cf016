"""Real `graphstead gateway` processes."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
from ports import free_port
from processes import Process


class Gateway(Process):
    """One gateway before one server."""

    def __init__(
        self, folder: Path, upstream: str, *args: str, env: Mapping[str, str] | None = None
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = [sys.executable, "-m", "graphstead", "gateway", "--upstream", upstream]
        command += ["--port", str(self.port), *args]
        super().__init__(command, env or {}, folder / f"gateway-{self.port}.log", cwd=folder)
        self.launch()

    def wait_ok(self) -> Gateway:
        """Wait until it serves; raise with its log when it does not."""
        self.wait_until_answers(f"{self.url}/_gateway/ok")
        return self

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

"""Clients that keep creating runs while the server dies and returns, and remember its answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

BATCH = 10
STEPS = 3


@dataclass(frozen=True)
class Acked:
    """A run that the server has answered for."""

    thread_id: str
    run_id: str
    temporary: bool


@dataclass
class Crowd:
    """Four clients, each with its own way of creating runs."""

    url: str
    marks: Path
    acked: list[Acked] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        ways = (self._on_thread, self._kept, self._temporary, self._batch)
        self._threads = [threading.Thread(target=self._repeat, args=(way,)) for way in ways]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self.over.set()
        for thread in self._threads:
            thread.join(30)

    def body(self, *, steps: int = STEPS, sleep_s: float = 0.02, **fields: Any) -> dict[str, Any]:
        given = {"marks": str(self.marks), "steps": steps, "sleep_s": sleep_s, "count": 0}
        return {"assistant_id": "walk", "input": given, "durability": "sync", **fields}

    def long_body(self, *, steps: int, sleep_s: float, **fields: Any) -> dict[str, Any]:
        """Return the body of a run that waits before each step until it is let on."""
        body = self.body(steps=steps, sleep_s=sleep_s, **fields)
        return {**body, "input": {**body["input"], "gates": str(self.gates)}}

    @property
    def gates(self) -> Path:
        return self.marks.with_name("gates")

    def _repeat(self, way: Callable[[httpx.Client, int], None]) -> None:
        turn = 0
        with httpx.Client(base_url=self.url, timeout=30) as client:
            while not self.over.is_set():
                turn += 1
                try:
                    way(client, turn)
                except httpx.TransportError:
                    continue
                finally:
                    time.sleep(0.05)

    def _post(self, client: httpx.Client, path: str, body: Any) -> Any:
        answer = client.post(path, json=body)
        if answer.status_code == 503:
            raise httpx.TransportError("still starting")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def _remember(self, run: Any, *, temporary: bool = False) -> None:
        self.acked.append(Acked(run["thread_id"], run["run_id"], temporary))

    def _on_thread(self, client: httpx.Client, turn: int) -> None:
        thread_id = self._post(client, "/threads", {})["thread_id"]
        for _ in range(2):
            self._remember(self._post(client, f"/threads/{thread_id}/runs", self.body()))

    def _kept(self, client: httpx.Client, turn: int) -> None:
        self._remember(self._post(client, "/runs", self.body(on_completion="keep")))

    def _temporary(self, client: httpx.Client, turn: int) -> None:
        self._remember(self._post(client, "/runs", self.body()), temporary=True)

    def _batch(self, client: httpx.Client, turn: int) -> None:
        time.sleep(0.2)
        item = self.body(on_completion="keep", metadata={"batch": turn})
        for run in self._post(client, "/runs/batch", [item] * BATCH):
            self._remember(run)
        self.batches.append(turn)

"""What checks do with a server: start runs of a role, wait for them, read what came of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from graphstead.conformance.cast import Cast
from graphstead.conformance.checking import Failed, NotApplicable, expect
from graphstead.conformance.client import Client
from graphstead.conformance.exchange import Exchange
from graphstead.conformance.power import Commands

__all__ = ["ENDED", "ENDLESS", "NOBODY", "Actor"]

ENDED = frozenset({"success", "error", "timeout", "interrupted"})
# An id of the right form that no server has.
NOBODY = "01999f3c-6b1a-7d52-9c5e-2f7f0c3b8a11"
# Input of a slow run that ends by what is done to it, however late that comes.
ENDLESS = {"steps": 20, "sleep_s": 5.0}
NOT_IMPLEMENTED = 501
PAUSE_S = 0.05


@dataclass
class Actor:
    """One caller with the graphs it may run; every method raises Failed on a wrong answer."""

    client: Client
    cast: Cast
    timeout_s: float
    commands: Commands = field(default_factory=Commands)

    def ask(self, method: str, path: str, body: Any = None, **options: Any) -> Exchange:
        """Send a request that has to succeed. Raises NotApplicable on 501."""
        told = self.client.call(method, path, body, **options)
        if told.status == NOT_IMPLEMENTED:
            raise NotApplicable(f"{method} {path} is answered 501: not implemented")
        expect(told.accepted, f"{method} {path} is answered {told.status}")
        return told

    def get(self, path: str, **query: Any) -> Any:
        """Read something; return the body."""
        return self.ask("GET", path, query=query or None).json()

    def post(self, path: str, body: Any = None, **options: Any) -> Any:
        """Post something that has to be accepted; return the body."""
        return self.ask("POST", path, {} if body is None else body, **options).json()

    def refused(self, method: str, path: str, body: Any = None, **options: Any) -> int:
        """Send a request that has to be refused with a 4xx; return the status."""
        told = self.client.call(method, path, body, **options)
        expect(400 <= told.status < 500, f"{method} {path} is answered {told.status}, no 4xx")
        return told.status

    def thread(self, **fields: Any) -> str:
        """Make a thread; return its id."""
        thread_id: str = self.post("/threads", fields)["thread_id"]
        return thread_id

    def start(self, thread_id: str, role: str, **fields: Any) -> str:
        """Start a background run on a thread; return its id."""
        run_id: str = self.post(f"/threads/{thread_id}/runs", self.cast.body(role, **fields))[
            "run_id"
        ]
        return run_id

    def wait(self, thread_id: str, role: str, **fields: Any) -> Any:
        """Run a graph on a thread to its end; return what the server answers."""
        return self.post(f"/threads/{thread_id}/runs/wait", self.cast.body(role, **fields))

    def running(self, thread_id: str, role: str = "slow", **fields: Any) -> str:
        """Start a run and wait until it has begun; return its id."""
        run_id = self.start(thread_id, role, **fields)
        self.until(lambda: self.status(thread_id, run_id) != "pending", "the run never ran")
        return run_id

    def status(self, thread_id: str, run_id: str) -> str:
        """Return the status of a run."""
        status: str = self.get(f"/threads/{thread_id}/runs/{run_id}")["status"]
        return status

    def ended(self, thread_id: str, run_id: str) -> str:
        """Wait for the end of a run; return its last status."""
        self.until(lambda: self.status(thread_id, run_id) in ENDED, "the run never ended")
        return self.status(thread_id, run_id)

    def settled(self, thread_id: str) -> dict[str, Any]:
        """Wait until no run of a thread is pending or running; return the thread."""
        self.until(
            lambda: all(
                one["status"] in ENDED for one in self.get(f"/threads/{thread_id}/runs", limit=100)
            ),
            "the runs of the thread never ended",
        )
        self.until(
            lambda: self.get(f"/threads/{thread_id}")["status"] != "busy",
            "the thread stayed busy after the end of its runs",
        )
        thread: dict[str, Any] = self.get(f"/threads/{thread_id}")
        return thread

    def values(self, thread_id: str) -> dict[str, Any]:
        """Return the values of the newest state of a thread."""
        values: dict[str, Any] = self.get(f"/threads/{thread_id}/state")["values"]
        return values

    def history(self, thread_id: str) -> list[dict[str, Any]]:
        """Return the states of a thread, the newest first."""
        states: list[dict[str, Any]] = self.post(f"/threads/{thread_id}/history", {"limit": 100})
        return states

    def until(self, holds: Callable[[], bool], reason: str, timeout_s: float | None = None) -> None:
        """Ask again and again until it holds. Raises Failed with the reason when time is up."""
        limit_s = self.timeout_s if timeout_s is None else timeout_s
        deadline_s = time.monotonic() + limit_s
        while not holds():
            if time.monotonic() > deadline_s:
                raise Failed(f"{reason} within {limit_s:g} s")
            time.sleep(PAUSE_S)

"""Reading a run tells why it waits, who carries it out, and what was asked of it."""

from __future__ import annotations

import time
from typing import Any

from servers import Server

SLEEPY = {"assistant_id": "slow", "input": {"steps": 600, "sleep_s": 0.1}}


def thread(server: Server) -> str:
    return str(server.post("/threads", {}).json()["thread_id"])


def create(server: Server, thread_id: str, **more: Any) -> str:
    return str(server.post(f"/threads/{thread_id}/runs", {**SLEEPY, **more}).json()["run_id"])


def read(server: Server, thread_id: str, run_id: str) -> dict[str, Any]:
    run: dict[str, Any] = server.get(f"/threads/{thread_id}/runs/{run_id}").json()
    return run


def running(server: Server, thread_id: str, run_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while (run := read(server, thread_id, run_id))["status"] == "pending":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return run


def test_a_run_behind_another_names_the_one_that_holds_the_thread(server: Server) -> None:
    thread_id = thread(server)
    first = create(server, thread_id)
    running(server, thread_id, first)
    second = create(server, thread_id)
    waiting = read(server, thread_id, second)["waiting"]
    assert waiting == {"reason": "thread_busy", "run_id": first}
    server.call("DELETE", f"/threads/{thread_id}")


def test_a_delayed_run_tells_when_it_may_start(server: Server) -> None:
    thread_id = thread(server)
    run = read(server, thread_id, create(server, thread_id, after_seconds=60))
    assert run["waiting"] == {"reason": "delayed", "until": run["created_at"][:23] + "000+00:00"}
    assert (run["attempt"], run["worker"]) == (0, None)
    server.call("DELETE", f"/threads/{thread_id}")


def test_a_running_run_names_its_worker_and_attempt(server: Server) -> None:
    thread_id = thread(server)
    run = running(server, thread_id, create(server, thread_id))
    assert run["attempt"] == 1
    assert run["worker"]
    assert run["waiting"] is None
    server.call("DELETE", f"/threads/{thread_id}")


def test_a_run_without_a_free_slot_says_so(make_server) -> None:  # type: ignore[no-untyped-def]
    server: Server = make_server("--n-jobs-per-worker", "1")
    busy = thread(server)
    running(server, busy, create(server, busy))
    other = thread(server)
    assert read(server, other, create(server, other))["waiting"] == {"reason": "no_free_worker"}

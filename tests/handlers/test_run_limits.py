"""A run that takes too long, and one whose worker dies too often."""

from __future__ import annotations

import time

from servers import Server

SLEEPY = {"assistant_id": "slow", "input": {"steps": 100, "sleep_s": 0.2}}


def thread(server: Server) -> str:
    return str(server.post("/threads", {}).json()["thread_id"])


def test_a_run_that_takes_too_long_ends_with_timeout(make_server) -> None:  # type: ignore[no-untyped-def]
    server: Server = make_server(env={"BG_JOB_TIMEOUT_SECS": "4"})
    thread_id = thread(server)
    streamed = server.post(f"/threads/{thread_id}/runs/stream", SLEEPY).text
    assert "event: values" in streamed
    assert "event: error" not in streamed
    [run] = server.get(f"/threads/{thread_id}/runs").json()
    assert run["status"] == "timeout"
    shown = server.get(f"/threads/{thread_id}").json()
    assert (shown["status"], shown["error"]["error"]) == ("error", "TimeoutError")
    waited = server.post("/runs/wait", SLEEPY).json()
    assert waited["count"] >= 1


def test_a_run_whose_worker_dies_too_often_is_given_up(make_server) -> None:  # type: ignore[no-untyped-def]
    server: Server = make_server(env={"BG_JOB_MAX_RETRIES": "1"})
    thread_id = thread(server)
    run_id = server.post(f"/threads/{thread_id}/runs", SLEEPY).json()["run_id"]
    place = f"/threads/{thread_id}/runs/{run_id}"
    while server.get(place).json()["status"] == "pending":
        time.sleep(0.05)
    server.restart(kill=True)
    joined = server.get(f"{place}/join").json()
    assert joined["__error__"]["error"] == "RuntimeError"
    assert server.get(place).json()["status"] == "error"
    assert server.get(f"/threads/{thread_id}").json()["status"] == "error"

"""Cancelling, deleting and listing runs."""

from __future__ import annotations

import pytest
from servers import Server, until_true

SLEEPY = {"assistant_id": "slow", "input": {"steps": 600, "sleep_s": 0.1}}
ECHO = {"assistant_id": "echo", "input": {"message": "hi"}}


def thread(server: Server) -> str:
    return str(server.post("/threads", {}).json()["thread_id"])


def started(server: Server, thread_id: str, **more: object) -> str:
    """Create a long run on the thread and return once it runs."""
    run_id = server.post(f"/threads/{thread_id}/runs", {**SLEEPY, **more}).json()["run_id"]
    until_true(lambda: status(server, thread_id, run_id) == "running")
    return str(run_id)


def count(server: Server, thread_id: str) -> int:
    """Return how many steps of a long run are stored."""
    return int(server.get(f"/threads/{thread_id}/state").json()["values"].get("count", 0))


def status(server: Server, thread_id: str, run_id: str) -> object:
    answer = server.get(f"/threads/{thread_id}/runs/{run_id}")
    return answer.json()["status"] if answer.status_code == 200 else answer.status_code


def cancel(server: Server, thread_id: str, run_id: str, query: str = "") -> object:
    return server.post(f"/threads/{thread_id}/runs/{run_id}/cancel{query}")


def test_an_interrupted_run_keeps_its_steps_and_frees_the_thread(server: Server) -> None:
    thread_id = thread(server)
    run_id = started(server, thread_id)
    until_true(lambda: count(server, thread_id) >= 1)
    answer = server.post(f"/threads/{thread_id}/runs/{run_id}/cancel?wait=true")
    assert answer.status_code == 200
    assert answer.json()["count"] >= 1
    assert status(server, thread_id, run_id) == "interrupted"
    shown = server.get(f"/threads/{thread_id}").json()
    assert shown["status"] == "interrupted"
    assert shown["error"]["error"] == "UserInterrupt"


def test_a_rolled_back_run_leaves_no_trace(server: Server) -> None:
    thread_id = thread(server)
    run_id = started(server, thread_id)
    answer = server.post(f"/threads/{thread_id}/runs/{run_id}/cancel?wait=1&action=rollback")
    assert answer.json() == {}
    assert status(server, thread_id, run_id) == 404
    assert server.get(f"/threads/{thread_id}/state").json()["values"] == {}
    assert server.get(f"/threads/{thread_id}").json()["status"] == "idle"


def test_cancel_without_wait_answers_at_once_without_a_body(server: Server) -> None:
    thread_id = thread(server)
    run_id = started(server, thread_id)
    answer = server.post(f"/threads/{thread_id}/runs/{run_id}/cancel")
    assert (answer.status_code, answer.content) == (202, b"")


def test_a_pending_and_a_delayed_run_end_without_ever_running(server: Server) -> None:
    thread_id = thread(server)
    started(server, thread_id)
    behind = server.post(f"/threads/{thread_id}/runs", SLEEPY).json()["run_id"]
    delayed = server.post(f"/threads/{thread_id}/runs", {**SLEEPY, "after_seconds": 60}).json()
    for run_id in (behind, delayed["run_id"]):
        assert server.post(f"/threads/{thread_id}/runs/{run_id}/cancel").status_code == 202
        assert status(server, thread_id, run_id) == "interrupted"
    server.call("DELETE", f"/threads/{thread_id}")


def test_a_finished_run_cannot_be_cancelled(server: Server) -> None:
    thread_id = thread(server)
    run_id = server.post(f"/threads/{thread_id}/runs", {"assistant_id": "echo"}).json()["run_id"]
    server.get(f"/threads/{thread_id}/runs/{run_id}/join")
    answer = server.post(f"/threads/{thread_id}/runs/{run_id}/cancel")
    assert answer.status_code == 404
    assert "already ended" in answer.json()["detail"]


def test_many_runs_are_cancelled_by_id(server: Server) -> None:
    thread_id = thread(server)
    runs = [started(server, thread_id)]
    runs += [server.post(f"/threads/{thread_id}/runs", SLEEPY).json()["run_id"] for _ in range(3)]
    answer = server.post("/runs/cancel", {"thread_id": thread_id, "run_ids": runs})
    assert (answer.status_code, answer.content) == (204, b"")
    server.get(f"/threads/{thread_id}/runs/{runs[0]}/join")
    assert {status(server, thread_id, run_id) for run_id in runs} == {"interrupted"}


def test_many_runs_are_cancelled_by_status(make_server) -> None:  # type: ignore[no-untyped-def]
    server: Server = make_server()
    made = [server.post("/runs", {**SLEEPY, "after_seconds": 60}).json() for _ in range(3)]
    assert server.post("/runs/cancel?action=rollback", {"status": "pending"}).status_code == 204
    assert server.post("/runs/cancel", {"status": "all"}).status_code == 404
    assert len(made) == 3


@pytest.mark.parametrize("body", [{}, {"status": "done"}, {"status": "all", "run_ids": []}])
def test_an_unclear_wish_to_cancel_is_refused(server: Server, body: dict[str, object]) -> None:
    assert server.post("/runs/cancel", body).status_code == 422


def test_deleting_a_running_run_stops_it_and_frees_the_thread(server: Server) -> None:
    thread_id = thread(server)
    run_id = started(server, thread_id)
    assert server.call("DELETE", f"/threads/{thread_id}/runs/{run_id}").status_code == 204
    assert server.call("DELETE", f"/threads/{thread_id}/runs/{run_id}").status_code == 404
    for ending in ("join", "stream"):
        assert server.get(f"/threads/{thread_id}/runs/{run_id}/{ending}").status_code == 404
    assert server.get(f"/threads/{thread_id}").json()["status"] == "idle"
    reply = server.post(f"/threads/{thread_id}/runs/wait", {"assistant_id": "echo"})
    assert reply.status_code == 200


def test_runs_are_listed_newest_first_by_status_and_part(server: Server) -> None:
    thread_id = thread(server)
    made = []
    for _ in range(3):
        made.append(server.post(f"/threads/{thread_id}/runs", ECHO).json())
        server.get(f"/threads/{thread_id}/runs/{made[-1]['run_id']}/join")
    listed = server.get(f"/threads/{thread_id}/runs?limit=2&offset=1&select=run_id&status=success")
    assert listed.json() == [{"run_id": made[1]["run_id"]}, {"run_id": made[0]["run_id"]}]


def test_a_run_that_waits_is_cancelled_when_its_client_leaves(server: Server) -> None:
    thread_id = thread(server)
    body = {**SLEEPY, "on_disconnect": "cancel"}

    def runs() -> list[dict[str, str]]:
        found: list[dict[str, str]] = server.get(f"/threads/{thread_id}/runs").json()
        return found

    server.ask_and_leave(f"/threads/{thread_id}/runs/wait", body, lambda: bool(runs()))
    run_id = runs()[0]["run_id"]
    until_true(lambda: status(server, thread_id, run_id) == "interrupted")


def test_a_streamed_run_goes_on_when_its_client_leaves(server: Server) -> None:
    import httpx

    thread_id = thread(server)
    body = {"assistant_id": "slow", "input": {"steps": 3, "sleep_s": 0.3}, "stream_mode": "values"}
    stream = httpx.stream(
        "POST", f"{server.url}/threads/{thread_id}/runs/stream", json=body, timeout=60
    )
    with stream as answer:
        next(answer.iter_bytes())
    run_id = server.get(f"/threads/{thread_id}/runs").json()[0]["run_id"]
    server.get(f"/threads/{thread_id}/runs/{run_id}/join")
    assert status(server, thread_id, run_id) == "success"


def test_a_thread_made_under_the_id_of_a_stateless_run_is_let_go_at_its_end(server: Server) -> None:
    slow = {"assistant_id": "slow", "input": {"steps": 3, "sleep_s": 0.2}}
    stateless = server.post("/runs", slow).json()
    thread = f"/threads/{stateless['thread_id']}"
    body = {"assistant_id": "echo", "input": {"message": "then"}, "if_not_exists": "create"}
    run = server.post(f"{thread}/runs", body).json()
    joined = server.get(f"{thread}/runs/{run['run_id']}/join", timeout=60)
    assert joined.json()["reply"] == "then"

"""Idempotency-Key on every POST that creates runs."""

from __future__ import annotations

from uuid import uuid4

from servers import Server

ECHO = {"assistant_id": "echo", "input": {"message": "once"}, "on_completion": "keep"}


def keyed() -> dict[str, str]:
    return {"Idempotency-Key": f"key-{uuid4()}"}


def test_the_same_key_and_body_returns_the_first_answer(server: Server) -> None:
    headers = keyed()
    first = server.post("/runs", ECHO, headers=headers)
    again = server.post("/runs", ECHO, headers=headers)
    assert again.json() == first.json()
    assert again.headers["content-location"] == first.headers["content-location"]
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"


def test_the_same_key_with_another_body_is_a_conflict(server: Server) -> None:
    headers = keyed()
    server.post("/runs", ECHO, headers=headers)
    other = server.post("/runs", {**ECHO, "input": {"message": "twice"}}, headers=headers)
    assert other.status_code == 409
    assert "Idempotency-Key" in other.json()["detail"]


def test_a_repeated_batch_makes_no_further_runs(server: Server) -> None:
    headers = keyed()
    first = server.post("/runs/batch", [ECHO, ECHO], headers=headers).json()
    again = server.post("/runs/batch", [ECHO, ECHO], headers=headers).json()
    assert [run["run_id"] for run in again] == [run["run_id"] for run in first]


def test_a_repeated_wait_gives_the_first_runs_output(server: Server) -> None:
    headers = keyed()
    first = server.post("/runs/wait", ECHO, headers=headers)
    again = server.post("/runs/wait", ECHO, headers=headers)
    assert again.json() == first.json() == {"message": "once", "reply": "once"}
    assert again.headers["location"] == first.headers["location"]


def test_a_repeated_stream_shows_the_first_runs_events(server: Server) -> None:
    headers = keyed()
    first = server.post("/runs/stream", ECHO, headers=headers)
    again = server.post("/runs/stream", ECHO, headers=headers)
    assert again.text == first.text
    assert again.text.startswith("event: metadata\r\n")


def test_a_key_is_one_threads_own(server: Server) -> None:
    headers = keyed()
    runs = []
    for _ in range(2):
        thread_id = server.post("/threads", {}).json()["thread_id"]
        answer = server.post(
            f"/threads/{thread_id}/runs", {"assistant_id": "echo"}, headers=headers
        )
        runs.append(answer.json()["run_id"])
    assert runs[0] != runs[1]


def test_a_key_is_remembered_across_a_restart(make_server) -> None:  # type: ignore[no-untyped-def]
    server: Server = make_server()
    headers = keyed()
    first = server.post("/runs", ECHO, headers=headers).json()
    server.restart(kill=True)
    assert server.post("/runs", ECHO, headers=headers).json() == first

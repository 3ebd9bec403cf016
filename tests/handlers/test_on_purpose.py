"""Answers that differ from the reference on purpose; docs/behaviour.md lists them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from time import sleep
from typing import Any

import pytest
from servers import Server, until_true

UNKNOWN = "01999f3c-6b1a-7d52-9c5e-2f7f0c3b8a11"
ENDLESS: Any = {"assistant_id": "slow", "input": {"steps": 600, "sleep_s": 0.1}}


def new_thread(server: Server) -> str:
    thread_id: str = server.post("/threads", {}).json()["thread_id"]
    return thread_id


def started(server: Server, thread_id: str) -> str:
    """Begin an endless run; return its id once it has taken a step."""
    run_id: str = server.post(f"/threads/{thread_id}/runs", ENDLESS).json()["run_id"]
    until_begun(server, thread_id)
    return run_id


def until_begun(server: Server, thread_id: str) -> None:
    """Wait until a step of the endless run is stored: from then on it has values to show."""
    until_true(lambda: "count" in server.get(f"/threads/{thread_id}/state").json()["values"])


@pytest.mark.parametrize("query", ["status=junk", "limit=x", "select=junk"])
def test_a_list_of_runs_that_means_nothing_is_refused(server: Server, query: str) -> None:
    assert server.get(f"/threads/{new_thread(server)}/runs?{query}").status_code == 422


@pytest.mark.parametrize("wrong", [{"multitask_strategy": "junk"}, {"interrupt_before": "echo"}])
@pytest.mark.parametrize("path", ["/runs", "/runs/wait", "/runs/stream"])
def test_stateless_runs_are_checked_like_those_of_threads(
    server: Server, path: str, wrong: Any
) -> None:
    assert server.post(path, {"assistant_id": "echo", **wrong}).status_code == 422


def test_a_fresh_thread_shows_every_member(server: Server) -> None:
    made = server.post("/threads", {}).json()
    assert (made["error"], made["interrupts"], made["values"]) == (None, {}, None)


def test_a_run_keeps_the_kwargs_it_was_created_with(server: Server) -> None:
    thread_id = new_thread(server)
    made = server.post(f"/threads/{thread_id}/runs", {"assistant_id": "echo"}).json()
    path = f"/threads/{thread_id}/runs/{made['run_id']}"
    server.get(f"{path}/join")
    ended = server.get(path).json()
    assert (ended["kwargs"], ended["metadata"]) == (made["kwargs"], made["metadata"])
    assert ended["attempt"] == 1


def test_the_metadata_of_a_run_name_the_graph_that_it_runs(server: Server) -> None:
    thread_id = new_thread(server)
    for graph_id in ("steps", "echo"):
        body: Any = {"assistant_id": graph_id, "input": {}}
        assert server.post(f"/threads/{thread_id}/runs/wait", body).status_code == 200
    runs = server.get(f"/threads/{thread_id}/runs").json()
    assert [run["metadata"]["graph_id"] for run in runs] == ["echo", "steps"]


@pytest.mark.parametrize("what", ["join", "stream"])
def test_an_unknown_run_is_not_found_however_it_is_joined(server: Server, what: str) -> None:
    path = f"/threads/{new_thread(server)}/runs/{UNKNOWN}/{what}"
    assert server.get(path).status_code == 404


def test_who_waits_for_a_run_that_is_rolled_back_learns_that_it_is_gone(server: Server) -> None:
    thread_id = new_thread(server)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(server.post, f"/threads/{thread_id}/runs/wait", ENDLESS)
        while not (runs := server.get(f"/threads/{thread_id}/runs?status=running").json()):
            sleep(0.02)
        stop = f"/threads/{thread_id}/runs/{runs[0]['run_id']}/cancel?action=rollback"
        assert server.post(stop).status_code == 202
        error = waiting.result(60).json()["__error__"]
    assert error == {"error": "HTTPException", "message": "404: Run not found"}


def test_a_thread_that_was_rolled_back_is_at_rest_again(server: Server) -> None:
    thread_id = new_thread(server)
    run_id = started(server, thread_id)
    server.post(f"/threads/{thread_id}/runs/{run_id}/cancel?action=rollback&wait=1")
    thread = server.get(f"/threads/{thread_id}").json()
    assert (thread["status"], thread["error"]["error"]) == ("idle", "UserRollback")


def test_cancelling_and_waiting_answers_with_the_values_the_run_came_to(server: Server) -> None:
    thread_id = new_thread(server)
    run_id = started(server, thread_id)
    answer = server.post(f"/threads/{thread_id}/runs/{run_id}/cancel?wait=1")
    assert (answer.status_code, answer.json()["steps"]) == (200, 600)


def test_an_answer_to_a_fresh_thread_begins_the_graph_as_the_library_does(server: Server) -> None:
    body = {"assistant_id": "approval", "command": {"resume": True}}
    output = server.post(f"/threads/{new_thread(server)}/runs/wait", body).json()
    assert output["__interrupt__"][0]["value"]["question"] == "Send this?"


def test_an_unknown_member_of_a_command_is_named_in_the_failure(server: Server) -> None:
    body = {"assistant_id": "echo", "command": {"junk": 1}}
    answer = server.post(f"/threads/{new_thread(server)}/runs/wait", body)
    error = answer.json()["__error__"]
    assert error["error"] == "TypeError"
    assert "'junk'" in error["message"]


def test_a_thread_that_waits_within_a_subgraph_shows_its_own_values(server: Server) -> None:
    thread_id = new_thread(server)
    body = {"assistant_id": "nested", "input": {}, "stream_subgraphs": True}
    server.post(f"/threads/{thread_id}/runs/wait", body)
    thread = server.get(f"/threads/{thread_id}").json()
    assert (thread["status"], thread["values"]) == ("interrupted", {"trail": ["before"]})


def test_checkpoint_metadata_hold_no_more_than_the_library_writes(server: Server) -> None:
    thread_id = new_thread(server)
    server.post(f"/threads/{thread_id}/runs/wait", {"assistant_id": "nested", "input": {}})
    state = server.get(f"/threads/{thread_id}/state?subgraphs=true").json()
    inner = state["tasks"][0]["state"]
    assert inner["metadata"]["source"] == "loop"
    told = {*inner["metadata"], *state["metadata"]}
    assert not told & {"checkpoint_id", "checkpoint_ns", "checkpoint_map", "langgraph_node"}

"""The border to a graph's own code."""

from __future__ import annotations

from typing import Any

import pytest

from graphstead.engine.graph_code import refusing
from graphstead.problems import BadRequest, NotFound
from graphstead.storage.errors import StorageBusy


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (ValueError("too small"), "ValueError: too small"),
        (IndexError("/secret/path"), "IndexError: An internal error occurred"),
    ],
)
def test_what_a_graph_raises_becomes_the_refusal(raised: Exception, told: str) -> None:
    with pytest.raises(BadRequest) as caught, refusing(BadRequest):
        raise raised
    assert caught.value.detail == told
    assert caught.value.__cause__ is raised


@pytest.mark.parametrize("fault", [NotFound("gone"), StorageBusy("busy")])
def test_problems_and_storage_faults_pass_unchanged(fault: Exception) -> None:
    with pytest.raises(type(fault)) as caught, refusing(BadRequest):
        raise fault
    assert caught.value is fault


async def test_a_state_that_the_graph_cannot_read_is_a_conflict(server: Any) -> None:
    thread_id = server.post("/threads", {}).json()["thread_id"]
    for graph in ("failing", "steps"):
        server.post(f"/threads/{thread_id}/runs/wait", {"assistant_id": graph, "input": {}})
    answer = server.get(f"/threads/{thread_id}/state")
    assert (answer.status_code, answer.json()["code"]) == (409, "state_unreadable")


async def test_an_update_that_breaks_a_branch_is_a_bad_request(server: Any) -> None:
    made = server.post("/threads", {"metadata": {"graph_id": "tools"}}).json()
    body = {"values": {"x": 1}, "as_node": "think"}
    answer = server.post(f"/threads/{made['thread_id']}/state", body)
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("Graph 'tools' refuses this: IndexError")


async def test_a_command_of_unknown_members_is_a_bad_request(server: Any) -> None:
    update = {"as_node": "plan", "command": {"resme": 1}}
    body = {"metadata": {"graph_id": "steps"}, "supersteps": [{"updates": [update]}]}
    answer = server.post("/threads", body)
    assert answer.status_code == 400
    assert "'resme'" in answer.json()["detail"]

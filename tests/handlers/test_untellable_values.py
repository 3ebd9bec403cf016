"""A run whose values have no JSON form ends in an error, and its thread is free again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from servers import Server

GRAPHS = """
from typing_extensions import TypedDict
from langgraph.graph import START, StateGraph


class State(TypedDict, total=False):
    number: int


def grow(state: State) -> State:
    return {"number": 2**70}


graph = StateGraph(State).add_node("grow", grow).add_edge(START, "grow").compile()
"""


@pytest.fixture
def server(make_server, tmp_path: Path) -> Server:  # type: ignore[no-untyped-def]
    (tmp_path / "graphs.py").write_text(GRAPHS)
    config = tmp_path / "langgraph.json"
    config.write_text(json.dumps({"dependencies": ["."], "graphs": {"big": "./graphs.py:graph"}}))
    made: Server = make_server(config=config)
    return made


def test_a_run_with_an_integer_beyond_64_bits_ends_and_frees_its_thread(server: Server) -> None:
    thread_id = server.post("/threads", {}).json()["thread_id"]
    for mode in ("values", "custom"):
        body = {"assistant_id": "big", "input": {}, "stream_mode": mode}
        answer = server.post(f"/threads/{thread_id}/runs/wait", body, timeout=20)
        assert answer.json()["__error__"]["error"] == "TypeError"
        assert server.get(f"/threads/{thread_id}").json()["status"] == "error"
    stateless = server.post("/runs/wait", body, timeout=20)
    assert stateless.json()["__error__"]["error"] == "TypeError"

"""Log lines carry the ids of the request or the run that they were written in."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from servers import Server, until_true

GRAPHS = """
import logging
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

log = logging.getLogger("shop")

class State(TypedDict, total=False):
    item: str

async def weigh(state):
    log.info("weighing %s", state["item"])
    return {}

def pack(state):
    log.warning("packing %s", state["item"])
    return {}

graph = (
    StateGraph(State).add_node("weigh", weigh).add_node("pack", pack)
    .add_edge(START, "weigh").add_edge("weigh", "pack").compile()
)
"""


def project(folder: Path) -> Path:
    folder.mkdir()
    (folder / "graphs.py").write_text(GRAPHS)
    path = folder / "langgraph.json"
    path.write_text(json.dumps({"dependencies": ["."], "graphs": {"shop": "./graphs.py:graph"}}))
    return path


def lines(server: Server) -> list[dict[str, Any]]:
    return [json.loads(line) for line in server.lines if line.startswith("{")]


def all_is_told(server: Server, runs: int) -> bool:
    """Tell whether each run has its last two lines: they are written behind the answer."""
    told = Counter(line["event"] for line in lines(server) if "run_id" in line)
    return told["run ended"] == told["request"] == runs


def test_a_graphs_own_lines_name_run_thread_graph_attempt_and_request(
    make_server: Callable[..., Server], tmp_path: Path
) -> None:
    server = make_server(config=project(tmp_path / "project"), env={"LOG_JSON": "true"})
    ids = [server.post("/threads", {}).json()["thread_id"] for _ in range(2)]
    for thread_id, item in zip(ids, ("tea", "rice"), strict=True):
        body = {"assistant_id": "shop", "input": {"item": item}}
        headers = {"X-Request-Id": f"ask-{item}"}
        server.post(f"/threads/{thread_id}/runs/wait", body, headers=headers)
    until_true(lambda: all_is_told(server, runs=2))
    for thread_id, item in zip(ids, ("tea", "rice"), strict=True):
        (run,) = server.get(f"/threads/{thread_id}/runs").json()
        told = {
            "run_id": run["run_id"],
            "thread_id": thread_id,
            "graph_id": "shop",
            "attempt": 1,
            "request_id": f"ask-{item}",
        }
        found = [line for line in lines(server) if line.get("run_id") == run["run_id"]]
        by_event = {line["event"]: line for line in found}
        for event in (f"weighing {item}", f"packing {item}", "run ended"):
            assert {name: by_event[event][name] for name in told} == told
        assert by_event[f"packing {item}"]["level"] == "warning"
        assert by_event["request"]["request_id"] == f"ask-{item}"


def test_lines_written_while_a_request_is_served_name_it(
    make_server: Callable[..., Server],
) -> None:
    server = make_server(env={"LOG_JSON": "true", "LOG_LEVEL": "DEBUG"})
    body = {"assistant_id": "echo", "input": {}, "bogus": 1}
    server.post("/runs/wait", body, headers={"X-Request-Id": "ask-1"})
    until_true(lambda: any("undeclared members" in line["event"] for line in lines(server)))
    (line,) = [line for line in lines(server) if "undeclared members" in line["event"]]
    assert line["request_id"] == "ask-1"

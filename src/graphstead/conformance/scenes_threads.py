"""Threads: rows, states, history, copies, forks, search, and what a browser may read."""

from __future__ import annotations

import uuid
from typing import Any

from graphstead.conformance.play import Play
from graphstead.conformance.stage import SAYING, UNKNOWN, Scene

__all__ = ["SCENES"]

STEPS: dict[str, Any] = {"assistant_id": "steps", "input": {"topic": "tea"}}
ORIGIN = {"origin": "https://page.example"}


def rows(play: Play) -> None:
    made = play.call("create", "POST", "/threads", {"metadata": {"a": 1}})
    thread_id = play.named("thread", made["thread_id"])
    path = f"/threads/{thread_id}"
    play.call("get", "GET", path)
    play.call("create it again", "POST", "/threads", {"thread_id": thread_id})
    same = {"thread_id": thread_id, "if_exists": "do_nothing", "metadata": {"b": 1}}
    play.call("create unless there", "POST", "/threads", same)
    play.call("patch", "PATCH", path, {"metadata": {"b": 2, "c": None}})
    minimal = {"prefer": "return=minimal"}
    play.call("patch, minimal", "PATCH", path, {"metadata": {}}, headers=minimal)
    play.call("state of a fresh thread", "GET", f"{path}/state")
    play.call("history of a fresh thread", "POST", f"{path}/history", {})
    play.call("with a time to live", "POST", "/threads", {"ttl": {"ttl": 5, "strategy": "delete"}})
    play.call("a number as time to live", "POST", "/threads", {"ttl": 5})
    play.call("malformed id", "POST", "/threads", {"thread_id": "x"})
    play.call("no body", "POST", "/threads", content=b"")
    play.call("delete", "DELETE", path)
    for method, below in (("GET", ""), ("DELETE", ""), ("GET", "/state"), ("GET", "/history")):
        play.call(f"{method}{below} when gone", method, f"{path}{below}")
    play.call("patch when gone", "PATCH", path, {"metadata": {}})
    play.call("malformed path", "GET", "/threads/x")


def states(play: Play) -> None:
    thread_id = play.thread()
    path = f"/threads/{thread_id}"
    play.call("update without a graph", "POST", f"{path}/state", {"values": {"topic": "x"}})
    play.quietly("POST", f"{path}/runs/wait", STEPS)
    play.call("state", "GET", f"{path}/state")
    history = play.call("history", "POST", f"{path}/history", {"limit": 100})
    play.call("history by GET", "GET", f"{path}/history?limit=2")
    old = history[2]["checkpoint"]
    play.call("an older state", "GET", f"{path}/state/{old['checkpoint_id']}")
    play.call("the same by POST", "POST", f"{path}/state/checkpoint", {"checkpoint": old})
    play.call("an unknown state", "GET", f"{path}/state/{UNKNOWN}")
    before = {"limit": 2, "before": {"configurable": old}}
    play.call("history before", "POST", f"{path}/history", before)
    play.call(
        "history by metadata", "POST", f"{path}/history", {"metadata": {"step": 1}, "limit": 9}
    )
    play.call("history, bad limit", "POST", f"{path}/history", {"limit": 0})
    play.call("update", "POST", f"{path}/state", {"values": {"done": ["mine"]}, "as_node": "plan"})
    play.call("thread after the update", "GET", path)
    play.call("state after the update", "GET", f"{path}/state")
    fork = {"values": {"topic": "fork"}, "checkpoint": old}
    play.call("update of an older state", "POST", f"{path}/state", fork)
    play.call("unknown node", "POST", f"{path}/state", {"values": {}, "as_node": "nowhere"})
    play.call("values null", "POST", f"{path}/state", {"values": None})
    play.call("no values", "POST", f"{path}/state", {})


def forking(play: Play) -> None:
    thread_id = play.thread()
    path = f"/threads/{thread_id}"
    play.quietly("POST", f"{path}/runs/wait", STEPS)
    old = play.quietly("POST", f"{path}/history", {"limit": 100})[2]["checkpoint"]
    replay = {"assistant_id": "steps", "input": None, "checkpoint_id": old["checkpoint_id"]}
    play.call("replay", "POST", f"{path}/runs/wait", replay)
    again = {**STEPS, "checkpoint": {k: v for k, v in old.items() if k != "thread_id"}}
    play.call("fork", "POST", f"{path}/runs/stream", again)
    play.call("unknown", "POST", f"{path}/runs/wait", {**replay, "checkpoint_id": UNKNOWN})
    play.call("history", "POST", f"{path}/history", {"limit": 100})


def copying(play: Play) -> None:
    thread_id = play.thread(metadata={"owner": "ann"})
    play.quietly("POST", f"/threads/{thread_id}/runs/wait", STEPS)
    made = play.call("copy", "POST", f"/threads/{thread_id}/copy")
    copied = play.named("copy", made["thread_id"])
    play.call("thread", "GET", f"/threads/{copied}")
    play.call("state", "GET", f"/threads/{copied}/state")
    play.call("runs", "GET", f"/threads/{copied}/runs")
    play.call("unknown", "POST", f"/threads/{UNKNOWN}/copy")
    prune = {"thread_ids": [copied, UNKNOWN], "strategy": "delete"}
    play.call("prune", "POST", "/threads/prune", prune)
    play.call("prune nothing", "POST", "/threads/prune", {"thread_ids": []})
    play.call("pruned", "GET", f"/threads/{copied}")


def searching(play: Play) -> None:
    mark = str(uuid.uuid4())
    mine = {"metadata": {"mark": mark}}
    for number in range(3):
        thread_id = play.thread("thread", metadata={"mark": mark, "n": number, "deep": {"x": 1}})
        play.quietly("POST", f"/threads/{thread_id}/runs/wait", STEPS)
    by_creation = {**mine, "sort_by": "created_at", "sort_order": "asc"}
    for name, body in (
        ("all", by_creation),
        ("first page", {**by_creation, "limit": 2}),
        ("last page", {**by_creation, "limit": 2, "offset": 2}),
        ("selected", {**by_creation, "select": ["thread_id", "status"]}),
        ("extracted", {**by_creation, "extract": {"t": "values.topic", "no": "values.x[0]"}}),
        ("nested metadata", {**by_creation, "metadata": {"mark": mark, "deep": {"x": 1}}}),
        ("by status", {**by_creation, "status": "idle"}),
        ("none", {"metadata": {"mark": "nobody"}}),
        ("junk status", {"status": "junk"}),
        ("junk select", {"select": ["junk"]}),
        ("junk extract", {"extract": {"t": "junk.x"}}),
        ("limit 0", {"limit": 0}),
        ("limit 1001", {"limit": 1001}),
        ("junk sort", {"sort_by": "junk"}),
    ):
        play.call(name, "POST", "/threads/search", body)
    play.call("count", "POST", "/threads/count", mine)


def supersteps(play: Play) -> None:
    steps = [
        {"updates": [{"values": {"topic": "x"}, "as_node": "__input__"}]},
        {"updates": [{"values": {"topic": "x"}, "as_node": "__start__"}]},
        {"updates": [{"values": {"done": ["mine"]}, "as_node": "plan"}]},
    ]
    named = {"metadata": {"graph_id": "steps"}, "supersteps": steps}
    made = play.call("create", "POST", "/threads", named)
    thread_id = play.named("thread", made["thread_id"])
    play.call("state", "GET", f"/threads/{thread_id}/state")
    play.call("history", "POST", f"/threads/{thread_id}/history", {"limit": 10})
    play.call("without a graph", "POST", "/threads", {"supersteps": steps})


def conversing(play: Play) -> None:
    thread_id = play.thread()
    body = {"assistant_id": "chat", "input": SAYING}
    play.call("wait", "POST", f"/threads/{thread_id}/runs/wait", body)
    play.call("state", "GET", f"/threads/{thread_id}/state")
    play.call("thread", "GET", f"/threads/{thread_id}")


def browsing(play: Play) -> None:
    thread_id = play.thread()
    path = f"/threads/{thread_id}/runs/stream"
    play.call("info", "GET", "/info", headers=ORIGIN)
    play.call("ok", "GET", "/ok", headers=ORIGIN)
    play.call("stream", "POST", path, STEPS, headers=ORIGIN)
    play.call("not found", "GET", f"/threads/{UNKNOWN}", headers=ORIGIN)
    asks = {"access-control-request-method": "POST"}
    headers = {"access-control-request-headers": "content-type,x-api-key"}
    play.call("preflight", "OPTIONS", path, headers={**ORIGIN, **asks, **headers})


SCENES = (
    Scene.of(rows),
    Scene.of(states, "steps"),
    Scene.of(forking, "steps"),
    Scene.of(copying, "steps"),
    Scene.of(searching, "steps"),
    Scene.of(supersteps, "steps"),
    Scene.of(conversing, "chat"),
    Scene.of(browsing, "steps"),
)

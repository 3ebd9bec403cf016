"""Ask every operation something that it should accept, with ids that exist."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx

from graphstead.conformance.actor import Actor
from graphstead.conformance.checking import Failed, NotApplicable
from graphstead.conformance.operations import Described, Operations

__all__ = ["tour"]

LISTEN_S = 1.0
FROM_START = {"last-event-id": "-1"}
RARELY = "0 0 29 2 *"
LATER = {"after_seconds": 600}
QUICK = {"steps": 1, "sleep_s": 0.01}


def tour(on: Actor, operations: Operations) -> None:
    """Make every kind of call; one that fails ends its part of the way, not the others."""
    parts: tuple[Callable[[Actor], None], ...] = (
        _assistants,
        _threads,
        _states,
        _runs,
        _stateless,
        _crons,
        _store,
        _a2a,
        _protocols,
    )
    for part in parts:
        _attempt(part, on)
    _attempt(lambda actor: _what_is_left(actor, operations), on)


def _attempt(part: Callable[[Actor], None], on: Actor) -> None:
    try:
        part(on)
    except (Failed, NotApplicable, httpx.HTTPError, LookupError, TypeError, ValueError):
        # What could be asked is kept; what was not shows in the results.
        return


def _assistants(on: Actor) -> None:
    call = on.client.call
    found = call("POST", "/assistants/search", {"limit": 20}).json()
    call("POST", "/assistants/count", {})
    name = on.cast.any_assistant
    graph = next(one["graph_id"] for one in found if name in (one["graph_id"], one["assistant_id"]))
    body = {"graph_id": graph, "name": "conform", "metadata": {"by": "conform"}}
    assistant_id = call("POST", "/assistants", body).json()["assistant_id"]
    path = f"/assistants/{assistant_id}"
    call("GET", path)
    call("GET", f"{path}/graph", query={"xray": "true"})
    call("GET", f"{path}/graph")
    call("GET", f"{path}/schemas")
    call("GET", f"{path}/openapi.json")
    call("GET", f"{path}/skill.zip")
    call("GET", f"{path}/subgraphs", query={"recurse": "true"})
    call("GET", f"{path}/subgraphs/nowhere")
    call("PATCH", path, {"name": "conform too", "description": "Made by a check."})
    call("POST", f"{path}/versions", {"limit": 5})
    call("POST", f"{path}/latest", {"version": 1})
    call("POST", "/assistants/search", {"metadata": {"by": "conform"}, "select": ["name"]})
    other = call("POST", "/assistants", body).json()["assistant_id"]
    call("DELETE", f"/assistants/{other}")


def _threads(on: Actor) -> None:
    call = on.client.call
    mark = {"conform": str(uuid.uuid4())}
    made = call("POST", "/threads", {"metadata": mark, "ttl": {"ttl": 60, "strategy": "delete"}})
    if not made.accepted:
        made = call("POST", "/threads", {"metadata": mark})
    thread_id = made.json()["thread_id"]
    path = f"/threads/{thread_id}"
    call("GET", path)
    call("GET", path, query={"include": "ttl"})
    call("PATCH", path, {"metadata": {"more": 1}})
    call("PATCH", path, {"metadata": {"more": 2}}, headers={"prefer": "return=minimal"})
    call("POST", "/threads/search", {"metadata": mark, "limit": 5})
    call("POST", "/threads/search", {"metadata": mark, "select": ["thread_id", "status"]})
    call("POST", "/threads/count", {"metadata": mark})
    call("POST", f"{path}/copy")
    call("GET", f"{path}/storage")
    call("GET", f"{path}/state")
    call("POST", "/threads/prune", {"thread_ids": [on.thread()]})
    call("DELETE", f"/threads/{on.thread()}")


def _states(on: Actor) -> None:
    call = on.client.call
    thread_id = on.thread()
    on.wait(thread_id, "any")
    on.settled(thread_id)
    path = f"/threads/{thread_id}"
    state = call("GET", f"{path}/state", query={"subgraphs": "true"}).json()
    call("GET", f"{path}/history", query={"limit": 10})
    call("POST", f"{path}/history", {"limit": 10})
    call("POST", f"{path}/state", {"values": state["values"]})
    checkpoint_id = state["checkpoint"]["checkpoint_id"]
    call("GET", f"{path}/state/{checkpoint_id}")
    checkpoint = {"checkpoint_ns": "", "checkpoint_id": checkpoint_id}
    call("POST", f"{path}/state/checkpoint", {"checkpoint": checkpoint})


def _runs(on: Actor) -> None:
    call, stream = on.client.call, on.client.stream
    thread_id = on.thread()
    path = f"/threads/{thread_id}/runs"
    body = on.cast.body("any", stream_mode=["values", "updates"], stream_resumable=True)
    run_id = call("POST", path, {**body, "metadata": {"by": "conform"}}).json()["run_id"]
    run = f"{path}/{run_id}"
    call("GET", run)
    call("GET", f"{run}/join")
    on.settled(thread_id)
    call("GET", path, query={"limit": 5})
    stream("GET", f"{run}/stream", headers=FROM_START)
    for role in ("any", *on.cast.parts):
        quick = {"input": QUICK} if role == "slow" else {}
        call("POST", f"{path}/wait", on.cast.body(role, **quick))
        everything = ["values", "updates", "tasks", "checkpoints", "debug", "custom"]
        stream("POST", f"{path}/stream", on.cast.body(role, **quick, stream_mode=everything))
        stream("POST", f"{path}/stream", on.cast.body(role, **quick, stream_mode="messages-tuple"))
    stream(
        "GET", f"/threads/{thread_id}/stream", headers={"last-event-id": "-"}, timeout_s=LISTEN_S
    )
    late = [on.start(thread_id, "any", **LATER) for _ in range(3)]
    call("POST", f"{path}/{late[0]}/cancel", query={"wait": 1})
    call("POST", "/runs/cancel", {"thread_id": thread_id, "run_ids": late[1:]})
    call("DELETE", f"{path}/{late[0]}")


def _stateless(on: Actor) -> None:
    call, stream = on.client.call, on.client.stream
    call("POST", "/runs/wait", on.cast.body("any"))
    told = stream("POST", "/runs/stream", on.cast.body("any", stream_resumable=True))
    place = told.headers.get("location", "")
    if place.startswith("/runs/"):
        stream("GET", place, headers=FROM_START)
    kept = {"on_completion": "keep"}
    for one in call("POST", "/runs/batch", [on.cast.body("any", **kept)] * 2).json():
        on.client.made.append((f"/threads/{one['thread_id']}", None))
    call("POST", "/runs", on.cast.body("any", **kept))


def _crons(on: Actor) -> None:
    call = on.client.call
    thread_id = on.thread()
    body = on.cast.body("any", schedule=RARELY, timezone="Europe/Oslo", metadata={"by": "conform"})
    cron_id = call("POST", "/runs/crons", body).json()["cron_id"]
    other = call("POST", f"/threads/{thread_id}/runs/crons", body)
    call("POST", "/runs/crons/search", {"thread_id": thread_id, "limit": 5})
    call("POST", "/runs/crons/count", {"thread_id": thread_id})
    call("GET", f"/runs/crons/{cron_id}")
    call("PATCH", f"/runs/crons/{cron_id}", {"enabled": False})
    call("DELETE", f"/runs/crons/{other.json()['cron_id']}")


def _store(on: Actor) -> None:
    call = on.client.call
    item = {"namespace": ["conform", uuid.uuid4().hex], "key": "k"}
    call("PUT", "/store/items", {**item, "value": {"n": 1}})
    place = {"namespace": ".".join(item["namespace"]), "key": "k"}
    call("GET", "/store/items", query=place)
    call("POST", "/store/items/search", {"namespace_prefix": item["namespace"], "limit": 5})
    call("POST", "/store/namespaces", {"prefix": ["conform"], "limit": 5})
    call("DELETE", "/store/items", item)


def _a2a(on: Actor) -> None:
    call = on.client.call
    found = on.post("/assistants/search", {"limit": 100})
    name = on.cast.any_assistant
    assistant_id = next(
        one["assistant_id"] for one in found if name in (one["graph_id"], one["assistant_id"])
    )
    path = f"/a2a/{assistant_id}"
    call("GET", f"{path}/.well-known/agent-card.json")
    call("GET", f"{path}/.well-known/agent.json")
    call("GET", path)
    call("GET", "/.well-known/agent-card.json", query={"assistant_id": assistant_id})
    part = {"kind": "data", "data": on.cast.any_input}
    message = {"role": "user", "messageId": uuid.uuid4().hex, "parts": [part]}
    rpc = {"jsonrpc": "2.0", "id": 1, "method": "message/send", "params": {"message": message}}
    task = call("POST", path, rpc, headers={"accept": "application/json"}).json()["result"]
    on.client.made.append((f"/threads/{task['contextId']}", None))


def _protocols(on: Actor) -> None:
    call = on.client.call
    thread_id = on.thread()
    params = {"assistant_id": on.cast.any_assistant, "input": on.cast.any_input}
    call(
        "POST", f"/threads/{thread_id}/commands", {"id": 1, "method": "run.start", "params": params}
    )
    events = {"channels": ["values", "lifecycle"]}
    on.client.stream("POST", f"/threads/{thread_id}/stream/events", events, timeout_s=LISTEN_S)
    hello = {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "conform", "version": "1"},
    }
    rpc = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}
    accept = {"accept": "application/json, text/event-stream"}
    for path in ("/mcp", "/mcp/"):
        call("POST", path, rpc, headers=accept)


def _what_is_left(on: Actor, operations: Operations) -> None:
    """Ask what no scene has asked and needs no body, with the examples of the contract."""
    asked = {
        (one.method, one.url.removeprefix(on.client.target.base_url).partition("?")[0])
        for one in on.client.exchanges
    }
    known = {found.label for method, path in asked if (found := operations.of(method, path))}
    for one in operations.judged:
        if one.label not in known and one.method == "GET" and one.body is None:
            path = _filled(one)
            if path is not None:
                on.client.stream("GET", path, timeout_s=LISTEN_S)


def _filled(one: Described) -> str | None:
    """Fill the path with the examples that the contract gives; None where one has none."""
    path = one.path
    for parameter in one.named("path"):
        example = next(_examples(parameter), None)
        if example is None:
            return None
        path = path.replace(f"{{{parameter['name']}}}", str(example))
    return path


def _examples(parameter: Mapping[str, Any]) -> Iterator[Any]:
    if "example" in parameter:
        yield parameter["example"]
    for one in parameter.get("examples", {}).values():
        if "value" in one:
            yield one["value"]

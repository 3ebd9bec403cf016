"""Assistants: made, found, versioned, removed."""

from __future__ import annotations

import uuid
from typing import Any

from graphstead.conformance.actor import NOBODY, Actor
from graphstead.conformance.checking import check, expect, same


def graph_of(on: Actor) -> str:
    """Return the name of the graph behind the assistant that any run may use."""
    found = on.post("/assistants/search", {"limit": 100})
    name = on.cast.any_assistant
    return next(
        str(one["graph_id"]) for one in found if name in (one["graph_id"], one["assistant_id"])
    )


def assistant(on: Actor, **fields: Any) -> dict[str, Any]:
    made: dict[str, Any] = on.post("/assistants", {"graph_id": graph_of(on), **fields})
    return made


@check("assistants")
def every_graph_has_an_assistant(on: Actor) -> None:
    """A search finds an assistant for each graph, and each can be read by its id."""
    found = on.post("/assistants/search", {"graph_id": graph_of(on)})
    expect(found, "no assistant of the graph is found")
    made = min(found, key=lambda one: str(one["created_at"]))
    same(on.get(f"/assistants/{made['assistant_id']}")["graph_id"], made["graph_id"], "graph_id")


@check("assistants")
def assistants_are_found_by_metadata(on: Actor) -> None:
    """Search and count by metadata find the assistants that have them, and no other."""
    mark = {"conform": str(uuid.uuid4())}
    made = assistant(on, metadata=mark)["assistant_id"]
    found = on.post("/assistants/search", {"metadata": mark})
    same([one["assistant_id"] for one in found], [made], "found")
    same(on.post("/assistants/count", {"metadata": mark}), 1, "count")


@check("assistants")
def a_patch_makes_a_version(on: Actor) -> None:
    """A patch makes a new version; an older one can be made the latest again."""
    made = assistant(on, name="first")
    path = f"/assistants/{made['assistant_id']}"
    same(made["version"], 1, "version of a new assistant")
    same(on.ask("PATCH", path, {"name": "second"}).json()["version"], 2, "version after a patch")
    versions = on.post(f"{path}/versions")
    same([one["version"] for one in versions], [2, 1], "versions")
    same(on.post(f"{path}/latest", {"version": 1})["name"], "first", "name after going back")
    same(on.get(path)["version"], 1, "version read afterwards")


@check("assistants", "echo")
def an_assistant_can_be_run(on: Actor) -> None:
    """A run may name an assistant by its id; the run tells that id."""
    made = on.post("/assistants", {"graph_id": on.cast.parts["echo"]})["assistant_id"]
    thread_id = on.thread()
    body = on.cast.body("echo", assistant_id=made)
    run = on.post(f"/threads/{thread_id}/runs", body)
    same(run["assistant_id"], made, "assistant of the run")
    same(on.ended(thread_id, run["run_id"]), "success", "status of the run")


@check("assistants")
def a_deleted_assistant_is_gone(on: Actor) -> None:
    """A deleted assistant is 404 from then on."""
    path = f"/assistants/{assistant(on)['assistant_id']}"
    on.ask("DELETE", path)
    same(on.refused("GET", path), 404, "status of GET")


@check("assistants")
def an_unknown_graph_is_refused(on: Actor) -> None:
    """An assistant of a graph that is not served is refused, an unknown assistant is 404."""
    on.refused("POST", "/assistants", {"graph_id": "no such graph"})
    same(on.refused("GET", f"/assistants/{NOBODY}"), 404, "status of GET")


@check("assistants")
def a_graph_is_drawn_and_described(on: Actor) -> None:
    """An assistant's graph has its nodes and edges, and its schemas tell what goes in."""
    found = assistant(on)["assistant_id"]
    drawn = on.get(f"/assistants/{found}/graph")
    expect(
        {"__start__", "__end__"} <= {str(one["id"]) for one in drawn["nodes"]}, "no start or end"
    )
    expect(drawn["edges"], "the graph has no edges")
    expect("input_schema" in on.get(f"/assistants/{found}/schemas"), "no input_schema")

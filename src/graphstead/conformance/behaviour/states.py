"""States of a thread: history, forks, changes by hand."""

from __future__ import annotations

from typing import Any

from graphstead.conformance.actor import Actor
from graphstead.conformance.checking import check, expect, same


def asked(on: Actor) -> tuple[str, list[dict[str, Any]]]:
    """Run the graph up to its question; return the thread and its history."""
    thread_id = on.thread()
    on.wait(thread_id, "ask")
    on.settled(thread_id)
    return thread_id, on.history(thread_id)


@check("states", "ask")
def the_history_leads_back_to_the_input(on: Actor) -> None:
    """The history is newest first, and each state names the one before as its parent."""
    _, history = asked(on)
    steps = [one["metadata"]["step"] for one in history]
    same(steps, sorted(steps, reverse=True), "steps")
    ids = [one["checkpoint"]["checkpoint_id"] for one in history]
    parents = [(one["parent_checkpoint"] or {}).get("checkpoint_id") for one in history]
    same(parents, [*ids[1:], None], "parents")


@check("states", "ask")
def an_older_state_can_be_read(on: Actor) -> None:
    """`GET …/state/{checkpoint_id}` reads the state of that checkpoint."""
    thread_id, history = asked(on)
    for state in history:
        checkpoint_id = state["checkpoint"]["checkpoint_id"]
        found = on.get(f"/threads/{thread_id}/state/{checkpoint_id}")
        same(found["values"], state["values"], f"values of {checkpoint_id}")
        same(found["next"], state["next"], f"next of {checkpoint_id}")


@check("states", "ask")
def the_history_is_read_page_by_page(on: Actor) -> None:
    """`limit` and `before` read the history in parts, which together are the whole."""
    thread_id, history = asked(on)
    ids = [one["checkpoint"]["checkpoint_id"] for one in history]
    first = on.get(f"/threads/{thread_id}/history", limit=1)
    rest = on.get(f"/threads/{thread_id}/history", limit=100, before=ids[0])
    found = [one["checkpoint"]["checkpoint_id"] for one in [*first, *rest]]
    same(found, ids, "checkpoints")


@check("states", "ask")
def a_run_can_fork_from_an_older_state(on: Actor) -> None:
    """A run with `checkpoint_id` and input null goes on from there; the older states stay."""
    thread_id, history = asked(on)
    base = next(one for one in history if one["next"] == ["draft"])
    checkpoint_id = base["checkpoint"]["checkpoint_id"]
    told = on.wait(thread_id, "ask", input=None, checkpoint_id=checkpoint_id)
    expect("__interrupt__" in told, "the fork does not lead to the question")
    on.settled(thread_id)
    ids = [one["checkpoint"]["checkpoint_id"] for one in on.history(thread_id)]
    known = [one["checkpoint"]["checkpoint_id"] for one in history]
    expect(set(known) < set(ids), "the fork took older states away or added none")


@check("states", "ask")
def a_state_can_be_changed_by_hand(on: Actor) -> None:
    """`POST …/state` writes values as a node and answers with the new checkpoint."""
    thread_id, history = asked(on)
    body = {"values": {"approved": True}, "as_node": "approve"}
    made = on.post(f"/threads/{thread_id}/state", body)
    expect(made["checkpoint"]["checkpoint_id"], "the answer names no checkpoint")
    state = on.get(f"/threads/{thread_id}/state")
    same(state["values"].get("approved"), True, "the value written")
    same(state["next"], ["finish"], "what is next")
    told = on.wait(thread_id, "ask", input=None)
    same(told.get("result"), "sent", "result of going on")
    expect(len(on.history(thread_id)) > len(history), "the history did not grow")


@check("states", "ask")
def a_node_that_does_not_exist_cannot_write(on: Actor) -> None:
    """An update as an unknown node is refused and changes nothing."""
    thread_id, history = asked(on)
    body = {"values": {"approved": True}, "as_node": "nobody"}
    on.refused("POST", f"/threads/{thread_id}/state", body)
    same(len(on.history(thread_id)), len(history), "number of states")


@check("states")
def a_fresh_thread_has_an_empty_state(on: Actor) -> None:
    """The state of a thread that never ran has no values, nothing next, and no checkpoint."""
    state = on.get(f"/threads/{on.thread()}/state")
    same((state["values"], state["next"], state["tasks"]), ({}, [], []), "values, next, tasks")

"""Runs without a thread, one by one and in batches."""

from __future__ import annotations

import uuid
from typing import Any

from graphstead.conformance.actor import NOBODY, Actor
from graphstead.conformance.checking import check, expect, same


@check("stateless", "echo")
def a_stateless_run_answers(on: Actor) -> None:
    """`POST /runs/wait` runs a graph without a thread and answers with its values."""
    same(on.post("/runs/wait", on.cast.body("echo")).get("reply"), "hi", "reply")


@check("stateless", "echo")
def a_stateless_run_streams(on: Actor) -> None:
    """`POST /runs/stream` tells the values of a run without a thread."""
    told = on.ask("POST", "/runs/stream", on.cast.body("echo", stream_mode="values"))
    values = [event.json() for event in told.told() if event.name == "values"]
    expect(values and values[-1].get("reply") == "hi", f"values told: {values}")


@check("stateless", "echo")
def a_stateless_run_leaves_nothing(on: Actor) -> None:
    """A run without a thread is gone after its end, and so is the thread that it ran on."""
    mark = {"conform": str(uuid.uuid4())}
    made = on.post("/runs", on.cast.body("echo", metadata=mark))
    path = f"/threads/{made['thread_id']}"
    on.until(lambda: on.client.call("GET", path).status == 404, "the thread is still there")


@check("stateless", "echo")
def a_stateless_run_may_be_kept(on: Actor) -> None:
    """With `on_completion: keep` thread and values of a stateless run stay."""
    made = on.post("/runs", on.cast.body("echo", on_completion="keep"))
    on.ended(made["thread_id"], made["run_id"])
    same(on.values(made["thread_id"]).get("reply"), "hi", "reply in the state")


def batch(on: Actor, *more: Any) -> list[Any]:
    body = on.cast.body("any", on_completion="keep")
    return [{**body, "metadata": {"n": number}} for number in range(3)] + list(more)


@check("batch", "any")
def a_batch_makes_all_runs_in_order(on: Actor) -> None:
    """`POST /runs/batch` answers with one run for each item, in the order of the items."""
    made = on.post("/runs/batch", batch(on))
    same([one["metadata"].get("n") for one in made], [0, 1, 2], "order")
    same(len({one["run_id"] for one in made}), 3, "number of runs")
    for one in made:
        on.ended(one["thread_id"], one["run_id"])
        on.client.made.append((f"/threads/{one['thread_id']}", None))


@check("batch", "any")
def a_batch_with_an_item_that_is_no_run_makes_none(on: Actor) -> None:
    """A batch with an item that breaks the contract is refused whole; so are `[]` and an object."""
    nothing_is_made(on, {"input": {}})
    on.refused("POST", "/runs/batch", [])
    on.refused("POST", "/runs/batch", on.cast.body("any"))


@check("batch", "any", profile="full")
def a_batch_with_an_unknown_assistant_makes_none(on: Actor) -> None:
    """A batch is all or nothing: one item with an unknown assistant refuses them all."""
    nothing_is_made(on, {"assistant_id": NOBODY, "input": {}})


def nothing_is_made(on: Actor, bad: Any) -> None:
    mark = str(uuid.uuid4())
    items = [{**one, "metadata": {"conform": mark}, "after_seconds": 600} for one in batch(on)]
    on.refused("POST", "/runs/batch", [*items, bad])
    found = on.post("/threads/search", {"metadata": {"conform": mark}})
    on.client.made.extend((f"/threads/{one['thread_id']}", None) for one in found)
    same(len(found), 0, "threads made for items of the refused batch")

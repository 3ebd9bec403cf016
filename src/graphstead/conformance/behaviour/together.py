"""Two runs on one thread: the multitask strategies."""

from __future__ import annotations

from graphstead.conformance.actor import ENDLESS, Actor
from graphstead.conformance.checking import check, expect, same

# Takes longer than a few requests, be client and server slow.
LONG = {"steps": 20, "sleep_s": 0.25}
SHORT = {"steps": 4, "sleep_s": 0.15}


@check("multitask", "slow", "echo")
def reject(on: Actor) -> None:
    """With `reject` a run on a busy thread is a 409 and is not stored; the first run goes on."""
    thread_id = on.thread()
    first = on.running(thread_id, input=LONG)
    path, body = f"/threads/{thread_id}/runs", on.cast.body("echo", multitask_strategy="reject")
    for place in (path, f"{path}/wait", f"{path}/stream"):
        same(on.refused("POST", place, body), 409, f"status of POST {place}")
    same(on.ended(thread_id, first), "success", "status of the first run")
    same(len(on.get(path)), 1, "number of runs")


@check("multitask", "slow", "echo")
def enqueue(on: Actor) -> None:
    """With `enqueue` the second run waits for the first, and both end in success."""
    thread_id = on.thread()
    first = on.running(thread_id, input=SHORT)
    second = on.start(thread_id, "echo", multitask_strategy="enqueue")
    status = on.status(thread_id, second)
    expect(
        status == "pending" or on.status(thread_id, first) == "success",
        f"the second run is {status} while the first still runs",
    )
    on.settled(thread_id)
    same(on.status(thread_id, first), "success", "status of the first run")
    same(on.status(thread_id, second), "success", "status of the second run")
    same(on.values(thread_id).get("reply"), "hi", "reply of the second run in the state")


@check("multitask", "slow")
def interrupt(on: Actor) -> None:
    """With `interrupt` the first run ends as interrupted and keeps its steps; the second runs."""
    thread_id = on.thread()
    first = on.running(thread_id, input=ENDLESS)
    on.until(lambda: on.values(thread_id).get("count") is not None, "no step was ever stored")
    second = on.start(thread_id, "slow", input=SHORT, multitask_strategy="interrupt")
    same(on.ended(thread_id, second), "success", "status of the second run")
    same(on.status(thread_id, first), "interrupted", "status of the first run")
    steps = {one["metadata"].get("run_id") for one in on.history(thread_id) if one["metadata"]}
    expect({first, second} <= steps, "the history does not hold the steps of both runs")


@check("multitask", "slow")
def rollback(on: Actor) -> None:
    """With `rollback` the first run is gone with its checkpoints, as if it had never run."""
    thread_id = on.thread()
    first = on.running(thread_id, input=ENDLESS)
    second = on.start(thread_id, "slow", input=SHORT, multitask_strategy="rollback")
    same(on.ended(thread_id, second), "success", "status of the second run")
    same(on.refused("GET", f"/threads/{thread_id}/runs/{first}"), 404, "status of the first run")
    steps = {one["metadata"].get("run_id") for one in on.history(thread_id) if one["metadata"]}
    expect(first not in steps, "the history still holds steps of the run rolled back")
    same(on.values(thread_id).get("count"), SHORT["steps"], "steps of the second run")


@check("multitask", "any")
def runs_of_one_thread_take_turns(on: Actor) -> None:
    """Several runs queued on one thread all succeed, or all end, in the order of their making."""
    thread_id = on.thread()
    made = [on.start(thread_id, "any", multitask_strategy="enqueue") for _ in range(5)]
    on.settled(thread_id)
    listed = on.get(f"/threads/{thread_id}/runs", limit=10)
    same([one["run_id"] for one in listed], made[::-1], "runs in the order of their making")
    ends = [one["updated_at"] for one in listed[::-1]]
    same(ends, sorted(ends), "instants of their ends")

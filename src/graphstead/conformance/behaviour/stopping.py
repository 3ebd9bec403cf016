"""Cancelling runs, and runs whose client went away."""

from __future__ import annotations

from graphstead.conformance.actor import Actor
from graphstead.conformance.checking import check, expect, same

LONG = {"steps": 400, "sleep_s": 0.1}


@check("cancel", "slow")
def a_running_run_is_interrupted(on: Actor) -> None:
    """A cancelled run becomes `interrupted`, and the thread keeps the values it had come to."""
    thread_id = on.thread()
    run_id = on.running(thread_id, input=LONG)
    on.until(lambda: on.values(thread_id).get("count") is not None, "no step was ever stored")
    on.ask("POST", f"/threads/{thread_id}/runs/{run_id}/cancel")
    same(on.ended(thread_id, run_id), "interrupted", "status of the run")
    on.settled(thread_id)
    expect(on.values(thread_id).get("count") is not None, "the values are lost")


@check("cancel", "slow")
def cancelling_can_wait_for_the_end(on: Actor) -> None:
    """With `wait=1` the answer comes when the run has stopped."""
    thread_id = on.thread()
    run_id = on.running(thread_id, input=LONG)
    on.ask("POST", f"/threads/{thread_id}/runs/{run_id}/cancel", query={"wait": 1})
    same(on.status(thread_id, run_id), "interrupted", "status of the run after the answer")


@check("cancel", "slow")
def a_rollback_removes_the_run(on: Actor) -> None:
    """With `action=rollback` the run is removed together with its checkpoints."""
    thread_id = on.thread()
    run_id = on.running(thread_id, input=LONG)
    path = f"/threads/{thread_id}/runs/{run_id}"
    on.ask("POST", f"{path}/cancel", query={"action": "rollback", "wait": 1})
    on.until(lambda: on.client.call("GET", path).status == 404, "the run is still there")
    same(on.history(thread_id), [], "history of the thread")


@check("cancel", "slow", profile="full")
def a_rollback_frees_the_thread(on: Actor) -> None:
    """After `action=rollback` the thread is idle again."""
    thread_id = on.thread()
    run_id = on.running(thread_id, input=LONG)
    path = f"/threads/{thread_id}/runs/{run_id}"
    on.ask("POST", f"{path}/cancel", query={"action": "rollback", "wait": 1})
    same(on.settled(thread_id)["status"], "idle", "status of the thread")


@check("cancel", "any")
def a_pending_run_never_runs(on: Actor) -> None:
    """A run cancelled before its time becomes `interrupted` and never runs."""
    thread_id = on.thread()
    run_id = on.start(thread_id, "any", after_seconds=600)
    on.ask("POST", f"/threads/{thread_id}/runs/{run_id}/cancel")
    same(on.ended(thread_id, run_id), "interrupted", "status of the run")
    same(on.history(thread_id), [], "history of the thread")


@check("cancel", "any")
def a_finished_run_cannot_be_cancelled(on: Actor) -> None:
    """Cancelling a run that has ended is refused, and changes nothing."""
    thread_id = on.thread()
    run_id = on.start(thread_id, "any")
    before = on.ended(thread_id, run_id)
    on.refused("POST", f"/threads/{thread_id}/runs/{run_id}/cancel")
    same(on.status(thread_id, run_id), before, "status of the run")


@check("cancel", "any")
def several_runs_are_cancelled_at_once(on: Actor) -> None:
    """`POST /runs/cancel` cancels the runs it names, and no other."""
    thread_id = on.thread()
    one, two, left = (on.start(thread_id, "any", after_seconds=600) for _ in range(3))
    on.ask("POST", "/runs/cancel", {"thread_id": thread_id, "run_ids": [one, two]})
    same(on.ended(thread_id, one), "interrupted", "status of the first run")
    same(on.ended(thread_id, two), "interrupted", "status of the second run")
    same(on.status(thread_id, left), "pending", "status of the run not named")


@check("cancel", "slow")
def a_client_that_leaves_may_take_its_run_along(on: Actor) -> None:
    """With `on_disconnect: cancel` a run ends as interrupted when its stream is dropped."""
    thread_id = on.thread()
    body = on.cast.body("slow", input=LONG, on_disconnect="cancel", stream_mode="values")
    path = f"/threads/{thread_id}/runs"
    on.client.stream("POST", f"{path}/stream", body, until=lambda events: len(events) > 2)
    run_id = on.get(path)[0]["run_id"]
    same(on.ended(thread_id, run_id), "interrupted", "status of the run")


@check("cancel", "slow")
def a_client_that_leaves_may_leave_its_run(on: Actor) -> None:
    """Without `on_disconnect: cancel` a run goes on to its end when its stream is dropped."""
    thread_id = on.thread()
    body = on.cast.body(
        "slow", input={"steps": 5, "sleep_s": 0.15}, on_disconnect="continue", stream_mode="values"
    )
    path = f"/threads/{thread_id}/runs"
    on.client.stream("POST", f"{path}/stream", body, until=lambda events: len(events) > 1)
    run_id = on.get(path)[0]["run_id"]
    same(on.ended(thread_id, run_id), "success", "status of the run")
    same(on.values(thread_id).get("count"), 5, "steps done")

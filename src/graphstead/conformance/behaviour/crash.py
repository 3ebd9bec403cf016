"""A server that is killed: what it had acknowledged comes to its end all the same."""

from __future__ import annotations

from graphstead.conformance.actor import Actor
from graphstead.conformance.checking import check, same
from graphstead.conformance.power import Power

STEPS = {"steps": 20, "sleep_s": 0.15}


@check("crash", "slow", "echo")
def runs_survive_a_crash(on: Actor) -> None:
    """A run under way when the server is killed ends after all, and so do those behind it."""
    power = Power.of(on)
    thread_id = on.thread()
    under_way = on.running(thread_id, input=STEPS)
    behind = on.start(thread_id, "echo", multitask_strategy="enqueue")
    elsewhere = on.thread()
    later = on.start(elsewhere, "echo", after_seconds=1)
    power.off_and_on()
    same(on.ended(thread_id, under_way), "success", "status of the run under way")
    same(on.ended(thread_id, behind), "success", "status of the run behind it")
    same(on.ended(elsewhere, later), "success", "status of the run that was delayed")


@check("crash", "echo")
def what_was_stored_survives_a_crash(on: Actor) -> None:
    """What was answered before the server was killed is there when it is back."""
    power = Power.of(on)
    thread_id = on.thread(metadata={"kept": "yes"})
    on.wait(thread_id, "echo")
    power.off_and_on()
    same(on.get(f"/threads/{thread_id}")["metadata"].get("kept"), "yes", "metadata")
    same(on.values(thread_id).get("reply"), "hi", "reply in the state")

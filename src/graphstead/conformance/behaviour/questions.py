"""Graphs that stop for a person, and go on with the answer."""

from __future__ import annotations

from typing import Any

from graphstead.conformance.actor import Actor
from graphstead.conformance.checking import check, expect, same

QUESTION = {"question": "Send this?", "draft": "Draft for: a letter"}


def asked(on: Actor) -> tuple[str, Any]:
    """Run the graph up to its question; return the thread and what wait answered."""
    thread_id = on.thread()
    return thread_id, on.wait(thread_id, "ask")


def answered(on: Actor, thread_id: str, answer: Any) -> Any:
    body = on.cast.body("ask", command={"resume": answer})
    del body["input"]
    return on.post(f"/threads/{thread_id}/runs/wait", body)


@check("interrupts", "ask")
def a_question_is_told_to_who_waits(on: Actor) -> None:
    """Who waits for a run that stops at a question finds it under `__interrupt__`."""
    _, told = asked(on)
    expect(told.get("__interrupt__"), "the answer has no __interrupt__")
    same(told["__interrupt__"][0].get("value"), QUESTION, "the question")


@check("interrupts", "ask")
def a_question_shows_on_run_thread_and_state(on: Actor) -> None:
    """Such a run is a success, its thread `interrupted`, and thread and state show the question."""
    thread_id, _ = asked(on)
    thread = on.settled(thread_id)
    same(thread["status"], "interrupted", "status of the thread")
    same(on.get(f"/threads/{thread_id}/runs")[0]["status"], "success", "status of the run")
    shown = [one["value"] for found in thread["interrupts"].values() for one in found]
    same(shown, [QUESTION], "questions of the thread")
    state = on.get(f"/threads/{thread_id}/state")
    same(state["next"], ["approve"], "what is next in the state")
    same([one["value"] for one in state["tasks"][0]["interrupts"]], [QUESTION], "of its task")


@check("interrupts", "ask")
def an_answer_resumes_the_graph(on: Actor) -> None:
    """`command.resume` goes on from the question with the answer, to the end."""
    for answer, result in ((True, "sent"), (False, "dropped")):
        thread_id, _ = asked(on)
        same(answered(on, thread_id, answer).get("result"), result, f"result of {answer}")
        same(on.settled(thread_id)["status"], "idle", "status of the thread")


@check("interrupts", "ask")
def an_answer_may_name_its_question(on: Actor) -> None:
    """`command.resume` as a map from the id of the question to the answer resumes as well."""
    thread_id, told = asked(on)
    interrupt_id = told["__interrupt__"][0]["id"]
    same(answered(on, thread_id, {interrupt_id: True}).get("result"), "sent", "result")


@check("interrupts", "ask")
def a_question_is_an_event(on: Actor) -> None:
    """In a stream the question is an `updates` event with `__interrupt__`."""
    body = on.cast.body("ask", stream_mode=["updates"])
    told = on.ask("POST", f"/threads/{on.thread()}/runs/stream", body)
    found = [
        event.json()["__interrupt__"]
        for event in told.told()
        if event.name == "updates" and "__interrupt__" in event.json()
    ]
    same([one[0]["value"] for one in found if one], [QUESTION], "questions in updates")


@check("interrupts", "ask")
def a_run_can_stop_before_a_node(on: Actor) -> None:
    """`interrupt_before` stops a run before a node; a run with input null goes on from there."""
    thread_id = on.thread()
    on.wait(thread_id, "ask", interrupt_before=["draft"])
    same(on.settled(thread_id)["status"], "interrupted", "status of the thread")
    same(on.get(f"/threads/{thread_id}/state")["next"], ["draft"], "what is next")
    told = on.wait(thread_id, "ask", input=None)
    expect("__interrupt__" in told, "going on does not lead to the question")

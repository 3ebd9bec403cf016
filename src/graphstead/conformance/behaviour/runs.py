"""Runs on a thread: from their start to their end, in the background and waited for."""

from __future__ import annotations

import re
import time
import uuid

from graphstead.conformance.actor import ENDLESS, NOBODY, Actor
from graphstead.conformance.checking import check, expect, same

RUN_PATH = re.compile(r"(/threads/[0-9a-f-]{36})?/runs/[0-9a-f-]{36}$")
DELAY_S = 1.5


@check("runs", "echo")
def a_background_run_ends_in_success(on: Actor) -> None:
    """A background run is answered at once, ends in success, and leaves its values behind."""
    thread_id = on.thread()
    run_id = on.start(thread_id, "echo")
    same(on.ended(thread_id, run_id), "success", "status of the run")
    thread = on.settled(thread_id)
    same(thread["status"], "idle", "status of the thread")
    same(on.values(thread_id).get("reply"), "hi", "reply in the state")


@check("runs", "echo")
def waiting_answers_with_the_values(on: Actor) -> None:
    """`POST …/runs/wait` answers with the values that the graph came to."""
    same(on.wait(on.thread(), "echo").get("reply"), "hi", "reply")


@check("runs", "slow")
def joining_waits_for_the_end(on: Actor) -> None:
    """`GET …/join` of a run under way answers with the values at its end, not before."""
    thread_id = on.thread()
    run_id = on.running(thread_id, input={"steps": 3, "sleep_s": 0.2})
    values = on.get(f"/threads/{thread_id}/runs/{run_id}/join")
    same(values.get("count"), 3, "steps done")
    same(on.status(thread_id, run_id), "success", "status of the run after the join")


@check("runs", "echo")
def joining_a_finished_run_answers_at_once(on: Actor) -> None:
    """`GET …/join` of a run that has ended answers with its values."""
    thread_id = on.thread()
    run_id = on.start(thread_id, "echo")
    on.ended(thread_id, run_id)
    values = on.get(f"/threads/{thread_id}/runs/{run_id}/join")
    same(values.get("reply"), "hi", "reply")


@check("runs", "fail")
def a_failure_is_told(on: Actor) -> None:
    """A graph that raises ends its run in `error`; who waits is told the message in a 200."""
    thread_id = on.thread()
    told = on.wait(thread_id, "fail")
    expect("__error__" in told, "the answer of wait has no __error__")
    expect("no luck" in told["__error__"].get("message", ""), f"it is {told['__error__']}")
    same(on.settled(thread_id)["status"], "error", "status of the thread")
    same(on.get(f"/threads/{thread_id}/runs")[0]["status"], "error", "status of the run")
    same(on.values(thread_id).get("done"), True, "the work of the step before")


@check("runs", "fail", profile="full")
def a_failure_is_told_by_its_class(on: Actor) -> None:
    """Who waits for a run that fails is told the class of what the graph raised."""
    same(on.wait(on.thread(), "fail")["__error__"].get("error"), "ValueError", "class")


@check("runs", "echo")
def answers_name_the_run(on: Actor) -> None:
    """`Content-Location` of a created, streamed or awaited run names it: clients read it there."""
    thread_id = on.thread()
    for path in ("", "/stream", "/wait"):
        told = on.ask("POST", f"/threads/{thread_id}/runs{path}", on.cast.body("echo"))
        place = told.headers.get("content-location", "")
        expect(RUN_PATH.match(place), f"…/runs{path}: Content-Location is {place!r}")
        on.get(place)


@check("runs", "any")
def a_delayed_run_waits(on: Actor) -> None:
    """A run with `after_seconds` stays pending for that time and then runs."""
    thread_id, began_s = on.thread(), time.monotonic()
    run_id = on.start(thread_id, "any", after_seconds=DELAY_S)
    time.sleep(DELAY_S / 2)
    status, asked_s = on.status(thread_id, run_id), time.monotonic() - began_s
    expect(status == "pending" or asked_s > DELAY_S, f"after {asked_s:.1f} s it is {status}")
    on.ended(thread_id, run_id)
    took_s = time.monotonic() - began_s
    expect(took_s >= DELAY_S * 0.9, f"it ended {took_s:.1f} s after it was asked for")


@check("runs", "any")
def a_thread_is_made_if_asked_for(on: Actor) -> None:
    """`if_not_exists: create` makes the thread; without it a run on an unknown thread is 404."""
    thread_id = str(uuid.uuid4())
    path = f"/threads/{thread_id}/runs"
    same(on.refused("POST", path, on.cast.body("any")), 404, "status without if_not_exists")
    on.start(thread_id, "any", if_not_exists="create")
    on.settled(thread_id)


@check("runs", "any")
def an_unknown_assistant_is_refused(on: Actor) -> None:
    """A run of an unknown graph or assistant is refused with 4xx, and nothing is stored."""
    thread_id = on.thread()
    for unknown in ("no such graph", NOBODY):
        on.refused("POST", f"/threads/{thread_id}/runs", {"assistant_id": unknown, "input": {}})
    same(on.get(f"/threads/{thread_id}/runs"), [], "runs of the thread")


@check("runs", "any")
def runs_are_listed_newest_first(on: Actor) -> None:
    """The runs of a thread are listed newest first, and paged by `limit` and `offset`."""
    thread_id = on.thread()
    made = [on.start(thread_id, "any") for _ in range(3)]
    on.settled(thread_id)
    path = f"/threads/{thread_id}/runs"
    same([one["run_id"] for one in on.get(path)], made[::-1], "listed")
    same([one["run_id"] for one in on.get(path, limit=1, offset=1)], [made[1]], "second of them")


@check("runs", "any")
def a_deleted_run_is_gone(on: Actor) -> None:
    """A deleted run is 404 from then on, to be read or deleted again."""
    thread_id = on.thread()
    run_id = on.start(thread_id, "any")
    on.settled(thread_id)
    path = f"/threads/{thread_id}/runs/{run_id}"
    on.ask("DELETE", path)
    same(on.refused("GET", path), 404, "status of GET")
    same(on.refused("DELETE", path), 404, "status of a second DELETE")


@check("runs", "slow", profile="full")
def a_deleted_run_under_way_frees_its_thread(on: Actor) -> None:
    """A run that is deleted while it runs stops, and its thread is busy no more."""
    thread_id = on.thread()
    run_id = on.running(thread_id, input=ENDLESS)
    on.ask("DELETE", f"/threads/{thread_id}/runs/{run_id}")
    on.until(lambda: on.get(f"/threads/{thread_id}")["status"] == "idle", "the thread stayed busy")


@check("runs", "echo", profile="full")
def an_idempotency_key_makes_one_run(on: Actor) -> None:
    """The same `Idempotency-Key` and body make one run; with another body it is a 409."""
    thread_id, key = on.thread(), {"idempotency-key": str(uuid.uuid4())}
    path, body = f"/threads/{thread_id}/runs", on.cast.body("echo")
    first, again = (on.post(path, body, headers=key) for _ in range(2))
    same(again["run_id"], first["run_id"], "run of the second request")
    same(len(on.get(path)), 1, "number of runs")
    other = on.cast.body("echo", input={"message": "else"})
    same(on.refused("POST", path, other, headers=key), 409, "status for another body")


@check("runs", "any", profile="full")
def unknown_runs_are_not_found(on: Actor) -> None:
    """Reading, joining, streaming or cancelling a run that does not exist is 404."""
    path = f"/threads/{on.thread()}/runs/{NOBODY}"
    for method, place in (
        ("GET", path),
        ("GET", f"{path}/join"),
        ("GET", f"{path}/stream"),
        ("POST", f"{path}/cancel"),
    ):
        same(on.refused(method, place), 404, f"status of {method} {place}")

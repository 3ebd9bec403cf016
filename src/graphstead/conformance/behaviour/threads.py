"""Threads: made, found, changed, copied, removed."""

from __future__ import annotations

import uuid

from graphstead.conformance.actor import ENDLESS, NOBODY, Actor
from graphstead.conformance.checking import check, expect, same


@check("threads")
def a_thread_may_bring_its_id(on: Actor) -> None:
    """A thread is made under the id given; again it is a 409, or unchanged with `do_nothing`."""
    thread_id = str(uuid.uuid4())
    same(on.thread(thread_id=thread_id, metadata={"a": 1}), thread_id, "id")
    same(on.refused("POST", "/threads", {"thread_id": thread_id}), 409, "status of a second one")
    again = {"thread_id": thread_id, "if_exists": "do_nothing", "metadata": {"a": 2}}
    same(on.post("/threads", again)["metadata"].get("a"), 1, "metadata with do_nothing")


@check("threads")
def metadata_are_merged(on: Actor) -> None:
    """A patch merges metadata: what it does not name stays."""
    thread_id = on.thread(metadata={"a": 1, "b": 1})
    on.ask("PATCH", f"/threads/{thread_id}", {"metadata": {"b": 2, "c": 3}})
    found = on.get(f"/threads/{thread_id}")["metadata"]
    same({name: found.get(name) for name in "abc"}, {"a": 1, "b": 2, "c": 3}, "metadata")


@check("threads")
def threads_are_found_by_metadata(on: Actor) -> None:
    """A search by metadata finds the threads that have them, and no other."""
    mark = str(uuid.uuid4())
    made = on.thread(metadata={"conform": mark, "colour": "red"})
    on.thread(metadata={"conform": mark, "colour": "blue"})
    body = {"metadata": {"conform": mark, "colour": "red"}}
    same([one["thread_id"] for one in on.post("/threads/search", body)], [made], "found")


@check("threads", "ask", "echo")
def threads_are_found_by_status(on: Actor) -> None:
    """A search by status finds threads that wait for an answer, and not those at rest."""
    mark = {"conform": str(uuid.uuid4())}
    waiting, idle = on.thread(metadata=mark), on.thread(metadata=mark)
    on.wait(waiting, "ask")
    on.wait(idle, "echo")
    on.settled(waiting), on.settled(idle)
    body = {"metadata": mark, "status": "interrupted"}
    same([one["thread_id"] for one in on.post("/threads/search", body)], [waiting], "interrupted")


@check("pagination")
def pages_hold_each_thread_once(on: Actor) -> None:
    """Pages by `limit` and `offset` together hold every thread once, in the order asked for."""
    mark = {"conform": str(uuid.uuid4())}
    made = [on.thread(metadata=mark) for _ in range(5)]
    found = []
    for offset in (0, 2, 4):
        body = {"metadata": mark, "limit": 2, "offset": offset}
        body |= {"sort_by": "created_at", "sort_order": "asc"}
        found += [one["thread_id"] for one in on.post("/threads/search", body)]
    same(found, made, "threads of all pages")


@check("pagination")
def counting_counts_what_is_found(on: Actor) -> None:
    """`POST /threads/count` answers with the number of threads that a search would find."""
    mark = {"conform": str(uuid.uuid4())}
    for _ in range(3):
        on.thread(metadata=mark)
    same(on.post("/threads/count", {"metadata": mark}), 3, "count")


@check("pagination")
def a_page_tells_where_the_next_begins(on: Actor) -> None:
    """`X-Pagination-Next` is the offset of the next page, and absent on the last."""
    mark = {"conform": str(uuid.uuid4())}
    for _ in range(3):
        on.thread(metadata=mark)
    for offset, following in ((0, "2"), (2, None)):
        body = {"metadata": mark, "limit": 2, "offset": offset}
        told = on.ask("POST", "/threads/search", body)
        same(told.headers.get("x-pagination-next"), following, f"next of offset {offset}")


@check("pagination", profile="full")
def a_page_tells_the_true_total(on: Actor) -> None:
    """`X-Pagination-Total` is the number of all matches, on every page."""
    mark = {"conform": str(uuid.uuid4())}
    for _ in range(5):
        on.thread(metadata=mark)
    for offset in (0, 2, 4):
        body = {"metadata": mark, "limit": 2, "offset": offset}
        told = on.ask("POST", "/threads/search", body)
        same(told.headers.get("x-pagination-total"), "5", f"total at offset {offset}")


@check("threads", "echo")
def a_copy_has_the_history_and_goes_its_own_way(on: Actor) -> None:
    """A copy has all states of its source; what is done to it leaves the source alone."""
    thread_id = on.thread()
    on.wait(thread_id, "echo")
    on.settled(thread_id)
    copied = on.post(f"/threads/{thread_id}/copy")["thread_id"]
    expect(copied != thread_id, "the copy has the id of its source")
    same(len(on.history(copied)), len(on.history(thread_id)), "number of states")
    on.wait(copied, "echo", input={"message": "else"})
    on.settled(copied)
    same(on.values(copied).get("reply"), "else", "reply in the copy")
    same(on.values(thread_id).get("reply"), "hi", "reply in the source")


@check("threads", "any")
def a_deleted_thread_is_gone(on: Actor) -> None:
    """A deleted thread is 404 from then on, with its runs and states."""
    thread_id = on.thread()
    on.start(thread_id, "any")
    on.settled(thread_id)
    on.ask("DELETE", f"/threads/{thread_id}")
    for place in ("", "/state", "/runs"):
        same(on.refused("GET", f"/threads/{thread_id}{place}"), 404, f"status of GET …{place}")


@check("threads")
def an_unknown_thread_is_not_found(on: Actor) -> None:
    """Reading, patching or deleting a thread that does not exist is 404."""
    path = f"/threads/{NOBODY}"
    same(on.refused("GET", path), 404, "status of GET")
    same(on.refused("PATCH", path, {"metadata": {}}), 404, "status of PATCH")
    same(on.refused("DELETE", path), 404, "status of DELETE")


@check("threads", "slow")
def a_thread_is_busy_while_it_runs(on: Actor) -> None:
    """While a run is under way its thread is `busy`, and its state cannot be changed (409)."""
    thread_id = on.thread()
    run_id = on.running(thread_id, input=ENDLESS)
    same(on.get(f"/threads/{thread_id}")["status"], "busy", "status of the thread")
    update = {"values": {"count": 0}}
    same(on.refused("POST", f"/threads/{thread_id}/state", update), 409, "status of the update")
    on.ask("POST", f"/threads/{thread_id}/runs/{run_id}/cancel")
    on.settled(thread_id)

"""Streams of events: what comes in which order, and that nothing is lost when one breaks off."""

from __future__ import annotations

from collections import Counter
from urllib.parse import urljoin, urlsplit

from graphstead.conformance.actor import ENDED, Actor
from graphstead.conformance.checking import check, expect, same
from graphstead.conformance.exchange import Event, Exchange

FEW = {"steps": 5, "sleep_s": 0.1}
# Takes longer than anybody takes to join it.
LONG = {"steps": 20, "sleep_s": 0.25}
FROM_START = {"last-event-id": "-1"}


def streamed(on: Actor, thread_id: str, role: str, *modes: str) -> Exchange:
    body = on.cast.body(role, stream_mode=list(modes), stream_resumable=True)
    if role == "slow":
        body["input"] = FEW
    return on.ask("POST", f"/threads/{thread_id}/runs/stream", body)


def run_of(told: Exchange) -> str:
    """Return the path of the run that a stream is of."""
    return urlsplit(told.headers["content-location"]).path


def told_by(events: list[Event]) -> list[tuple[str, bytes]]:
    return [(event.name, event.data) for event in events]


def missing(part: list[Event], whole: list[Event]) -> str:
    """Say how the events of `part` differ from those of `whole`, told by their content."""
    left = Counter(told_by(whole)) - Counter(told_by(part))
    more = Counter(told_by(part)) - Counter(told_by(whole))
    names = [name for name, _ in left.elements()], [name for name, _ in more.elements()]
    return f"lost {names[0]}, too many {names[1]}"


@check("streams", "echo")
def metadata_come_first(on: Actor) -> None:
    """The first event of a run's stream is `metadata` with the id of the run."""
    told = streamed(on, on.thread(), "echo", "values")
    events = told.told()
    expect(events, "the stream has no event")
    same(events[0].name, "metadata", "first event")
    same(events[0].json().get("run_id"), run_of(told).rsplit("/", 1)[1], "run_id in it")


@check("streams", "slow")
def each_mode_has_its_events(on: Actor) -> None:
    """Every stream mode asked for tells of the run, and none that was not."""
    modes = ("values", "updates", "tasks", "checkpoints", "debug")
    for mode in modes:
        names = {event.name for event in streamed(on, on.thread(), "slow", mode).told()}
        same(names, {"metadata", mode}, f"events of the mode {mode}")


@check("streams", "slow")
def updates_come_before_values(on: Actor) -> None:
    """Within a step the `updates` of its tasks come before the `values` that they lead to."""
    events = streamed(on, on.thread(), "slow", "updates", "values").told()
    names = [event.name for event in events if event.name in ("updates", "values")]
    expect(names[0] == "values", f"the first event is {names[0]}, not the values of the input")
    same(names[1:], ["updates", "values"] * (len(names) // 2), "order of the events")
    same(events[-1].json().get("count") if events[-1].name == "values" else None, 5, "last count")


@check("streams", "fail")
def a_failure_is_the_last_event(on: Actor) -> None:
    """When a graph raises, the last event is `error` with the message."""
    last = streamed(on, on.thread(), "fail", "values").told()[-1]
    same(last.name, "error", "last event")
    expect({"error", "message"} <= last.json().keys(), f"it is {last.json()}")


@check("streams", "fail", profile="full")
def a_failure_in_a_stream_says_why(on: Actor) -> None:
    """The `error` event has the class and the message of what the graph raised."""
    last = streamed(on, on.thread(), "fail", "values").told()[-1]
    same(last.json(), {"error": "ValueError", "message": "no luck"}, "the error")


@check("streams", "slow")
def the_run_has_ended_when_its_stream_does(on: Actor) -> None:
    """A stream closes only after its run has got its last status: clients reconnect otherwise."""
    told = streamed(on, on.thread(), "slow", "updates")
    status = on.get(run_of(told))["status"]
    expect(status in ENDED, f"the stream is over and the run is {status}")


@check("streams", "slow")
def a_run_can_be_joined_while_it_runs(on: Actor) -> None:
    """`GET …/stream` of a run under way tells what comes from then on, to its end."""
    thread_id = on.thread()
    run_id = on.running(thread_id, input=LONG, stream_mode=["values"], stream_resumable=True)
    told = on.ask("GET", f"/threads/{thread_id}/runs/{run_id}/stream")
    counts = [event.json().get("count") for event in told.told() if event.name == "values"]
    expect(counts and counts[-1] == LONG["steps"], f"counts told: {counts}")


@check("replay", "slow")
def a_resumable_run_is_told_again(on: Actor) -> None:
    """With `Last-Event-ID: -1` a resumable run is told again, whole, after it has ended."""
    told = streamed(on, on.thread(), "slow", "values", "updates")
    again = on.ask("GET", f"{run_of(told)}/stream", headers=FROM_START)
    live, replayed = told.told(), again.told()
    same(told_by(replayed), told_by(live), missing(replayed, live))


@check("replay", "slow")
def events_of_resumable_runs_have_ids(on: Actor) -> None:
    """Every event of a resumable run has an id."""
    events = streamed(on, on.thread(), "slow", "values", "updates").told()
    expect(all(event.event_id for event in events), "an event has no id")


@check("replay", "slow")
def nothing_is_lost_after_any_event(on: Actor) -> None:
    """Whatever event was the last one seen, the replay goes on right behind it."""
    told = streamed(on, on.thread(), "slow", "values", "updates")
    events = told.told()
    for seen, event in enumerate(events[:-1], 1):
        headers = {"last-event-id": str(event.event_id)}
        rest = on.ask("GET", f"{run_of(told)}/stream", headers=headers).told()
        expect(
            told_by(rest) == told_by(events[seen:]),
            f"after event {seen} of {len(events)} ({event.event_id}): "
            f"{missing(rest, events[seen:])}",
        )


@check("replay", "slow")
def a_stream_that_drops_is_taken_up(on: Actor) -> None:
    """A client whose connection breaks goes on at `Location` and misses and repeats nothing."""
    thread_id = on.thread()
    body = on.cast.body("slow", input=FEW, stream_mode=["values"], stream_resumable=True)
    first = on.client.stream(
        "POST", f"/threads/{thread_id}/runs/stream", body, until=lambda events: len(events) >= 3
    )
    place = urlsplit(urljoin(first.url, first.headers.get("location", ""))).path
    expect(place.endswith("/stream"), f"Location is {first.headers.get('location')!r}")
    seen = first.told()
    headers = {"last-event-id": str(seen[-1].event_id)}
    rest = on.ask("GET", f"{run_of(first)}/stream", headers=headers).told()
    whole = on.ask("GET", f"{run_of(first)}/stream", headers=FROM_START).told()
    same(told_by(seen + rest), told_by(whole), missing(seen + rest, whole))
    counts = [event.json().get("count") for event in seen + rest if event.name == "values"]
    same(counts[-1], FEW["steps"], "last count")


@check("replay", "slow", profile="full")
def ids_are_unique_and_rising(on: Actor) -> None:
    """No two events of a run have the same id, and each is greater than the one before."""
    events = streamed(on, on.thread(), "slow", "values", "updates", "tasks", "debug").told()
    ids = [event.event_id or "" for event in events]
    twice = [one for one, number in Counter(ids).items() if number > 1]
    expect(not twice, f"given twice: {twice}")
    numbers = [tuple(map(int, one.split("-"))) for one in ids]
    same(numbers, sorted(numbers), "order of the ids")


@check("streams", "echo", profile="full")
def a_stateless_stream_can_be_followed(on: Actor) -> None:
    """The `Location` of a stateless stream leads to a stream of the same run."""
    body = on.cast.body("echo", stream_mode=["values"], stream_resumable=True)
    told = on.ask("POST", "/runs/stream", body)
    place = urlsplit(urljoin(told.url, told.headers["location"])).path
    again = on.ask("GET", place, headers=FROM_START)
    same(told_by(again.told()), told_by(told.told()), "events told again")


@check("streams", "slow")
def a_thread_is_followed_over_its_runs(on: Actor) -> None:
    """`GET /threads/{thread_id}/stream` tells the events of a run and then that it is done."""
    thread_id = on.thread()
    run_id = on.start(
        thread_id, "slow", input=FEW, stream_mode=["values"], stream_resumable=True, after_seconds=1
    )
    told = on.client.stream(
        "GET",
        f"/threads/{thread_id}/stream",
        until=lambda events: any(b"run_done" in event.data for event in events),
    )
    same(told.status, 200, "status")
    events = told.told()
    counts = [event.json().get("count") for event in events if event.name == "values"]
    expect(counts and counts[-1] == FEW["steps"], f"counts told: {counts}")
    done = [event.json() for event in events if b"run_done" in event.data]
    same([one.get("run_id") for one in done], [run_id], "runs done")

"""Crons: schedules that make runs."""

from __future__ import annotations

import uuid
from typing import Any

from graphstead.conformance.actor import Actor
from graphstead.conformance.checking import check, expect, same

EACH_MINUTE, EACH_SECOND = "* * * * *", "* * * * * *"
RARELY = "0 0 29 2 *"
MINUTE_S = 75.0


def cron(on: Actor, schedule: str, path: str = "/runs/crons", **fields: Any) -> dict[str, Any]:
    made: dict[str, Any] = on.post(path, on.cast.body("any", schedule=schedule, **fields))
    on.client.made.append((f"/runs/crons/{made['cron_id']}", None))
    return made


def often(on: Actor, path: str) -> dict[str, Any]:
    """Make a cron that is due each second, or each minute where seconds are not read."""
    body = on.cast.body("any", schedule=EACH_SECOND)
    told = on.client.call("POST", path, body)
    schedule = EACH_SECOND if told.accepted else EACH_MINUTE
    if told.accepted:
        on.client.made.append((f"/runs/crons/{told.json()['cron_id']}", None))
        return {**told.json(), "schedule": schedule}
    return cron(on, schedule, path)


@check("crons", "any")
def a_cron_on_a_thread_makes_runs(on: Actor) -> None:
    """A cron that is due makes a run on its thread; once deleted it makes no more."""
    thread_id = on.thread()
    made = often(on, f"/threads/{thread_id}/runs/crons")
    limit_s = max(on.timeout_s, MINUTE_S if made["schedule"] == EACH_MINUTE else 0)
    runs = f"/threads/{thread_id}/runs"
    on.until(lambda: bool(on.get(runs)), "no run was made", limit_s)
    on.ask("DELETE", f"/runs/crons/{made['cron_id']}")
    on.settled(thread_id)
    same(on.refused("GET", f"/runs/crons/{made['cron_id']}"), 404, "status of the deleted cron")


@check("crons", "any")
def a_cron_that_is_off_makes_none(on: Actor) -> None:
    """A cron with `enabled: false` keeps its schedule and tells so."""
    made = cron(on, EACH_MINUTE, enabled=False)
    same(made.get("enabled"), False, "enabled")
    found = on.ask("PATCH", f"/runs/crons/{made['cron_id']}", {"schedule": RARELY}).json()
    same((found["schedule"], found["enabled"]), (RARELY, False), "schedule and enabled")


@check("crons", "any")
def crons_are_found_and_counted(on: Actor) -> None:
    """Search and count by thread find the crons of that thread."""
    thread_id = on.thread()
    made = cron(on, RARELY, f"/threads/{thread_id}/runs/crons")["cron_id"]
    found = on.post("/runs/crons/search", {"thread_id": thread_id})
    same([one["cron_id"] for one in found], [made], "found")
    same(on.post("/runs/crons/count", {"thread_id": thread_id}), 1, "count")


@check("crons", "any")
def a_zone_moves_the_date(on: Actor) -> None:
    """`timezone` is the zone that the schedule is read in; the next date is told in UTC."""
    made = cron(on, "0 12 29 2 *", timezone="Asia/Tokyo")
    expect("T03:00:00" in str(made.get("next_run_date")), f"next date {made.get('next_run_date')}")


@check("crons", "any")
def a_schedule_that_cannot_be_read_is_refused(on: Actor) -> None:
    """A schedule that is none, or an unknown zone, is refused with 4xx."""
    on.refused("POST", "/runs/crons", on.cast.body("any", schedule="now and then"))
    body = on.cast.body("any", schedule=RARELY, timezone="Nowhere/Else")
    on.refused("POST", "/runs/crons", body)


@check("crons", "any", profile="full")
def runs_of_a_cron_tell_which(on: Actor) -> None:
    """Threads made by a cron carry `cron_id` in their metadata, so that they can be found."""
    mark = {"conform": str(uuid.uuid4())}
    made = cron(on, EACH_SECOND, metadata=mark, on_run_completed="keep")
    body = {"metadata": {"cron_id": made["cron_id"]}}
    on.until(lambda: bool(on.post("/threads/search", body)), "no thread of it is found")
    on.ask("DELETE", f"/runs/crons/{made['cron_id']}")
    threads = on.post("/threads/search", {**body, "limit": 100})
    on.client.made.extend((f"/threads/{one['thread_id']}", None) for one in threads)

"""Reads the history of a storm and the tables, and tells what contradicts the promises."""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

import httpx
from faults.fleet import Fleet
from faults.hearing import apart, brief, has_gap, passing_gaps, steps_known, torn
from faults.ledger import Frame, Intent, Ledger, ThreadFrame
from faults.load import HookCall, called, done_in, frames, listen

NEAR_S = 5.0
LONGEST_REPLAY_S = 60.0
ENDED = {"success", "interrupted"}

# Each finds nothing in a sound database.
ORPHANS = {
    "events of no run": "select distinct run_id from events"
    " where run_id not in (select run_id from runs) and run_id not in (select run_id from ends)",
    "runs without a thread": "select run_id from runs where temporary = 0"
    " and thread_id not in (select thread_id from threads)",
    "checkpoints without a thread": "select distinct thread_id from checkpoints"
    " where thread_id not in (select thread_id from threads)",
    "checkpoints of no run": "select distinct run_id from checkpoints"
    " where run_id is not null and run_id not in (select run_id from runs)",
    "writes without a thread": "select distinct thread_id from checkpoint_writes"
    " where thread_id not in (select thread_id from threads)",
    "ended runs without an end": "select run_id from runs where status not in"
    " ('pending', 'running') and run_id not in (select run_id from ends)",
    "ends of a run that goes on": "select run_id from runs where status in ('pending', 'running')"
    " and run_id in (select run_id from ends)",
    "runs that hold themselves up": "select run_id from runs where blocked = 1",
    "busy threads without a run": "select thread_id from threads where status = 'busy'"
    " and thread_id not in (select thread_id from runs where status in ('pending', 'running'))",
    "webhooks still owed": "select run_id from deliveries",
}
HOLES = {
    "events with gaps": "select run_id from events group by run_id"
    " having count(*) <> max(seq) or min(seq) <> 1",
}
# With Redis rows are what was said before a stream began, and what was said behind its end.
HOLES_BESIDE_REDIS = {
    "events with gaps": "select run_id from (select run_id, seq > coalesce(until_seq, 0) as behind,"
    " count(*) as rows, min(seq) as first, max(seq) as last, max(coalesce(until_seq, 0)) as until"
    " from events left join event_streams using (run_id) group by run_id, behind) as parts"
    " where rows <> last - first + 1 or first <> case when behind then until + 1 else 1 end",
    "streams of no run": "select run_id from event_streams"
    " where run_id not in (select run_id from runs) and run_id not in (select run_id from ends)",
    "streams that outlive their run": "select run_id from event_streams"
    " where until_seq is null and run_id in (select run_id from ends)",
}


def faults(fleet: Fleet, ledger: Ledger, hooks: Sequence[HookCall], *, may_lose: bool) -> list[str]:
    """Return everything that must not be, in sentences; events may be lost beside a Redis alone."""
    found = list(ledger.wrong)
    found += _of_tables(fleet, ORPHANS | (HOLES_BESIDE_REDIS if may_lose else HOLES))
    found += _of_runs(fleet, ledger.intents)
    found += _of_logs(fleet)
    found += _of_webhooks(ledger.intents, called(hooks))
    with httpx.Client(base_url=fleet.api().url, timeout=60) as client:
        found += _of_threads(client, ledger)
        found += _of_outputs(client, ledger.intents)
        found += _of_streams(client, ledger, may_lose=may_lose)
        found += _of_followed(client, ledger)
    return found


def _of_tables(fleet: Fleet, queries: Mapping[str, str]) -> Iterator[str]:
    for what, sql in queries.items():
        if rows := fleet.rows(sql):
            yield f"{what}: {len(rows)}, such as {rows[0][0]}"


def _of_runs(fleet: Fleet, intents: Sequence[Intent]) -> Iterator[str]:
    """Check that there is one run for each that was promised, that it ended, and no other."""
    statuses = dict(fleet.rows("select run_id, status from ends"))
    kept = {run_id for (run_id,) in fleet.rows("select run_id from runs")}
    promised = Counter(intent.run_id for intent in intents)
    yield from (f"{one} was promised {n} times" for one, n in promised.items() if n > 1)
    for run_id in kept | statuses.keys():
        if run_id not in promised:
            yield f"{run_id} was asked for by nobody, or twice"
    for intent in intents:
        wanted = ENDED if intent.may_be_cut else {"success"}
        if statuses.get(intent.run_id) not in wanted:
            yield f"{intent.run_id} ({intent.name}) is {statuses.get(intent.run_id, 'lost')}"
        if intent.temporary == (intent.run_id in kept):
            yield f"{intent.run_id} ({intent.name}) is kept or deleted against its wish"


def _of_logs(fleet: Fleet) -> Iterator[str]:
    """Check that no two workers say that they ended the same run."""
    ends = Counter(_ended_in(fleet))
    yield from (f"{run_id} was ended {n} times" for run_id, n in ends.items() if n > 1)


def _ended_in(fleet: Fleet) -> Iterator[str]:
    for worker in fleet.workers:
        for line in worker.log.splitlines():
            if '"run ended"' in line:
                try:
                    yield str(json.loads(line)["run_id"])
                except ValueError:
                    continue  # half a line: the process was killed as it wrote it


def _of_webhooks(intents: Sequence[Intent], calls: Iterable[str]) -> Iterator[str]:
    heard = set(calls)
    for intent in intents:
        if intent.webhook and intent.run_id not in heard:
            yield f"the webhook of {intent.run_id} ({intent.name}) was never called"


def _of_threads(client: httpx.Client, ledger: Ledger) -> Iterator[str]:
    """Check that the runs of a thread did each step once, one run after the other."""
    by_thread: dict[str, list[Intent]] = defaultdict(list)
    for intent in ledger.intents:
        if intent.thread_id and not intent.temporary:
            by_thread[intent.thread_id].append(intent)
    for thread_id, intents in by_thread.items():
        answer = client.get(f"/threads/{thread_id}/state")
        trail = (answer.json().get("values") or {}).get("trail", [])
        if any(intent.may_be_cut for intent in intents):
            if trail != intents[0].trail[: len(trail)]:
                yield f"the cancelled run on {thread_id} left {trail}"
            continue
        wanted = [entry for intent in intents for entry in intent.trail]
        if trail != wanted and not _as_the_clock_went(trail, intents, ledger):
            yield f"thread {thread_id} has {trail}, not {wanted}"


def _as_the_clock_went(trail: list[str], intents: list[Intent], ledger: Ledger) -> bool:
    """Tell whether only whole runs changed places, made when the clock went back."""
    near = any(
        intent.asked_s - NEAR_S < at_s < intent.acked_s + NEAR_S
        for intent in intents
        for at_s in ledger.steps_back_s
    )
    blocks = [list(block) for _, block in groupby(trail, key=lambda entry: entry.split(":")[0])]
    return near and sorted(blocks) == sorted(intent.trail for intent in intents)


def _of_outputs(client: httpx.Client, intents: Sequence[Intent]) -> Iterator[str]:
    for intent in intents:
        if intent.output is not None and intent.output.get("trail") != intent.trail:
            yield f"{intent.run_id} ({intent.name}) gave {intent.output}"
        if intent.temporary:
            again = client.get(f"/threads/{intent.thread_id}/runs/{intent.run_id}/join").json()
            if again.get("trail") != intent.trail:
                yield f"{intent.run_id} ({intent.name}) gives {again} now"


def _of_streams(client: httpx.Client, ledger: Ledger, *, may_lose: bool) -> Iterator[str]:
    """Check what was heard live, what replay says, and that they are one."""
    for intent in ledger.intents:
        if intent.heard is None:
            continue
        path = f"/threads/{intent.thread_id}/runs/{intent.run_id}/stream"
        with client.stream("GET", path, headers={"Last-Event-ID": "-1"}) as answer:
            replay = list(frames(answer.iter_lines()))
        ledger.gaps["streams"] += 1
        ledger.gaps["that heard of a gap"] += has_gap(intent.heard)
        ledger.gaps["whose replay has one"] += has_gap(replay)
        for fault in _of_stream(intent, intent.heard, replay, may_lose=may_lose):
            told = f"heard {brief(intent.heard)}, replayed {brief(replay)}"
            yield f"the stream of {intent.run_id} ({intent.name}): {fault}; {told}"


def _of_followed(client: httpx.Client, ledger: Ledger) -> Iterator[str]:
    """Check that who followed a thread heard what it tells now, each event once and in order."""
    for followed in ledger.followed:
        ledger.gaps["threads"] += 1
        replay: list[ThreadFrame] = []
        if not listen(client, "", followed, replay, time.monotonic() + LONGEST_REPLAY_S):
            yield f"{followed.thread_id} does not tell all of its runs, only {replay}"
        elif done_in(followed.heard) != done_in(replay):
            yield f"{followed.thread_id} told whom it followed only {followed.heard}"
        elif not has_gap(replay) and not has_gap(followed.heard):
            ids = [event_id for event_id, _, _ in followed.heard]
            if ids != sorted(set(ids)) or replay != followed.heard:
                yield f"{followed.thread_id} told {followed.heard}, now {replay}"


def _of_stream(
    intent: Intent, heard: Sequence[Frame], replay: Sequence[Frame], *, may_lose: bool
) -> Iterator[str]:
    if fault := torn(heard, may_lose=may_lose):
        yield f"{fault} was heard"
    if fault := torn(replay, may_lose=may_lose):
        yield f"{fault} is in the replay"
    if fault := apart(heard, replay):
        yield fault
    if passing := passing_gaps(replay):
        yield f"the replay calls {passing} passing"
    steps, whole = steps_known(heard, replay)
    every = list(range(1, intent.steps + 1))
    if steps != every if whole else not set(steps) <= set(every):
        yield f"it tells of the steps {steps}, not {every}"

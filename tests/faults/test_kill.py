"""`kill -9` at random moments under load: nothing is lost, nothing runs twice at once."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from itertools import groupby, pairwise

import httpx
import pytest
from databases import KIND
from factories import seq_of
from faults.aftermath import KILLS, LONG_STEPS, Aftermath, Mark
from faults.crowd import BATCH, STEPS

METADATA = "select metadata from runs"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def by_run(marks: list[Mark]) -> dict[str, list[Mark]]:
    found: dict[str, list[Mark]] = defaultdict(list)
    for mark in marks:
        found[mark.run_id].append(mark)
    return found


def test_the_load_was_worth_the_name(aftermath: Aftermath) -> None:
    assert len(aftermath.crowd.acked) > 50
    assert len({mark.pid for mark in aftermath.marks}) == KILLS + 1
    torn = [run_id for run_id, marks in by_run(aftermath.marks).items() if len(pids(marks)) > 1]
    assert len(torn) > 2, "no run was under way when the server was killed"


def pids(marks: list[Mark]) -> list[int]:
    return [pid for pid, _ in groupby(mark.pid for mark in marks)]


def test_every_acknowledged_run_ends_as_success(aftermath: Aftermath) -> None:
    statuses = Counter[str]()
    with httpx.Client(base_url=aftermath.server.url, timeout=30) as client:
        for run in aftermath.crowd.acked:
            if not run.temporary:
                answer = client.get(f"/threads/{run.thread_id}/runs/{run.run_id}")
                statuses[answer.json().get("status", answer.text)] += 1
    assert set(statuses) == {"success"}


def test_every_acknowledged_stateless_run_has_its_output(aftermath: Aftermath) -> None:
    temporary = [run for run in aftermath.crowd.acked if run.temporary]
    assert temporary
    with httpx.Client(base_url=aftermath.server.url, timeout=30) as client:
        for run in temporary:
            values = client.get(f"/threads/{run.thread_id}/runs/{run.run_id}/join").json()
            assert values["count"] == STEPS, run


def test_every_acknowledged_run_did_all_of_its_steps(aftermath: Aftermath) -> None:
    marks = by_run(aftermath.marks)
    for run in aftermath.crowd.acked:
        done = {mark.step for mark in marks[run.run_id] if mark.edge == "end"}
        assert done == set(range(1, STEPS + 1)), run


def test_no_run_is_in_two_processes_at_once(aftermath: Aftermath) -> None:
    for run_id, marks in by_run(aftermath.marks).items():
        assert len(pids(marks)) == len({mark.pid for mark in marks}), run_id


def test_no_step_overlaps_another_of_its_run(aftermath: Aftermath) -> None:
    for run_id, marks in by_run(aftermath.marks).items():
        for _, of_one in groupby(marks, key=lambda mark: mark.pid):
            edges = [mark.edge for mark in of_one]
            assert edges[::2] == ["start"] * len(edges[::2]), run_id
            assert edges[1::2] == ["end"] * len(edges[1::2]), run_id


def test_a_finished_step_is_not_done_again(aftermath: Aftermath) -> None:
    """Only the step under way at the kill may return: its checkpoint may not have been written."""
    temporary = {run.run_id for run in aftermath.crowd.acked if run.temporary}
    for run_id, marks in by_run(aftermath.marks).items():
        if run_id in temporary:
            continue
        for earlier, later in pairwise(marks):
            if earlier.pid != later.pid:
                assert later.step in (earlier.step, earlier.step + 1), run_id


def test_runs_of_one_thread_keep_their_order(aftermath: Aftermath) -> None:
    ended = {mark.run_id: n for n, mark in enumerate(aftermath.marks) if mark.edge == "end"}
    threads: dict[str, list[str]] = defaultdict(list)
    for run in aftermath.crowd.acked:
        threads[run.thread_id].append(run.run_id)
    pairs = [runs for runs in threads.values() if len(runs) == 2]
    assert pairs
    assert all(ended[first] < ended[second] for first, second in pairs)


def test_a_batch_is_stored_whole_or_not_at_all(aftermath: Aftermath) -> None:
    batches = [json.loads(text).get("batch") for (text,) in aftermath.query(METADATA)]
    sizes = Counter(number for number in batches if number is not None)
    assert set(sizes.values()) == {BATCH}
    assert set(aftermath.crowd.batches) <= set(sizes)


def test_the_database_is_sound(aftermath: Aftermath) -> None:
    if KIND == "sqlite":
        assert aftermath.query("pragma integrity_check") == [("ok",)]
    assert aftermath.query("select count(*) from runs where blocked = 1") == [(0,)]
    assert aftermath.query("select count(*) from threads where status = 'busy'") == [(0,)]


def test_a_long_run_goes_on_from_its_last_checkpoint(aftermath: Aftermath) -> None:
    marks = by_run(aftermath.marks)[aftermath.joined["run_id"]]
    assert len(pids(marks)) == KILLS + 1
    started = Counter(mark.step for mark in marks if mark.edge == "start")
    assert set(started) == set(range(1, LONG_STEPS + 1))
    assert sum(started.values()) <= LONG_STEPS + KILLS


def replay(aftermath: Aftermath, after: str) -> list[tuple[str, str, int]]:
    """Return (event, data, seq) of the long run's stream after an event id."""
    run = aftermath.joined
    path = f"/threads/{run['thread_id']}/runs/{run['run_id']}/stream"
    text = aftermath.server.get(path, headers={"last-event-id": after}).text
    frames = [
        dict(line.split(": ", 1) for line in frame.split("\r\n"))
        for frame in text.replace(": heartbeat\r\n\r\n", "").split("\r\n\r\n")
        if frame
    ]
    return [(frame["event"], frame["data"], seq_of(frame["id"])) for frame in frames]


def test_the_stream_of_a_resumed_run_is_replayed_without_a_gap(aftermath: Aftermath) -> None:
    events = replay(aftermath, "-1")
    assert [seq for _, _, seq in events] == list(range(1, len(events) + 1))
    assert replay(aftermath, "1-7") == events[7:]


def test_every_attempt_announces_itself_in_the_stream(aftermath: Aftermath) -> None:
    told = [data for event, data, _ in replay(aftermath, "-1") if event == "metadata"]
    run_id = aftermath.joined["run_id"]
    wanted = [f'{{"run_id":"{run_id}","attempt":{n}}}' for n in range(1, KILLS + 2)]
    assert told == wanted


def test_the_stream_of_a_resumed_run_tells_of_every_step(aftermath: Aftermath) -> None:
    told = [data for event, data, _ in replay(aftermath, "-1") if event == "custom"]
    wanted = [f'{{"step":{number}}}' for number in range(1, LONG_STEPS + 1)]
    assert list(dict.fromkeys(told)) == wanted
    assert len(told) <= LONG_STEPS + KILLS


def test_an_sdk_client_follows_a_run_through_both_kills(aftermath: Aftermath) -> None:
    seqs = [seq_of(part.id) for part in aftermath.followed]
    assert seqs == list(range(1, len(seqs) + 1))
    attempts = [part.data["attempt"] for part in aftermath.followed if part.event == "metadata"]
    assert attempts == list(range(1, KILLS + 2))
    assert aftermath.followed[-1].data == {"step": LONG_STEPS}

"""Frames come again as they were: after a reconnection, a restart or a crash, in any process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from chaos.proxy import DroppingProxy
from servers import Server, until_true
from streaming.listeners import Frame, Listener, brief, command, is_end, new_id, of, start

PROJECT = Path(__file__).parent / "project" / "langgraph.json"
HELLO = {"messages": [{"role": "user", "content": "hello"}]}
SLOW = {"steps": 12, "sleep_s": 0.1}


def test_a_late_listener_gets_the_same_frames(server: Server) -> None:
    thread_id = new_id()
    live = Listener(server.url, thread_id)
    start(server, thread_id, "slow", {"steps": 3, "sleep_s": 0.1})
    frames = live.runs()
    assert Listener(server.url, thread_id).runs() == frames


def test_since_and_last_event_id_go_on_behind_a_number(server: Server) -> None:
    thread_id = new_id()
    start(server, thread_id, "steps", {"topic": "tea"})
    start(server, thread_id, "steps", {"topic": "tea"})
    frames = Listener(server.url, thread_id).runs(2)
    for seq in (1, 5, 22, 23, 24, 40):
        rest = frames[seq:]
        ends = sum(map(is_end, rest))
        assert Listener(server.url, thread_id, since=seq).runs(ends) == rest
    assert Listener(server.url, thread_id, last_event_id=30).runs() == frames[30:]
    assert Listener(server.url, thread_id, since=3, last_event_id=30).runs() == frames[30:]


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that tests may kill."""
    running = Server(tmp_path_factory.mktemp("mortal") / "data", config=PROJECT).start()
    yield running
    running.kill()


def test_a_crash_loses_and_repeats_no_frame(mortal: Server, tmp_path: Path) -> None:
    talk, question, gate = new_id(), new_id(), tmp_path / "gate"
    start(mortal, question, "asking", HELLO)
    asked = Listener(mortal.url, question).runs()
    held = {"messages": [{"role": "user", "content": f"hold on until {gate}"}]}
    start(mortal, talk, "slow_talk", held)
    live = Listener(mortal.url, talk)
    before = live.until(lambda frames: len(of(frames, "messages")) > 8)
    mortal.restart(kill=True)
    gate.touch()

    since = before[-1]["seq"]
    rest = Listener(mortal.url, talk, since=since).runs()
    whole = Listener(mortal.url, talk).runs()
    assert whole == before + rest
    assert [frame["seq"] for frame in whole] == list(range(1, len(whole) + 1))
    assert len({frame["event_id"] for frame in whole}) == len(whole)
    assert_messages_end(whole)

    assert Listener(mortal.url, question).runs() == asked
    [one] = of(asked, "input.requested")
    command(mortal, question, "input.respond", interrupt_id=one["interrupt_id"], response="so")
    answered = Listener(mortal.url, question).runs(2)
    assert answered[: len(asked)] == asked
    assert [frame["seq"] for frame in answered] == list(range(1, len(answered) + 1))


def assert_messages_end(frames: Sequence[Frame]) -> None:
    """The message of the attempt that was lost is ended; the next attempt's is whole."""
    by_message: dict[str, list[Any]] = {}
    for step in of(frames, "messages"):
        by_message.setdefault(step["id"], []).append(step)
    [lost, whole] = by_message.values()
    assert (lost[0]["event"], lost[-1]["event"]) == ("message-start", "error")
    assert whole[-1]["event"] == "message-finish"
    assert of(frames, "values")[-1]["messages"][-1]["id"] == whole[0]["id"]


async def test_frames_survive_a_bad_network(server: Server) -> None:
    thread_id = new_id()
    async with DroppingProxy(server.url, seed=7, mean_bytes=2500) as proxy:
        await asyncio.to_thread(start, server, thread_id, "slow", SLOW)
        found = await asyncio.to_thread(follow, proxy.url, thread_id)
        assert proxy.drops["stream"] >= 3
    assert found == await asyncio.to_thread(Listener(server.url, thread_id).runs)


def follow(url: str, thread_id: str) -> list[Frame]:
    """Follow a run as the SDKs do: connect again behind the last number that came whole."""
    found: list[Frame] = []
    while not any(map(is_end, found)):
        listener = Listener(url, thread_id, since=found[-1]["seq"] if found else 0)
        found += listener.until_cut()
    return found


def test_what_is_no_longer_kept_is_a_gap(make_server: Any) -> None:
    short = {"RESUMABLE_STREAM_TTL_SECONDS": "3", "GRAPHSTEAD_SWEEP_S": "0.1"}
    server: Server = make_server(env=short)
    thread_id = new_id()
    live = Listener(server.url, thread_id)
    start(server, thread_id, "steps", {"topic": "tea"})
    first = live.runs()
    until_true(lambda: count(server, "ends") == 0)
    assert server.stop() == 0, server.log
    server = make_server()
    start(server, thread_id, "steps", {"topic": "tea"})
    second = Listener(server.url, thread_id, since=first[-1]["seq"]).runs()
    assert second[0]["seq"] == first[-1]["seq"] + 1
    assert Listener(server.url, thread_id).runs() == second
    [told] = Listener(server.url, thread_id, since=3).ended()
    assert (told["type"], told["error"], told["id"]) == ("error", "resume_gap", None)
    assert str(second[0]["seq"]) in told["message"]


def count(server: Server, table: str) -> int:
    return int(server.rows(f"select count(*) from {table}")[0][0])


def test_numbers_go_on_where_a_run_was_deleted_uncounted(server: Server) -> None:
    thread_id = new_id()
    run_id = start(server, thread_id, "slow", {"steps": 30, "sleep_s": 0.1})
    live = Listener(server.url, thread_id)
    seen = live.until(lambda frames: len(frames) > 6)
    live.leave()
    server.post(f"/threads/{thread_id}/runs/{run_id}/cancel?wait=true")
    server.call("DELETE", f"/threads/{thread_id}/runs/{run_id}")
    start(server, thread_id, "echo", {"message": 1})
    later = Listener(server.url, thread_id, ["lifecycle"]).runs()
    assert later[0]["seq"] > seen[-1]["seq"]


def test_a_stream_ends_with_its_thread(stage: Server) -> None:
    thread_id = new_id()
    start(stage, thread_id, "team", HELLO)
    listener = Listener(stage.url, thread_id)
    listener.until(lambda frames: any(map(is_end, frames)))
    # It has seen the thread, without anything to tell, before the second of them.
    beats = listener.beats + 2
    listener.until(lambda _: listener.beats >= beats)
    stage.call("DELETE", f"/threads/{thread_id}")
    assert brief(listener.ended()[-1:]) == [("lifecycle", "completed")]

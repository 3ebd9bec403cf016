"""Redis dies in the middle of a stream: the run ends, its followers hear it all or of a gap."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from databases import PostgresPlace
from faults.conftest import PROJECT
from own_redis import OwnRedis, own_redis
from servers import Server, until_true
from streaming.listeners import Frame, Listener

from graphstead.streaming.log import POLL_S

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
STEPS, STOPS_AT = 30, 6


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[OwnRedis]:
    with own_redis(tmp_path) as one:
        yield one


@pytest.fixture
def pair(tmp_path: Path, redis_server: OwnRedis) -> Iterator[tuple[Server, Server]]:
    """Two servers of one database and one Redis; the first one alone carries runs out."""
    place = PostgresPlace()
    env = {
        "GRAPHSTEAD_DATABASE_URI": place.uri,
        "GRAPHSTEAD_DATABASE_CONNECTIONS": "7",
        "GRAPHSTEAD_RESUMABLE_STREAM_TTL_S": "600",
        "REDIS_URI": redis_server.uri,
    }
    command: dict[str, Any] = {"command": "serve", "config": PROJECT, "env": env}
    first = Server(tmp_path / "one", **command)
    second = Server(tmp_path / "two", args=["--run-workers", "0"], **command)
    try:
        yield first.start(), second.start()
        for server in (first, second):
            assert server.stop() == 0, server.log
    finally:
        # What is left of a failure would keep connections that later tests need.
        for server in (first, second):
            if server.process is not None:
                server.kill()
    place.leave()


class Follower:
    """Reads a run's stream in the background: (event, data, id) of each frame."""

    def __init__(self, server: Server, path: str, last_event_id: str = "-1") -> None:
        self.frames: list[tuple[str, Any, str]] = []
        self._url = server.url + path
        self._last_event_id = last_event_id
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        headers = {"Last-Event-ID": self._last_event_id}
        # A server that is killed ends its streams, too.
        with (
            contextlib.suppress(httpx.TransportError),
            httpx.stream("GET", self._url, headers=headers, timeout=60) as answer,
        ):
            frame: dict[str, str] = {}
            for line in answer.iter_lines():
                name, _, value = line.partition(": ")
                if name:
                    frame[name] = value
                elif "event" in frame:
                    self.frames.append((frame["event"], json.loads(frame["data"]), frame["id"]))
                    frame = {}

    def over(self) -> list[tuple[str, Any, str]]:
        self._thread.join(90)
        assert not self._thread.is_alive(), "the follower hangs"
        return self.frames

    @property
    def steps(self) -> list[int]:
        return [data["step"] for event, data, _ in self.frames if event == "custom"]


def start(
    server: Server, folder: Path, sleep_s: float = 0.01, gates: Path | None = None
) -> dict[str, str]:
    thread_id = server.post("/threads", {}).json()["thread_id"]
    given = {"marks": str(folder / "marks"), "steps": STEPS, "sleep_s": sleep_s}
    given |= {"gates": str(gates)} if gates else {}
    body = {"assistant_id": "walk", "input": given, "stream_mode": ["custom", "values"]}
    answer = server.post(f"/threads/{thread_id}/runs", {**body, "stream_resumable": True})
    found: dict[str, str] = answer.json()
    return found


@pytest.fixture
def gates(tmp_path: Path) -> Path:
    """A folder whose gates are open for the steps before `STOPS_AT`."""
    folder = tmp_path / "gates"
    folder.mkdir()
    for number in range(1, STOPS_AT):
        (folder / f"step-{number}").touch()
    return folder


def stream_of(run: dict[str, str]) -> str:
    return f"/threads/{run['thread_id']}/runs/{run['run_id']}/stream"


def status_of(server: Server, run: dict[str, str]) -> str:
    return str(server.get(f"/threads/{run['thread_id']}/runs/{run['run_id']}").json()["status"])


def test_a_stream_goes_on_when_redis_dies_and_who_comes_later_hears_of_the_gap(
    pair: tuple[Server, Server], redis_server: OwnRedis, tmp_path: Path, gates: Path
) -> None:
    first, second = pair
    run = start(first, tmp_path, 0.1, gates)
    follower = Follower(second, stream_of(run))
    until_true(lambda: len(follower.steps) >= STOPS_AT, 60)
    assert any(run["run_id"].encode() in key for key in redis_server.streams())
    redis_server.kill()
    (gates / "all").touch()
    follower.over()
    assert follower.steps == list(range(1, STEPS + 1)), "each piece once, in order"
    assert "gap" not in [event for event, _, _ in follower.frames]
    assert follower.frames[-1][1]["count"] == STEPS
    assert status_of(second, run) == "success"
    late = Follower(second, stream_of(run)).over()
    assert (late[0][0], late[0][1]["after"], late[0][1]["lost"]) == ("gap", 0, False)
    assert int(late[1][2].rpartition("-")[2]) == late[0][1]["until"] + 1
    assert late[-1] == follower.frames[-1]
    redis_server.start()
    until_true(lambda: second.get("/info").json()["capabilities"]["redis"] == "reachable", 60)
    again = start(first, tmp_path)
    assert Follower(second, stream_of(again)).over()[-1][1]["count"] == STEPS
    lost = Follower(second, stream_of(run)).over()
    assert (lost[0][0], lost[0][1]["lost"], lost[1:]) == ("gap", True, late[1:])


class Followers:
    """Of a run, its thread, and the thread by the event protocol: all from the beginning."""

    def __init__(self, server: Server, run: dict[str, str]) -> None:
        self.run = Follower(server, stream_of(run))
        self.thread = Follower(server, f"/threads/{run['thread_id']}/stream")
        self.protocol = Listener(server.url, run["thread_id"], ["custom"])


def test_who_follows_while_redis_is_away_waits_for_it_for_ten_seconds(
    pair: tuple[Server, Server], redis_server: OwnRedis, tmp_path: Path
) -> None:
    first, second = pair
    run = start(first, tmp_path)
    Follower(second, stream_of(run)).over()
    redis_server.save()
    redis_server.kill()
    until_true(lambda: second.get("/info").json()["capabilities"]["redis"] != "reachable", 60)
    early = Followers(second, run)
    assert early.protocol.ended(60)[-1]["error"] == "resume_gap"
    for follower in (early.run, early.thread):
        until_true(lambda follower=follower: bool(follower.frames), 60)  # type: ignore[misc]
        assert (follower.frames[0][0], follower.frames[0][1]["lost"]) == ("gap", False)
    late = Followers(second, run)
    # Redis is asked anew each 4 s only, and has to be back within their ten.
    time.sleep(POLL_S)
    redis_server.start()
    wanted = list(range(1, STEPS + 1))
    until_true(lambda: late.run.steps == late.thread.steps == wanted, 60)
    assert [data["step"] for data in customs(late.protocol.until(is_whole, 60))] == wanted
    assert "gap" not in [event for event, _, _ in [*late.run.frames, *late.thread.frames]]


def customs(frames: Sequence[Frame]) -> list[Any]:
    told = [frame["params"]["data"] for frame in frames if frame.get("method") == "custom"]
    return [data.get("payload", data) for data in told]


def is_whole(frames: Sequence[Frame]) -> bool:
    return len(customs(frames)) == STEPS


def test_a_command_is_carried_out_while_redis_is_away(
    pair: tuple[Server, Server], redis_server: OwnRedis, tmp_path: Path
) -> None:
    """Its answer tells the number of the thread's last event as far as it is known."""
    first, second = pair
    run = start(first, tmp_path)
    Listener(second.url, run["thread_id"]).runs()
    redis_server.kill()
    given = {"marks": str(tmp_path / "marks"), "steps": 2, "sleep_s": 0.01}
    command = {"id": 1, "method": "run.start", "params": {"assistant_id": "walk", "input": given}}
    answer = second.post(f"/threads/{run['thread_id']}/commands", command).json()
    assert answer["type"] == "success", answer
    began = {"thread_id": run["thread_id"], "run_id": answer["result"]["run_id"]}
    until_true(lambda: status_of(second, began) == "success", 90)


def test_a_worker_that_dies_after_redis_leaves_a_run_that_still_ends(
    tmp_path: Path, redis_server: OwnRedis, gates: Path
) -> None:
    place = PostgresPlace()
    env = {"GRAPHSTEAD_DATABASE_URI": place.uri, "REDIS_URI": redis_server.uri}
    env["GRAPHSTEAD_RESUMABLE_STREAM_TTL_S"] = "600"
    server = Server(tmp_path / "data", config=PROJECT, env=env).start()
    run = start(server, tmp_path, 0.1, gates)
    follower = Follower(server, stream_of(run))
    until_true(lambda: len(follower.steps) >= STOPS_AT, 60)
    redis_server.kill()
    server.kill()
    (gates / "all").touch()
    server.start()
    assert "cannot be used" in server.log and "Postgres does its part" in server.log
    until_true(lambda: status_of(server, run) == "success", 90)
    resumed = Follower(server, stream_of(run), "1-2").over()
    assert resumed[0][0] == "gap" and resumed[0][1]["after"] == 2
    assert resumed[-1][1]["count"] == STEPS
    assert server.stop() == 0, server.log
    place.leave()

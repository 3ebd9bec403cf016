"""The bytes of event streams and of slow JSON, read off the socket (form measured on 0.16.7)."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from servers import Server, until_true

FRAME = re.compile(rb"event: ([^\r\n]+)\r\ndata: ([^\r\n]*)\r\n(?:id: ([^\r\n]+)\r\n)?\r\n")
HEARTBEAT = b": heartbeat\r\n\r\n"
PULSES = (HEARTBEAT, b"\n")
PROJECT = Path(__file__).parent / "project" / "langgraph.json"
TEXT = 'line\nbreak\r \u2028 \u2029 "quote" \\ 漢字 \ud83c\udf88'.encode("utf-16", "surrogatepass")


@dataclass(frozen=True)
class Reply:
    """What came back: headers, chunks with their time since the request, all of it joined."""

    headers: httpx.Headers
    chunks: tuple[tuple[float, bytes], ...]

    def times(self, pulse: bytes) -> list[float]:
        """Return when signs of life came."""
        return [at for at, chunk in self.chunks if chunk == pulse]

    @property
    def body(self) -> bytes:
        return b"".join(chunk for _, chunk in self.chunks)

    @property
    def frames(self) -> list[tuple[str, Any, bytes | None]]:
        """Return (event, data, id) of every frame; heartbeats left out."""
        rest = self.body.replace(HEARTBEAT, b"")
        found = list(FRAME.finditer(rest))
        assert b"".join(match[0] for match in found) == rest
        return [(match[1].decode(), orjson.loads(match[2]), match[3]) for match in found]


def read(
    server: Server, method: str, path: str, heard: Callable[[bytes], Any] = len, **options: Any
) -> Reply:
    began, chunks = time.monotonic(), []
    with httpx.stream(method, server.url + path, timeout=60, **options) as response:
        assert response.status_code == 200, response.read()
        for chunk in response.iter_raw():
            chunks.append((time.monotonic() - began, chunk))
            heard(chunk)
    return Reply(response.headers, tuple(chunks))


def stream(
    server: Server, graph: str, given: Any, path: str = "/runs/stream", **more: Any
) -> Reply:
    return read(server, "POST", path, json={"assistant_id": graph, "input": given, **more})


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose graphs wait for gates, and whose heart beats as usual."""
    running = Server(tmp_path_factory.mktemp("calm") / "data", config=PROJECT).start()
    yield running
    assert running.stop() == 0, running.log


def new_thread(server: Server) -> str:
    thread_id: str = server.post("/threads", {}).json()["thread_id"]
    return thread_id


def test_a_stream_is_frames_of_event_and_one_data_line(server: Server) -> None:
    reply = stream(server, "steps", {"topic": "tea"}, stream_mode=["updates", "values"])
    events = [event for event, _, _ in reply.frames]
    assert events == ["metadata", "values", *["updates", "values"] * 3]


def test_lines_end_in_carriage_return_and_line_feed(server: Server) -> None:
    body = stream(server, "steps", {"topic": "tea"}).body
    assert body.count(b"\n") == body.count(b"\r\n") == body.count(b"\r")
    assert body.endswith(b"\r\n\r\n")


def test_text_with_line_breaks_stays_on_one_line(server: Server) -> None:
    text = TEXT.decode("utf-16")
    reply = stream(server, "echo", {"message": text})
    assert reply.frames[-1][1] == {"message": text, "reply": text}


def test_no_event_says_that_the_stream_ends(server: Server) -> None:
    reply = stream(server, "echo", {"message": 1})
    assert [event for event, _, _ in reply.frames] == ["metadata", "values", "values"]
    assert b"event: end" not in reply.body


def test_ids_come_after_the_data_and_only_for_resumable_runs(server: Server) -> None:
    plain = stream(server, "echo", {"message": 1})
    assert {event_id for _, _, event_id in plain.frames} == {None}
    resumable = stream(server, "echo", {"message": 1}, stream_resumable=True)
    ids = [event_id or b"" for _, _, event_id in resumable.frames]
    assert [event_id.partition(b"-")[2] for event_id in ids] == [b"1", b"2", b"3"]
    assert all(re.fullmatch(rb"\d{13}-\d+", event_id) for event_id in ids)


def test_a_stream_forbids_caching_and_buffering(server: Server) -> None:
    headers = stream(server, "echo", {}).headers
    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert headers["cache-control"] == "no-store"
    assert headers["x-accel-buffering"] == "no"
    assert "content-length" not in headers


def test_a_stream_on_a_thread_says_where_it_can_be_joined(server: Server) -> None:
    thread_id = new_thread(server)
    reply = stream(server, "echo", {}, f"/threads/{thread_id}/runs/stream")
    place = f"/threads/{thread_id}/runs/{reply.frames[0][1]['run_id']}"
    assert reply.headers["content-location"] == place
    assert reply.headers["location"] == f"{place}/stream"
    assert stream(server, "echo", {}).headers["location"].startswith("/runs/")


def test_waiting_says_where_it_can_be_joined(server: Server) -> None:
    answer = server.post("/runs/wait", {"assistant_id": "echo", "input": {}})
    found = re.fullmatch(r"/threads/[^/]+/runs/[^/]+", answer.headers["content-location"])
    assert found and answer.headers["location"] == f"{found[0]}/join"


def test_a_background_run_says_where_it_is(server: Server) -> None:
    thread_id, body = new_thread(server), {"assistant_id": "echo", "input": {}}
    on_thread = server.post(f"/threads/{thread_id}/runs", body)
    run_id = on_thread.json()["run_id"]
    assert on_thread.headers["content-location"] == f"/threads/{thread_id}/runs/{run_id}"
    stateless = server.post("/runs", body)
    assert stateless.headers["content-location"] == f"/runs/{stateless.json()['run_id']}"
    assert "location" not in on_thread.headers and "location" not in stateless.headers


def test_browsers_may_read_where_a_run_is(server: Server) -> None:
    origin = {"origin": "https://ui.example"}
    exposed = server.get("/ok", headers=origin).headers["access-control-expose-headers"].lower()
    assert {"location", "content-location"} <= {name.strip() for name in exposed.split(",")}


def test_an_error_comes_last(server: Server) -> None:
    reply = stream(server, "failing", {"message": "no luck"})
    *_, (event, data, _) = reply.frames
    assert (event, data) == ("error", {"error": "ValueError", "message": "no luck"})


def test_events_arrive_as_they_happen(calm: Server, tmp_path: Path) -> None:
    gates = [tmp_path / str(number) for number in range(3)]

    def go_on(chunk: bytes) -> None:
        """Open the gate that the graph waits for: what was kept back would be for ever."""
        for number in re.findall(rb'"gate":(\d)', chunk):
            gates[int(number)].touch()

    body = {"assistant_id": "gated", "input": {"gates": [*map(str, gates)]}}
    reply = read(calm, "POST", "/runs/stream", go_on, json={**body, "stream_mode": "custom"})
    assert [event for event, _, _ in reply.frames] == ["metadata", *["custom"] * 3]


@pytest.mark.parametrize("accepted", ["text/event-stream", "application/json", "*/*"])
def test_a_stream_is_sent_whatever_the_client_says_it_accepts(
    server: Server, accepted: str
) -> None:
    body = {"assistant_id": "echo", "input": {}}
    answer = server.post("/runs/stream", body, headers={"accept": accepted})
    assert answer.headers["content-type"].startswith("text/event-stream")


@pytest.mark.parametrize(("wish", "status"), [("cancel", "interrupted"), ("continue", "idle")])
def test_a_run_nobody_waits_for_any_more_does_as_it_was_told(
    server: Server, wish: str, status: str
) -> None:
    thread_id = new_thread(server)
    steps = 20 if wish == "continue" else 600
    task = {"steps": steps, "sleep_s": 0.1}
    given = {"assistant_id": "slow", "input": task, "on_disconnect": wish}

    def thread() -> Any:
        return server.get(f"/threads/{thread_id}").json()

    begun = f"/threads/{thread_id}/state"
    server.ask_and_leave(
        f"/threads/{thread_id}/runs/wait",
        given,
        lambda: server.get(begun).json()["values"].get("count", 0) > 0,
    )
    until_true(lambda: thread()["status"] != "busy")
    left = thread()
    assert left["status"] == status
    assert (left["values"]["count"] == steps) == (wish == "continue")


@pytest.fixture(scope="module")
def silence(calm: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Reply]:
    """A run silent for two heartbeats: streamed, waited for and joined, all at once."""
    gate, pulses = tmp_path_factory.mktemp("silence") / "gate", Counter[str]()
    given = {
        "assistant_id": "gated",
        "input": {"gates": [str(gate)]},
        "stream_mode": "updates",
    }
    thread_id = new_thread(calm)
    run_id = calm.post(f"/threads/{thread_id}/runs", given).json()["run_id"]
    ways: dict[str, tuple[str, str, Any]] = {
        "stream": ("POST", "/runs/stream", given),
        "wait": ("POST", "/runs/wait", given),
        "join": ("GET", f"/threads/{thread_id}/runs/{run_id}/join", None),
    }

    def listen(name: str) -> Reply:
        method, path, body = ways[name]

        def heard(chunk: bytes) -> None:
            pulses[name] += chunk in PULSES

        return read(calm, method, path, heard, json=body)

    with ThreadPoolExecutor() as pool:
        jobs = {name: pool.submit(listen, name) for name in ways}
        try:
            until_true(lambda: all(pulses[name] >= 2 for name in ways))
        finally:
            gate.touch()
        return {name: job.result() for name, job in jobs.items()}


def assert_about_every_five_seconds(reply: Reply, pulse: bytes) -> None:
    """None is too early, counted from the request; a machine may be late with any of them."""
    times = reply.times(pulse)
    assert all(4 * number < at for number, at in enumerate(times, 1)), times
    assert times[1] < 30, times


def test_a_silent_stream_sends_a_heartbeat_about_every_five_seconds(
    silence: dict[str, Reply],
) -> None:
    reply = silence["stream"]
    assert_about_every_five_seconds(reply, HEARTBEAT)
    assert [event for event, _, _ in reply.frames] == ["metadata", "updates"]


@pytest.mark.parametrize("way", ["wait", "join"])
def test_waiting_sends_a_newline_about_every_five_seconds(
    silence: dict[str, Reply], way: str
) -> None:
    reply = silence[way]
    *newlines, (_, answer) = reply.chunks
    assert {chunk for _, chunk in newlines} == {b"\n"}
    assert_about_every_five_seconds(reply, b"\n")
    assert orjson.loads(answer)["passed"] == 1
    assert reply.headers["content-type"] == "application/json"

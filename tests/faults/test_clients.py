"""Clients that never read, and clients that vanish, harm neither memory, nor others, nor a stop."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import psutil
import pytest
from faults.fleet import Fleet
from faults.places import SqlitePlace
from faults.watching import body, on_new_thread, output_of
from servers import until_true

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
CLIENTS = 50
STEPS, SAY_BYTES = 60, 100_000
MOST_GROWTH_BYTES = 150_000_000
RESET = struct.pack("ii", 1, 0)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("clients")
    made = Fleet(folder, SqlitePlace(folder / "data"))
    made.api()
    made.worker()
    yield made
    made.close()


def memory_bytes(fleet: Fleet) -> int:
    """Return what all API processes hold together."""
    master = psutil.Process(fleet.apis[0].pid)
    return sum(one.memory_info().rss for one in (master, *master.children(recursive=True)))


def plugged(fleet: Fleet, path: str, sent: Any = None) -> socket.socket:
    """Send a request over a socket whose answer has little room, and read none of it."""
    plug = socket.socket()
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plug.settimeout(30)
    plug.connect(("127.0.0.1", httpx.URL(fleet.apis[0].url).port or 0))
    content = b"" if sent is None else json.dumps(sent).encode()
    method = "GET" if sent is None else "POST"
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\n"
    head += "Last-Event-ID: -1\r\n" if sent is None else ""
    head += f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    plug.sendall(head.encode() + content)
    return plug


def hear_all(fleet: Fleet, path: str, sent: Any) -> None:
    """Follow from the beginning until each step is told."""
    method, heard = "GET" if sent is None else "POST", 0
    headers = {"Last-Event-ID": "-1"} if sent is None else {}
    url = fleet.apis[0].url + path
    with httpx.stream(method, url, json=sent, headers=headers, timeout=60) as answer:
        for line in answer.iter_lines():
            heard += len(line) > SAY_BYTES
            if heard == STEPS:
                return
    raise AssertionError(f"{heard} steps were heard")


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/runs/{run_id}/stream", None),
        ("/stream", None),
        ("/stream/events", {"channels": ["custom"]}),
    ],
    ids=["a run", "its thread", "the event protocol"],
)
def test_clients_that_never_read_cost_bounded_memory_and_disturb_nobody(
    fleet: Fleet, path: str, sent: Any
) -> None:
    given = body(steps=STEPS, stream_resumable=True, stream_mode="custom")
    given["input"] |= {"say_bytes": SAY_BYTES, "sleep_s": 0.02}
    run = on_new_thread(fleet, given)
    path = f"/threads/{run['thread_id']}" + path.format(**run)
    before = memory_bytes(fleet)
    with ExitStack() as plugs:
        for _ in range(CLIENTS // 2):
            plugs.enter_context(plugged(fleet, path, sent))
        assert len(output_of(fleet, run)["trail"]) == STEPS
        late = [plugs.enter_context(plugged(fleet, path, sent)) for _ in range(CLIENTS // 2)]
        assert {plug.recv(15) for plug in late} == {b"HTTP/1.1 200 OK"}
        hear_all(fleet, path, sent)
        grown = memory_bytes(fleet) - before
        assert grown < MOST_GROWTH_BYTES, f"grown by {grown}"
        assert output_of(fleet, on_new_thread(fleet, body()))["trail"] == ["i:1", "i:2"]
    assert fleet.get("/ok")["ok"] is True


def test_runs_whose_clients_vanish_are_cancelled_if_they_asked_for_it(fleet: Fleet) -> None:
    given = body(steps=2000, stream_mode="custom", on_disconnect="cancel", on_completion="keep")
    given["input"] |= {"sleep_s": 0.05}
    plugs = []
    for _ in range(8):
        thread_id = fleet.post("/threads", {})["thread_id"]
        plugs.append(plugged(fleet, f"/threads/{thread_id}/runs/stream", given))
    for plug in plugs:
        assert plug.recv(15) == b"HTTP/1.1 200 OK"
    until_true(lambda: running(fleet) >= 1)
    for number, plug in enumerate(plugs):
        if number % 2:
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        plug.close()
    until_true(lambda: running(fleet) == 0, 60)
    cut = fleet.rows("select count(*) from runs where status = 'interrupted'")
    assert cut == [(len(plugs),)]


def running(fleet: Fleet) -> int:
    rows = fleet.rows("select count(*) from runs where status in ('pending', 'running')")
    return int(rows[0][0])


def test_a_stop_waits_for_no_client_that_does_not_read(fleet: Fleet) -> None:
    given = body(steps=STEPS, stream_resumable=True, stream_mode="custom")
    given["input"] |= {"say_bytes": SAY_BYTES}
    run = on_new_thread(fleet, given)
    path = f"/threads/{run['thread_id']}/runs/{run['run_id']}/stream"
    output_of(fleet, run)
    with ExitStack() as plugs:
        for _ in range(CLIENTS // 2):
            plugs.enter_context(plugged(fleet, path))
        time.sleep(0.5)
        assert fleet.apis[0].stop(timeout_s=30) == 0, fleet.apis[0].log

"""Two API processes behind nginx are restarted one after the other: no request fails."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from factories import payloads, seq_of
from faults.fleet import Fleet
from faults.places import SqlitePlace, place_of_kind
from faults.proxy import behind_nginx
from faults.watching import body
from langgraph_sdk import get_client
from langgraph_sdk.schema import StreamPart
from servers import until_true

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
CLIENTS = 6
STREAMS = 4
STEPS = 60


@pytest.fixture(params=["sqlite", "postgres"])
def fleet(request: Any, tmp_path: Path) -> Iterator[Fleet]:
    with place_of_kind(request.param, tmp_path) as place:
        made = Fleet(tmp_path, place)
        for number in range(2):
            made.api(number)
        made.worker()
        yield made
        made.close()


class Asking:
    """Clients that create runs and read them back, as fast as they are answered."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._over = threading.Event()
        self.acked: list[str] = []
        self.answers: Counter[str] = Counter()
        self._threads = [threading.Thread(target=self._ask) for _ in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Asking:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        with httpx.Client(base_url=self._url, timeout=60) as client:
            while not self._over.is_set():
                try:
                    answer = client.post("/runs", json=body(on_completion="keep"))
                    self.answers[f"POST {answer.status_code}"] += 1
                    run = answer.json()
                    self.acked.append(run["run_id"])
                    path = f"/threads/{run['thread_id']}/runs/{run['run_id']}"
                    self.answers[f"GET {client.get(path).status_code}"] += 1
                except (httpx.HTTPError, ValueError, KeyError) as fault:
                    self.answers[repr(fault)] += 1


class Following:
    """Runs that are streamed through the SDK, which reconnects by itself."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.streams: list[list[StreamPart]] = [[] for _ in range(STREAMS)]
        self.faults: list[str] = []
        self._thread = threading.Thread(target=lambda: asyncio.run(self._follow()), daemon=True)
        self._thread.start()

    def wait_begun(self) -> None:
        until_true(lambda: all(self.streams) or bool(self.faults))

    def join(self) -> None:
        self._thread.join()

    async def _follow(self) -> None:
        await asyncio.gather(*map(self._one, self.streams))

    async def _one(self, heard: list[StreamPart]) -> None:
        given = body(steps=STEPS)["input"] | {"sleep_s": 0.1}
        try:
            async with get_client(url=self._url) as client:
                thread_id = (await client.threads.create())["thread_id"]
                run = client.runs.stream(
                    thread_id, "trail", input=given, stream_mode="custom", stream_resumable=True
                )
                async for part in run:
                    heard.append(part)
        except Exception:  # a client's edge: the words belong into the report
            self.faults.append(f"after {len(heard)} events: {traceback.format_exc()}")


def restart_all(fleet: Fleet, asking: Asking) -> None:
    """Restart one process after the other, each under load."""
    for api in fleet.apis:
        known = len(asking.acked)
        until_true(lambda known=known: len(asking.acked) > known + 20, 60)  # type: ignore[misc]
        assert api.stop() == 0, api.log
        api.start()
        api.wait_ok()


def test_a_rolling_restart_fails_no_request_and_loses_no_event(
    fleet: Fleet, tmp_path: Path
) -> None:
    with behind_nginx([api.url for api in fleet.apis], tmp_path / "nginx") as url:
        following = Following(url)
        with Asking(url) as asking:
            following.wait_begun()
            restart_all(fleet, asking)
        following.join()
    assert not following.faults, "\n".join(following.faults)
    assert set(asking.answers) == {"POST 200", "GET 200"}, asking.answers
    live = "select 1 from runs where status in ('pending', 'running')"
    until_true(lambda: fleet.rows(live) == [], 60)
    ended = fleet.rows("select status, count(*) from runs group by status")
    assert ended == [("success", len(asking.acked) + STREAMS)]
    for parts in following.streams:
        assert [seq_of(part.id) for part in parts] == list(range(1, len(parts) + 1))
        assert [data["step"] for data in payloads(parts, "custom")] == list(range(1, STEPS + 1))


async def test_a_stream_tells_all_though_its_run_ends_while_the_server_stops(
    tmp_path: Path,
) -> None:
    """The client notices nothing of the stop before the run is over."""
    made = Fleet(tmp_path, SqlitePlace(tmp_path / "data"))
    gates = tmp_path / "gates"
    gates.mkdir()
    (gates / "step-1").touch()

    def stop_until_the_run_is_over() -> None:
        assert made.apis[0].stop() == 0, made.apis[0].log
        (gates / "all").touch()
        until_true(lambda: made.rows("select status from ends") == [("success",)])
        made.api()

    try:
        url = made.api().url
        made.worker()
        heard: list[StreamPart] = []
        async with get_client(url=url) as client:
            thread_id = (await client.threads.create())["thread_id"]
            given = body(gates, steps=3)["input"]
            async for part in client.runs.stream(
                thread_id, "trail", input=given, stream_mode="custom", stream_resumable=True
            ):
                heard.append(part)
                if part.event == "custom" and part.data["step"] == 2:
                    stop_until_the_run_is_over()
        assert [data["step"] for data in payloads(heard, "custom")] == [1, 2, 3]
    finally:
        made.close()


def test_who_was_let_in_before_a_stop_is_answered(tmp_path: Path) -> None:
    """The requests come only after the signal, over connections that were made before it."""
    made = Fleet(tmp_path, SqlitePlace(tmp_path / "data"))
    port = httpx.URL(made.api().url).port or 0
    plugs = [socket.create_connection(("127.0.0.1", port), 10) for _ in range(20)]
    [serving] = psutil.Process(made.apis[0].pid).children()
    try:
        # It goes on once all of them are there: its patience is shorter than a busy machine's.
        serving.suspend()
        made.apis[0].ask_to_stop()
        until_true(lambda: is_told_to_end(serving.pid))
        for plug in plugs:
            plug.settimeout(30)
            plug.sendall(b"GET /ok HTTP/1.1\r\nHost: x\r\n\r\n")
        serving.resume()
        assert {plug.recv(15) for plug in plugs} == {b"HTTP/1.1 200 OK"}
        assert made.apis[0].stop() == 0, made.apis[0].log
    finally:
        for plug in plugs:
            plug.close()
        made.close()


def is_told_to_end(pid: int) -> bool:
    """Tell whether SIGTERM waits for a process that is stopped."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    pending = next(line.split()[1] for line in status if line.startswith("ShdPnd:"))
    return bool(int(pending, 16) & 1 << (signal.SIGTERM - 1))

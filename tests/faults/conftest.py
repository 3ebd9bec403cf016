"""Fleets that several modules strike, and a server that is killed twice under load."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from factories import FINAL
from faults.aftermath import KILLS, LONG_STEPS, Aftermath
from faults.blows import Clock
from faults.crowd import Crowd
from faults.fleet import Fleet
from faults.ledger import Ledger
from faults.places import place_of_kind
from langgraph_sdk import get_client
from servers import Server, until_true

PROJECT = Path(__file__).parent / "project" / "langgraph.json"
# Long enough that a worker which the machine keeps waiting for two seconds loses nothing by it.
BRIEF = {"GRAPHSTEAD_LEASE_S": "5", "GRAPHSTEAD_SWEEP_S": "0.3"}
LONG: dict[str, Any] = {"steps": LONG_STEPS, "sleep_s": 0.1}
STEPS_OF_A_PROCESS = LONG_STEPS // (KILLS + 1)


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def fleet(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    """Processes with short leases; what a test killed is started again by whoever needs it."""
    folder = tmp_path_factory.mktemp(f"fleet-{request.param}")
    clock = Clock(folder / "step", Ledger())
    with place_of_kind(request.param, folder) as place:
        made = Fleet(folder, place, **BRIEF, **clock.env)
        made.api()
        yield made
        made.close()


@pytest.fixture
def clock(fleet: Fleet) -> Iterator[Clock]:
    """The clock that all processes of the fleet go by; right again after each test."""
    yield Clock(fleet.folder / "step", Ledger())
    Clock(fleet.folder / "step", Ledger())


@pytest.fixture
def gates(tmp_path: Path) -> Path:
    """A folder that runs look into for what lets them pass."""
    folder = tmp_path / "gates"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aftermath]:
    """Load the server, kill it twice at random moments, let it work off what is left."""
    folder = tmp_path_factory.mktemp("faults")
    server = Server(folder / "data", config=PROJECT).start()
    crowd = Crowd(server.url, folder / "marks")
    crowd.marks.touch()
    crowd.gates.mkdir()
    _let_on(crowd, STEPS_OF_A_PROCESS)
    left = Aftermath(server, crowd, joined=_create_long_run(server, crowd), followed=[])
    follower = threading.Thread(target=lambda: asyncio.run(_follow(left)))
    follower.start()
    while not left.followed:
        time.sleep(0.05)
    crowd.start()
    for killed in range(KILLS):
        _wait_for_long_runs(left, killed + 1)
        until_true(lambda killed=killed: len(crowd.acked) > 30 * (killed + 1))  # type: ignore[misc]
        time.sleep(random.uniform(0.5, 1.3))
        _freeze_in_the_midst(left)
        server.restart(kill=True)
        _let_on(crowd, (killed + 2) * STEPS_OF_A_PROCESS)
    _wait_for_long_runs(left, KILLS + 1)
    (crowd.gates / "all").touch()
    crowd.stop()
    _drain(left)
    follower.join(60)
    yield left
    server.kill()


def _let_on(crowd: Crowd, steps: int) -> None:
    """Let the long runs do so many steps: none ends before the last process has its share."""
    for number in range(1, steps + 1):
        (crowd.gates / f"step-{number}").touch()


def _create_long_run(server: Server, crowd: Crowd) -> dict[str, str]:
    thread_id = server.post("/threads", {}).json()["thread_id"]
    body = crowd.long_body(**LONG, stream_mode="custom", stream_resumable=True)
    run: dict[str, str] = server.post(f"/threads/{thread_id}/runs", body).json()
    return run


async def _follow(left: Aftermath) -> None:
    """Stream a long run through the SDK, which reconnects by itself when the server is killed."""
    async with get_client(url=left.server.url) as client:
        thread_id = (await client.threads.create())["thread_id"]
        body = left.crowd.long_body(**LONG, stream_mode="custom", stream_resumable=True)
        stream = client.runs.stream(thread_id, **body)
        while stream is not None:
            stream = await _read(client, thread_id, stream, left.followed)


async def _read(client: Any, thread_id: str, stream: Any, parts: list[Any]) -> Any:
    """Read a stream; where the SDK gave up because the restart took long, return the next one."""
    try:
        async for part in stream:
            parts.append(part)
    except httpx.TransportError:
        await asyncio.sleep(0.2)
        run_id = parts[0].data["run_id"]
        return client.runs.join_stream(thread_id, run_id, last_event_id=parts[-1].id)
    return None


def _wait_for_long_runs(left: Aftermath, processes: int, timeout_s: float = 60) -> None:
    """Wait until both long runs have gone on in that many server processes.

    Whoever has begun a second step has stored what was told before it.
    """
    until = time.monotonic() + timeout_s
    for run_id in left.long_runs:
        while sum(number > 2 for number in left.marks_by_pid(run_id).values()) < processes:
            assert time.monotonic() < until, left.server.log
            time.sleep(0.05)


def _freeze_in_the_midst(left: Aftermath, timeout_s: float = 60) -> None:
    """Stop the server at a moment at which runs of the crowd are under way, too."""
    until = time.monotonic() + timeout_s
    while True:
        left.server.freeze()
        if left.crowd_is_under_way:
            return
        left.server.thaw()
        assert time.monotonic() < until, left.server.log
        time.sleep(0.05)


def _drain(left: Aftermath, timeout_s: float = 60) -> None:
    until = time.monotonic() + timeout_s
    final = ", ".join(f"'{status}'" for status in FINAL)
    open_runs = f"select count(*) from runs where status not in ({final})"
    while left.query(open_runs) != [(0,)]:
        assert time.monotonic() < until, left.query("select status, count(*) from runs group by 1")
        time.sleep(0.1)

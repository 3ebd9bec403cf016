"""A thousand open streams at two API processes, of runs in a worker process: how late events are.

    python -m benchmarks.streams [--runs 50] [--streams 1000] [--per-s 10] [--seconds 15]

Each run writes an event of some 180 bytes so many times a second, with the time in it; its streams
are spread over both API processes. Delay is from that time to the arrival at the client, which is
one process of raw sockets on the same machine and shares its processors. On Postgres, and with the
Redis of GRAPHSTEAD_TEST_REDIS beside it where that is set.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.client import Address, Connection, connections, encode
from benchmarks.places import KINDS, Place, places
from benchmarks.rounds import machine
from benchmarks.served import Kind, Served, served

MODULE = [sys.executable, "-m", "graphstead"]
SERVE = Kind("api", [*MODULE, "serve", "--port", "{port}"])
WORKER = Kind("worker", [*MODULE, "serve", "--port", "{port}", "--n-jobs-per-worker", "{jobs}"])
MARK = b'{"at":'


class Listener:
    """Hears one stream and notes how late each event was."""

    def __init__(self, delays_ms: list[float]) -> None:
        self._delays_ms = delays_ms
        self._rest = b""

    def __call__(self, part: bytes) -> None:
        now_s = time.time()
        *lines, self._rest = (self._rest + part).split(b"\n")
        for line in lines:
            place = line.find(MARK)
            if place >= 0:
                at_s = float(line[place + len(MARK) :].split(b",")[0])
                self._delays_ms.append(1000 * (now_s - at_s))


async def _started(connection: Connection, number: int, per_s: float) -> str:
    """Begin a run on a thread of its own; return the path of its stream."""
    thread_id = (await connection.call(encode("POST", "/threads", {}))).json()["thread_id"]
    body: dict[str, Any] = {
        "assistant_id": "ticks",
        "input": {"number": number, "seconds": 1 / per_s},
        "stream_mode": ["custom"],
        "stream_resumable": True,
        "after_seconds": 15,
    }
    made = await connection.call(encode("POST", f"/threads/{thread_id}/runs", body))
    return f"/threads/{thread_id}/runs/{made.json()['run_id']}/stream?stream_mode=custom"


async def _listen(apis: Sequence[Served], asked: argparse.Namespace) -> list[float]:
    """Start the runs, hear all streams to their end; return every delay in ms."""
    delays_ms: list[float] = []
    number = int(asked.per_s * asked.seconds)
    addresses: list[Address] = [api.address for api in apis]
    each = asked.streams // len(addresses)
    async with contextlib.AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(connections(at, each)) for at in addresses]
        first = opened[0]
        paths = await asyncio.gather(
            *(_started(first[n], number, asked.per_s) for n in range(asked.runs))
        )
        flat = [connection for some in opened for connection in some]
        await asyncio.gather(
            *(
                connection.call(encode("GET", paths[n % len(paths)]), Listener(delays_ms))
                for n, connection in enumerate(flat)
            )
        )
    return delays_ms


def measure(place: Place, asked: argparse.Namespace) -> None:
    env = {**place.env, "GRAPHSTEAD_DATABASE_CONNECTIONS": "9", "GRAPHSTEAD_LOG_LEVEL": "WARNING"}
    alone = {**env, "GRAPHSTEAD_RUN_WORKERS": "0"}
    with (
        served(SERVE, env=alone) as one,
        served(SERVE, env=alone) as two,
        served(WORKER, jobs=asked.runs, env=env) as worker,
    ):
        before_s = [at.cpu_s() for at in (one, two, worker)]
        began_s = time.time()
        delays_ms = asyncio.run(_listen([one, two], asked))
        took_s = time.time() - began_s
        used = [at.cpu_s() - was for at, was in zip((one, two, worker), before_s, strict=True)]
    expected = int(asked.per_s * asked.seconds) * asked.streams
    cuts = statistics.quantiles(delays_ms, n=100)
    print(
        f"| {place.kind} | {asked.runs} | {asked.streams} | {len(delays_ms):,} of {expected:,}"
        f" | {len(delays_ms) / asked.seconds:,.0f}/s | {cuts[49]:.0f} / {cuts[98]:.0f} ms"
        f" | {', '.join(f'{one:.1f}' for one in used)} s in {took_s:.0f} s |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--per-s", type=float, default=10)
    parser.add_argument("--seconds", type=float, default=15)
    asked = parser.parse_args()
    print(machine(), flush=True)
    print("| events in | runs | streams | heard | delivered | delay p50/p99 | processor |")
    with places([kind for kind in KINDS if kind in ("postgres", "redis")]) as made:
        for place in made:
            measure(place, asked)
    print(machine())


if __name__ == "__main__":
    main()

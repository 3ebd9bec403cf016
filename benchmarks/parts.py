"""What is measured at an Agent Server, one part each: an address in, one figure out.

Both servers get the same requests from the same client. A part is run on a fresh server, warmed
up once, and then once per round.
"""

from __future__ import annotations

import asyncio
import re
import statistics
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from benchmarks.client import (
    Address,
    Answer,
    Connection,
    closed_loop,
    connections,
    encode,
    in_turn,
)
from benchmarks.rounds import Target

__all__ = ["PARTS", "Figure", "Part", "Scale"]

LATER_S = 3600
CREATORS = 64
BATCH_CLIENTS = 4
ECHO: dict[str, Any] = {"assistant_id": "echo", "input": {"message": "x" * 200}}
BEGAN = re.compile(rb'"at":\s*([0-9.]+)')
ENDED = frozenset({"success", "error", "timeout", "interrupted"})


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything: short for a look, full for figures worth writing down."""

    seconds: float
    drained: int
    waits: int
    chunks: int
    stream_chunks: int
    steps: int
    burn_s: float

    @classmethod
    def short(cls) -> Scale:
        return cls(2.0, 300, 5, 2_000, 100, 50, 2.0)

    @classmethod
    def full(cls) -> Scale:
        return cls(5.0, 1_000, 15, 5_000, 400, 50, 4.0)


@dataclass(frozen=True, slots=True)
class Figure:
    """What a part measured, and over how many items: runs, chunks, steps."""

    value: float
    items: int


Measure = Callable[[Address, Scale], Awaitable[Figure]]


@dataclass(frozen=True, slots=True)
class Part:
    """One measure; `jobs` is how many runs the server may carry out at a time."""

    name: str
    unit: str
    target: Target
    measure: Measure
    jobs: int = 10


async def creates(address: Address, scale: Scale) -> Figure:
    """Runs created per second by 64 clients; they fall due in an hour, so none is carried out."""
    request = encode("POST", "/runs", {**ECHO, "after_seconds": LATER_S})
    rate, latencies = await closed_loop(address, CREATORS, scale.seconds, request)
    return Figure(rate, len(latencies))


async def batches(address: Address, scale: Scale) -> Figure:
    """Runs created per second in batches of a hundred, by four clients."""
    request = encode("POST", "/runs/batch", [{**ECHO, "after_seconds": LATER_S}] * 100)
    rate, latencies = await closed_loop(address, BATCH_CLIENTS, scale.seconds, request)
    return Figure(rate * 100, len(latencies) * 100)


async def drain(address: Address, scale: Scale) -> Figure:
    """Runs created by 64 clients and carried out, per second from the first to the last end.

    The run created last is looked at every 20 ms; once it has ended every other one is checked.
    """
    request = encode("POST", "/runs", {**ECHO, "on_completion": "keep"})
    async with connections(address, CREATORS) as opened:
        began = time.perf_counter()
        made = await in_turn(opened, [request] * scale.drained, _json)
        ended_at = await _all_ended(opened[0], made)
        return Figure(scale.drained / (ended_at - began), scale.drained)


async def _json(connection: Connection, request: bytes) -> Any:
    return (await connection.call(request)).json()


async def _all_ended(connection: Connection, made: list[Any]) -> float:
    """Return when the last of these runs was seen to have ended; raise for a failed one."""
    ended_at = 0.0
    for run in reversed(made):
        looked, status = 0, ""
        path = f"/threads/{run['thread_id']}/runs/{run['run_id']}"
        while status not in ENDED:
            if looked:
                await asyncio.sleep(0.02)
            status = (await connection.call(encode("GET", path))).json()["status"]
            looked += 1
        if status != "success":
            raise RuntimeError(f"run {run['run_id']} ended with {status}")
        if looked > 1 or not ended_at:
            ended_at = time.perf_counter()
    return ended_at


async def wait_p50(address: Address, scale: Scale) -> Figure:
    """Milliseconds until the output of a run that does nothing, one at a time."""
    request = encode("POST", "/runs/wait", ECHO)
    found = []
    async with connections(address, 1) as (connection,):
        for _ in range(scale.waits):
            began = time.perf_counter()
            (await connection.call(request)).json()
            found.append((time.perf_counter() - began) * 1000)
    return Figure(statistics.median(found), len(found))


async def first_token(address: Address, scale: Scale) -> Figure:
    """Milliseconds until the first token of a model that answers at once, one run at a time."""
    body = {
        "assistant_id": "tokens",
        "input": {"messages": [{"role": "user", "content": "hello"}]},
        "stream_mode": ["messages-tuple"],
    }
    request = encode("POST", "/runs/stream", body)
    found = []
    async with connections(address, 1) as (connection,):
        for _ in range(scale.waits):
            heard = Heard(b"event: messages")
            began = time.perf_counter()
            heard.check(await connection.call(request, heard))
            found.append((heard.first_at - began) * 1000)
    return Figure(statistics.median(found), len(found))


@dataclass(slots=True)
class Heard:
    """Counts a stream's events with a given beginning, and notes when the first was heard."""

    mark: bytes
    count: int = 0
    first_at: float = 0.0
    began_at: float = 0.0
    _rest: bytes = field(default=b"")

    def __call__(self, part: bytes) -> None:
        text = self._rest + part
        number = text.count(self.mark)
        if number and not self.count:
            self.first_at = time.perf_counter()
        if not self.began_at and (told := BEGAN.search(text)):
            self.began_at = float(told[1])
        self.count += number
        # What is kept is shorter than the mark, so that nothing is counted twice.
        self._rest = text[len(text) - len(self.mark) + 1 :]

    def check(self, answer: Answer, number: int | None = None) -> None:
        """Raise RuntimeError for a failed stream or a wrong number of events."""
        if answer.status != 200 or not self.count or number not in (None, self.count):
            raise RuntimeError(f"status {answer.status}, {self.count} events of {number}")


async def streams(address: Address, scale: Scale, *, number: int, chunks: int) -> Figure:
    """Custom chunks per second over `number` streams at once.

    The clock runs from the moment at which the first graph begins, which it tells in its first
    chunk, until the end of the last stream: how long a run takes to begin is another part.
    """
    body = {"assistant_id": "chunks", "input": {"number": chunks}, "stream_mode": ["custom"]}
    request = encode("POST", "/runs/stream", body)
    seconds = await _streamed(address, [request] * number, chunks + 1)
    return Figure(number * chunks / seconds, number * chunks)


async def one_stream(address: Address, scale: Scale) -> Figure:
    """Chunks per second of one stream."""
    return await streams(address, scale, number=1, chunks=scale.chunks)


async def fifty_streams(address: Address, scale: Scale) -> Figure:
    """Chunks per second over fifty streams together."""
    return await streams(address, scale, number=50, chunks=scale.stream_chunks)


async def _streamed(address: Address, requests: list[bytes], count: int) -> float:
    """Stream all at once, `count` custom events each; return the seconds that graphs ran."""
    all_heard: list[Heard] = []

    async def one(connection: Connection, request: bytes) -> None:
        heard = Heard(b"event: custom")
        heard.check(await connection.call(request, heard), count)
        all_heard.append(heard)

    async with connections(address, len(requests)) as opened:
        await asyncio.gather(*map(one, opened, requests))
        return time.time() - min(heard.began_at for heard in all_heard)


async def graph_steps(address: Address, scale: Scale, *, durability: str) -> Figure:
    """Super-steps per second of twenty runs at once, each on a thread of its own.

    Every step adds 200 bytes to the state. The streams tell nothing but when the graph began.
    """
    body = {
        "assistant_id": "steps",
        "input": {"number": 0, "steps": scale.steps},
        "config": {"recursion_limit": scale.steps + 10},
        "durability": durability,
        "stream_mode": ["custom"],
        "if_not_exists": "create",
    }
    requests = [encode("POST", f"/threads/{uuid.uuid4()}/runs/stream", body) for _ in range(20)]
    seconds = await _streamed(address, requests, 1)
    return Figure(20 * scale.steps / seconds, 20 * scale.steps)


async def health_p99(address: Address, scale: Scale) -> Figure:
    """99th percentile in ms of GET /ok while an async node holds a processor.

    Asked every 10 ms whatever became of the questions before; a late answer counts from when it
    was due.
    """
    body = {"assistant_id": "burn", "input": {"seconds": scale.burn_s}}
    async with connections(address, 1) as (burning,):
        run = asyncio.create_task(burning.call(encode("POST", "/runs/wait", body)))
        # The reference takes up to a second to begin a run; what counts is the time it burns.
        await asyncio.sleep(1.1)
        found = await _ask_on_time(address, scale.burn_s - 0.2)
        (await run).json()
    return Figure(statistics.quantiles(found, n=100)[98], len(found))


async def _ask_on_time(address: Address, seconds: float) -> list[float]:
    found: list[float] = []
    request = encode("GET", "/ok")

    async def ask(connection: Connection, due: float) -> None:
        await connection.call(request)
        found.append((time.perf_counter() - due) * 1000)

    number = int(seconds / 0.01)
    async with connections(address, number) as opened, asyncio.TaskGroup() as group:
        began = time.perf_counter()
        for index, connection in enumerate(opened):
            due = began + index * 0.01
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(ask(connection, due))
    return found


steps_async = partial(graph_steps, durability="async")
steps_sync = partial(graph_steps, durability="sync")
steps_exit = partial(graph_steps, durability="exit")

PARTS = (
    Part("runs created, 64 clients", "/s", Target(1.0), creates),
    Part("runs created and drained", "/s", Target(1.0), drain),
    Part("batch items", "/s", Target(4.0), batches),
    Part("wait, p50", "ms", Target(1 / 50, "less"), wait_p50),
    Part("first token, p50", "ms", Target(1 / 50, "less"), first_token),
    Part("chunks, one stream", "/s", Target(4.0), one_stream),
    Part("chunks, 50 streams", "/s", Target(2.0), fifty_streams, jobs=50),
    Part("graph steps, async", "/s", Target(0.9), steps_async, jobs=20),
    Part("graph steps, sync", "/s", Target(0.7), steps_sync, jobs=20),
    Part("graph steps, exit", "/s", Target(1.5), steps_exit, jobs=20),
    Part("health under a busy node, p99", "ms", Target(1 / 40, "less"), health_p99),
)

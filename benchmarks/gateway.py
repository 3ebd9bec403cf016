"""What the gateway costs: the same requests to a server directly, and through gateways before it.

    python -m benchmarks.gateway [--rounds 5] [--short]

One `graphstead dev`, a reporting and an enforcing gateway before it, all in one run. Latencies
are taken in turn, request by request; rates one after the other in every round. Exits with 1
where the first byte of a stream comes more than 2 ms later.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field

import uvloop

from benchmarks.client import Address, Answer, Connection, closed_loop, connections, encode
from benchmarks.parts import Scale, one_stream
from benchmarks.rounds import Comparison, machine, table
from benchmarks.served import Kind, Served, graphstead, served

CLIENTS = 16
LATER_MS = 2.0
MODES = ("report", "enforce")
WAYS = ("direct", *MODES)
SEARCH = encode("POST", "/threads/search", {"limit": 10})
STREAM = encode(
    "POST",
    "/runs/stream",
    {
        "assistant_id": "tokens",
        "input": {"messages": [{"role": "user", "content": "hello"}]},
        "stream_mode": ["messages-tuple"],
    },
)


@dataclass(slots=True)
class Figures:
    """What was found on one way, a value per round; `cpu_us` is that of the gateway alone."""

    answer_ms: list[float] = field(default_factory=list)
    first_ms: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)
    chunks: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)


def gateway(mode: str, upstream: Address) -> Kind:
    """Return a gateway before a server."""
    words = ["{python}", "-m", "graphstead", "gateway", "--mode", mode, "--profile", "full"]
    return Kind(mode, [*words, "--upstream", f"http://127.0.0.1:{upstream.port}", *PORT])


PORT = ("--port", "{port}", "--server-log-level", "WARNING")


async def in_turns(servers: Mapping[str, Served], number: int) -> dict[str, tuple[float, float]]:
    """Return medians in ms by way: a whole answer, and the first byte of a stream."""
    answers: dict[str, list[float]] = {way: [] for way in WAYS}
    firsts: dict[str, list[float]] = {way: [] for way in WAYS}
    async with AsyncExitStack() as stack:
        opened: dict[str, Connection] = {}
        for way, server in servers.items():
            [opened[way]] = await stack.enter_async_context(connections(server.address, 1))
        for _ in range(number):
            for way, connection in opened.items():
                answers[way].append(await _answer_ms(connection))
                firsts[way].append(await _first_byte_ms(connection))
    return {way: (statistics.median(answers[way]), statistics.median(firsts[way])) for way in WAYS}


async def _answer_ms(connection: Connection) -> float:
    began_s = time.perf_counter()
    (await connection.call(SEARCH)).json()
    return (time.perf_counter() - began_s) * 1000


async def _first_byte_ms(connection: Connection) -> float:
    """Return when the first event arrived, counted from the request."""
    heard_s: list[float] = []

    def heard(part: bytes) -> None:
        heard_s.append(time.perf_counter())

    began_s = time.perf_counter()
    answer: Answer = await connection.call(STREAM, heard)
    if answer.status != 200 or not heard_s:
        raise RuntimeError(f"status {answer.status}")
    return (heard_s[0] - began_s) * 1000


async def rate(server: Served, seconds: float) -> tuple[float, float]:
    """Return searches/s of 16 clients, and the processor time of the process for each in µs."""
    before_s = server.cpu_s()
    found, latencies = await closed_loop(server.address, CLIENTS, seconds, SEARCH)
    return found, (server.cpu_s() - before_s) / len(latencies) * 1e6


def measure(servers: Mapping[str, Served], rounds: int, scale: Scale) -> dict[str, Figures]:
    """Go all ways in every round, after a warm-up that does not count."""
    found = {way: Figures() for way in WAYS}
    number = max(20, scale.waits * 4)
    uvloop.run(in_turns(servers, 5))
    for _ in range(rounds):
        for way, (answer_ms, first_ms) in uvloop.run(in_turns(servers, number)).items():
            found[way].answer_ms.append(answer_ms)
            found[way].first_ms.append(first_ms)
        for way, server in servers.items():
            per_s, cpu_us = uvloop.run(rate(server, scale.seconds))
            found[way].rate.append(per_s)
            found[way].cpu_us.append(cpu_us)
            found[way].chunks.append(uvloop.run(_chunks(server.address, scale)))
    return found


async def _chunks(address: Address, scale: Scale) -> float:
    return (await one_stream(address, scale)).value


def compare(found: Mapping[str, Figures]) -> list[Comparison]:
    """Put each way beside the direct one."""
    direct = found["direct"]
    rows = []
    for mode in MODES:
        through = found[mode]
        pairs = (
            ("answer, p50", "ms", through.answer_ms, direct.answer_ms),
            ("first byte of a stream, p50", "ms", through.first_ms, direct.first_ms),
            ("searches, 16 clients", "req/s", through.rate, direct.rate),
            ("chunks, one stream", "/s", through.chunks, direct.chunks),
            ("processor, gateway / server", "µs", through.cpu_us, direct.cpu_us),
        )
        rows += [Comparison(f"{mode}: {name}", *rest, None) for name, *rest in pairs]
    return rows


def later_ms(mine: Sequence[float], direct: Sequence[float]) -> float:
    """Return how much later, as the median over the rounds."""
    return statistics.median(a - b for a, b in zip(mine, direct, strict=True))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--short", action="store_true")
    given = parser.parse_args()
    print(machine())
    scale = Scale.short() if given.short else Scale.full()
    with ExitStack() as stack:
        server = stack.enter_context(served(graphstead()))
        servers = {"direct": server} | {
            mode: stack.enter_context(served(gateway(mode, server.address), project=None))
            for mode in MODES
        }
        found = measure(servers, given.rounds, scale)
    print(table(compare(found)))
    late = {mode: later_ms(found[mode].first_ms, found["direct"].first_ms) for mode in MODES}
    for mode, milliseconds in late.items():
        print(f"{mode}: the first byte comes {milliseconds:.2f} ms later (at most {LATER_MS:g})")
    return int(max(late.values()) > LATER_MS)


if __name__ == "__main__":
    sys.exit(main())

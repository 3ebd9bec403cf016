"""What the contract costs: `POST /runs` through this server's layers, Starlette and FastAPI.

    python -m benchmarks.overhead [--rounds 5] [--seconds 3]

One uvicorn process each (uvloop, httptools), 16 connections, in turn. Exits with 1 where a target
is missed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import uvloop

from benchmarks.client import closed_loop, encode
from benchmarks.peers import REQUEST
from benchmarks.rounds import Comparison, Target, exit_code, machine, table
from benchmarks.served import Kind, Served, served

CLIENTS = 16
WARM_UP_S = 0.5
ROOT = Path(__file__).resolve().parent.parent
PEERS = ("contract", "logged", "starlette", "fastapi")
COMPARED = (
    ("contract", "starlette", Target(0.8)),
    ("contract", "fastapi", Target(1.5)),
    ("logged", "starlette", None),
)


def uvicorn(factory: str) -> Kind:
    """Return one of the peers behind one uvicorn worker."""
    options = "--loop uvloop --http httptools --log-level warning --no-access-log --factory"
    app = f"benchmarks.peers:{factory}"
    return Kind(factory, ["{python}", "-m", "uvicorn", app, *options.split(), "--port", "{port}"])


async def one_round(server: Served, seconds: float) -> tuple[float, float, float]:
    """Return requests/s, p99 in ms, and the server's processor time per request in µs."""
    request = encode("POST", "/runs", REQUEST)
    await closed_loop(server.address, CLIENTS, WARM_UP_S, request)
    before_s = server.cpu_s()
    rate, latencies = await closed_loop(server.address, CLIENTS, seconds, request)
    cpu_us = (server.cpu_s() - before_s) / len(latencies) * 1e6
    return rate, statistics.quantiles(latencies, n=100)[98] * 1000, cpu_us


def measure(rounds: int, seconds: float) -> dict[str, list[tuple[float, float, float]]]:
    """Load every peer once per round."""
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in PEERS}
    environment = {"PYTHONPATH": str(ROOT)}
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(served(uvicorn(name), project=None, env=environment))
            for name in PEERS
        }
        for _ in range(rounds):
            for name, server in servers.items():
                found[name].append(uvloop.run(one_round(server, seconds)))
    return found


def compare(found: Mapping[str, Sequence[tuple[float, float, float]]]) -> list[Comparison]:
    """Put the rounds beside each other: rates against targets, processor time for the reader."""
    rates = {name: [rate for rate, _, _ in values] for name, values in found.items()}
    cpu = {name: [used for _, _, used in values] for name, values in found.items()}
    return [
        *(
            Comparison(f"{mine} / {theirs}", "req/s", rates[mine], rates[theirs], target)
            for mine, theirs, target in COMPARED
        ),
        *(
            Comparison(f"{mine} / {theirs}, processor", "µs", cpu[mine], cpu[theirs], None)
            for mine, theirs, _ in COMPARED
        ),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    given = parser.parse_args()
    print(machine())
    found = measure(given.rounds, given.seconds)
    comparisons = compare(found)
    print(table(comparisons))
    for name, values in found.items():
        print(f"{name}: p99 {statistics.median(late for _, late, _ in values):.1f} ms")
    return exit_code(comparisons)


if __name__ == "__main__":
    sys.exit(main())

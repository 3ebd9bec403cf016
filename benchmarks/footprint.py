"""Memory and start-up time beside the reference's development server.

    python -m benchmarks.footprint --reference "langgraph dev" [--rounds 3]

Memory is the proportional set size of the whole process tree: idle two seconds after the first
answer, and the peak while runs are drained and twenty streams are open. Start-up is the time from
the command to the first 200 of /ok. Exits with 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from dataclasses import dataclass, field
from functools import partial

import uvloop

from benchmarks.parts import Scale, drain, streams
from benchmarks.rounds import Comparison, Target, exit_code, machine, table
from benchmarks.served import Kind, Served, graphstead, reference, served

SETTLE_S = 2.0
SAMPLE_S = 0.1
JOBS = 20


@dataclass(slots=True)
class Weights:
    """What one server took, a value per round."""

    start_s: list[float] = field(default_factory=list)
    idle_mb: list[float] = field(default_factory=list)
    peak_mb: list[float] = field(default_factory=list)


class Peak:
    """Watches the memory of a server from a thread while something loads it."""

    def __init__(self, server: Served) -> None:
        self.mb = 0.0
        self._server = server
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(SAMPLE_S):
            self.mb = max(self.mb, self._server.memory_mb())


async def load(server: Served, scale: Scale) -> None:
    """Create and drain runs, then stream from twenty at once."""
    await drain(server.address, scale)
    await streams(server.address, scale, number=JOBS, chunks=scale.stream_chunks)


def weigh(kind: Kind, scale: Scale, found: Weights) -> None:
    """Start the server once and note all three."""
    with served(kind, jobs=JOBS) as server:
        found.start_s.append(server.start_s)
        time.sleep(SETTLE_S)
        found.idle_mb.append(server.memory_mb())
        with Peak(server) as peak:
            uvloop.run(load(server, scale))
        found.peak_mb.append(peak.mb)


def compare(ours: Weights, theirs: Weights) -> list[Comparison]:
    """Put the rounds beside each other; nothing may take more than the reference."""
    made = partial(Comparison, target=Target(1.0, "less"))
    return [
        made("start-up until /ok", "s", ours.start_s, theirs.start_s),
        made("memory, idle", "MB", ours.idle_mb, theirs.idle_mb),
        made("memory, peak under load", "MB", ours.peak_mb, theirs.peak_mb),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--reference", required=True, help="its command, as 'langgraph dev'")
    parser.add_argument("--ours", help="command of this server; 'graphstead dev' is the default")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--short", action="store_true", help="less load: for a look")
    given = parser.parse_args()
    scale = Scale.short() if given.short else Scale.full()
    print(machine(), flush=True)
    ours, theirs = Weights(), Weights()
    for _ in range(given.rounds):
        weigh(graphstead(given.ours), scale, ours)
        weigh(reference(given.reference), scale, theirs)
    comparisons = compare(ours, theirs)
    print(table(comparisons))
    return exit_code(comparisons)


if __name__ == "__main__":
    sys.exit(main())

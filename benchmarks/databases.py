"""How fast runs are made, claimed and ended on each database, side by side in one run.

    python -m benchmarks.databases [--runs 2000] [--seconds 4] [--rounds 3] [--only sqlite postgres]

`create` is one transaction each, twenty at a time. `claim -> finish` is one worker process with ten
slots whose runs do nothing but end with an event; its processor time is told beside it. `start
delay` is from the making of a run, by one process at the pace asked for, to its claim in another.
`procrastinate` is Postgres where its jobs deliver due runs; `redis` is Postgres whose events lie in
Redis (GRAPHSTEAD_TEST_REDIS=redis://...).
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import statistics
import time
from collections.abc import Callable, Sequence

from benchmarks.lives import create_many, seed, start_delays, work_off
from benchmarks.places import KINDS, Place, places
from benchmarks.rounds import machine

PACES = (20, 200, 500)
Figures = dict[str, float]


def throughput(place: Place, number: int) -> Figures:
    """Return runs made and runs claimed and ended per second, and the processor's ms for each."""
    storage = place.open()
    storage.write_blocking(seed)
    made = asyncio.run(create_many(storage, number))
    cpu_s, began_s = time.process_time(), time.perf_counter()
    done = asyncio.run(work_off(storage))
    took_s = time.perf_counter() - began_s
    cpu_s = time.process_time() - cpu_s
    storage.close()
    assert done >= number
    return {"create": made, "drain": done / took_s, "cpu_ms": 1000 * cpu_s / done}


def in_a_process(work: Callable[..., Figures], *args: object) -> Figures:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, args)


def measure(place: Place, runs: int, seconds: float) -> Figures:
    found = in_a_process(throughput, place, runs)
    for pace in PACES:
        p50, p99 = start_delays(place, pace, seconds)
        found |= {f"p50 at {pace}": p50, f"p99 at {pace}": p99}
    return found


def told(kind: str, rounds: Sequence[Figures], baseline: Sequence[Figures]) -> str:
    """Return a row: medians, and the ratio of claim -> finish to the first kind's, per round."""

    def middle(name: str) -> float:
        return statistics.median(one[name] for one in rounds)

    ratios = [one["drain"] / other["drain"] for one, other in zip(rounds, baseline, strict=True)]
    cells = [
        kind,
        f"{middle('create'):,.0f}",
        f"{middle('drain'):,.0f}",
        f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
        f"{middle('cpu_ms'):.2f} ms",
        *(f"{middle(f'p50 at {pace}'):.1f}/{middle(f'p99 at {pace}'):.0f}" for pace in PACES),
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=KINDS, default=KINDS)
    asked = parser.parse_args()
    print(machine(), flush=True)
    found: dict[str, list[Figures]] = {kind: [] for kind in asked.only}
    with places(asked.only) as made:
        for _ in range(asked.rounds):
            for place in made:
                found[place.kind].append(measure(place, asked.runs, asked.seconds))
                print(place.kind, {k: round(v, 2) for k, v in found[place.kind][-1].items()})
    paces = " | ".join(f"at {pace}/s" for pace in PACES)
    print(f"| database | create/s | claim -> finish/s | / {asked.only[0]} | processor | {paces} |")
    print(f"|{'---|' * (5 + len(PACES))}")
    for kind, rounds in found.items():
        print(told(kind, rounds, found[asked.only[0]]))
    print(machine())


if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    main()

"""How much more several worker processes get done, and how soon a killed one's runs go on.

    python -m benchmarks.workers [--runs 2000] [--rounds 3]

`claim -> finish` by 1, 2 and 4 processes on one database, each with ten slots; beside it the
processor time of all of them for each run, which a busy machine changes least. Then a worker with
running runs is killed (SIGKILL) beside another server: how long until that one has claimed them
again. The other sees a lock that died, and a process that is gone from its host; from another host
it would see the lease alone.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import statistics
import time
from multiprocessing.synchronize import Barrier

from benchmarks.lives import CLOCK, create, create_many, seed, work_off
from benchmarks.places import Place, places
from benchmarks.rounds import machine
from graphstead.engine import transitions
from graphstead.engine.upkeep import Upkeep
from graphstead.settings import Settings

PROCESSES = (1, 2, 4)
KILLED_RUNS = 5


def worker(place: Place, name: str, start: Barrier, told: multiprocessing.Queue[tuple]) -> None:  # type: ignore[type-arg]
    """Work off what is due, from a moment that all share; tell how it went."""
    storage = place.open()
    start.wait(120)
    began_s, cpu_s = time.time(), time.process_time()
    done = asyncio.run(work_off(storage, name))
    told.put((began_s, time.time(), time.process_time() - cpu_s, done))
    storage.close()


def speed(place: Place, runs: int, number: int) -> tuple[float, float]:
    """Return runs per second of so many processes together, and the processor's ms for each."""
    storage = place.open()
    asyncio.run(create_many(storage, runs))
    storage.close()
    start = multiprocessing.Barrier(number)
    told: multiprocessing.Queue[tuple[float, float, float, int]] = multiprocessing.Queue()
    processes = [
        multiprocessing.Process(target=worker, args=(place, f"w{n}", start, told))
        for n in range(number)
    ]
    for process in processes:
        process.start()
    found = [told.get(timeout=600) for _ in processes]
    for process in processes:
        process.join()
    done = sum(one[3] for one in found)
    took_s = max(one[1] for one in found) - min(one[0] for one in found)
    return done / took_s, 1000 * sum(one[2] for one in found) / done


def doomed(place: Place, told: multiprocessing.Queue[str]) -> None:
    """Claim a few runs as a worker that lives, and wait to be killed."""
    storage, worker_id = place.open(), CLOCK.new_id()
    upkeep = Upkeep(worker_id, storage, Settings(), CLOCK)
    upkeep.start()
    storage.write_blocking(lambda tx: transitions.claim(tx, worker_id, KILLED_RUNS, CLOCK))
    told.put(worker_id)
    time.sleep(600)


def recovery_s(place: Place) -> float:
    """Return how long after a kill its runs have been claimed by somebody else."""
    told: multiprocessing.Queue[str] = multiprocessing.Queue()
    storage = place.open()
    for _ in range(KILLED_RUNS):
        asyncio.run(create(storage))
    other, upkeep = multiprocessing.Process(target=doomed, args=(place, told)), None
    other.start()
    told.get(timeout=120)
    mine = CLOCK.new_id()
    upkeep = Upkeep(mine, storage, Settings(), CLOCK)
    upkeep.start()
    # Long enough for this process to have seen the other alive.
    time.sleep(1.5)
    other.kill()
    other.join()  # or its number would stay taken, as if it lived
    killed_s, taken = time.monotonic(), 0
    while taken < KILLED_RUNS:
        taken += len(
            storage.write_blocking(lambda tx: transitions.claim(tx, mine, KILLED_RUNS, CLOCK))
        )
        time.sleep(0.01)
    took_s = time.monotonic() - killed_s
    upkeep.stop()
    storage.close()
    return took_s


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    print(machine(), flush=True)
    with places(["sqlite", "postgres"]) as made:
        for place in made:
            storage = place.open()
            storage.write_blocking(seed)
            storage.close()
        for _ in range(asked.rounds):
            for place in made:
                speeds = [speed(place, asked.runs, number) for number in PROCESSES]
                told = "  ".join(
                    f"{number}: {rate:,.0f}/s ({rate / speeds[0][0]:.2f}), {cpu_ms:.2f} ms"
                    for number, (rate, cpu_ms) in zip(PROCESSES, speeds, strict=True)
                )
                print(f"{place.kind:10} processes {told}", flush=True)
        for place in made:
            found = [recovery_s(place) for _ in range(asked.rounds)]
            told = ", ".join(f"{one:.2f}" for one in found)
            print(f"{place.kind:10} killed, claimed again after {told} s", flush=True)
            assert statistics.median(found) > 0
    print(machine())


if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    main()
